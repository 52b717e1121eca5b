// Runs before anything of the page: counts, by the position of the sound alone, what is played.

window.robot = { played: [], positions: [] };

const SAMPLED_MS = 15;
const MOST_MS = 500; // between two samples; a longer step is a jump

/** Begins with the page's only audio element. */
function sample(last) {
  const element = document.querySelector("audio");
  const now = element && !element.paused && !element.seeking ? element.currentTime * 1000 : null;
  if (now !== null && last !== null && now > last && now - last < MOST_MS) robot.played.push([last, now]);
  setTimeout(sample, SAMPLED_MS, now);
}
setTimeout(sample, 0, null);

robot.state = () => {
  const { paused, buffered, readyState, currentTime } = document.querySelector("audio");
  return { paused, held: buffered.length, ready: readyState, src: document.querySelector("audio").hasAttribute("src"), at: currentTime };
};

/** Nothing sounds, and nothing is left that could. */
robot.isSilent = () => {
  const { paused, held, ready, src } = robot.state();
  return paused && held === 0 && ready === 0 && !src;
};

robot.isPlaying = () => {
  const element = document.querySelector("audio");
  return !element.paused && !element.seeking && element.readyState > 2;
};

/** What goes to the loudspeaker, of each channel. */
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (to, ...more) {
  if (to instanceof AudioDestinationNode) {
    const splitter = this.context.createChannelSplitter(2);
    connect.call(this, splitter);
    robot.taps = [0, 1].map((channel) => {
      const tap = new AnalyserNode(this.context, { fftSize: 16384 });
      connect.call(splitter, tap, channel);
      return tap;
    });
  }
  return connect.call(this, to, ...more);
};

/** Of the last 46 ms that came out. */
robot.levels = () => robot.taps.map((tap) => {
  const samples = samplesOf(tap).slice(-2048);
  return samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
});

const LOUD = 0.2;

robot.isQuiet = () => robot.taps.every((tap) => samplesOf(tap).every((value) => Math.abs(value) <= LOUD));

/** The position, in ms, at which the next loud sample of either channel comes out; null if none does before `endS`. */
robot.onset = async (endS) => {
  const element = document.querySelector("audio");
  while (element.currentTime < endS) {
    await new Promise(requestAnimationFrame);
    for (const tap of robot.taps) {
      const samples = samplesOf(tap);
      const first = samples.findIndex((value) => Math.abs(value) > LOUD);
      if (first >= 0) return element.currentTime * 1000 - ((samples.length - first) / tap.context.sampleRate) * 1000;
    }
  }
  return null;
};

/** What came out last: 0.37 s at 44.1 kHz. */
function samplesOf(tap) {
  const samples = new Float32Array(tap.fftSize);
  tap.getFloatTimeDomainData(samples);
  return samples;
}
