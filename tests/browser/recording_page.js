// Plays a track of the recording, and measures what comes out of it.

import { Heard } from "/static/heard.js";
import { Sound } from "/static/sound.js";

const LOUD = 0.2;
const SAMPLES = 8192; // 171 ms: a click is seen also where the machine is busy for that long

window.element = document.querySelector("audio");
window.failures = [];

window.openSound = (track, position = 0, more = {}) => {
  const init = async (signal) => {
    const { headers, body } = await get(`/${track}/init`, signal);
    return { body, codec: headers.get("X-Codec"), durationMs: Number(headers.get("X-Duration")) };
  };
  const piece = async (fromMs, signal) => {
    const { headers, body } = await get(`/${track}/piece/${fromMs}`, signal);
    if (headers.get("X-Told") === "refused") throw new Error("refused");
    return headers.has("X-Told") ? null : { body, fromMs: Number(headers.get("X-From")), toMs: Number(headers.get("X-To")) };
  };
  window.sound = new Sound({ element, init, piece, position, ...more });
  sound.addEventListener("failed", ({ detail }) => failures.push(detail.message));
  window.heard = new Heard();
  heard.follow(sound);
};

window.get = async (url, signal) => {
  const response = await fetch(url, { signal });
  return { headers: response.headers, body: await response.arrayBuffer() };
};

/** The element's two channels, each behind a volume of its own, and what comes out of them. */
window.openChannels = () => {
  const context = new AudioContext();
  const splitter = context.createChannelSplitter(2);
  const merger = context.createChannelMerger(2);
  context.createMediaElementSource(element).connect(splitter);
  window.channels = [0, 1].map((n) => {
    const volume = context.createGain();
    const level = new AnalyserNode(context, { fftSize: SAMPLES });
    splitter.connect(volume, n);
    volume.connect(level).connect(merger, 0, n);
    return { volume: volume.gain, level, rate: context.sampleRate };
  });
  merger.connect(context.destination);
  window.audioClock = () => context.currentTime;
  return context.resume();
};

/** The position, in ms, at which the next loud sample of each channel comes out, until `isOver`. */
window.onsets = async (isOver) => {
  const found = [null, null];
  const samples = new Float32Array(SAMPLES);
  const since = audioClock();
  while (!isOver()) {
    await frame();
    channels.forEach(({ level, rate }, n) => {
      level.getFloatTimeDomainData(samples);
      const earlier = samples.length - (audioClock() - since) * rate;
      const at = samples.findIndex((sample, m) => m >= earlier && Math.abs(sample) > LOUD);
      if (at >= 0) found[n] ??= element.currentTime * 1000 - ((samples.length - at) * 1000) / rate;
    });
  }
  return found;
};

/** The loudest sample of each channel in the last 2.7 ms that came out. */
window.levels = () => channels.map(({ level }) => Math.max(...recent(level, 128).map(Math.abs)));

/** The loudest sample of the left channel while the audio's own clock goes on for so long. */
window.loudestOf = async (seconds) => {
  let loudest = 0;
  const at = audioClock();
  while (audioClock() < at + seconds) {
    loudest = Math.max(loudest, levels()[0]);
    await frame();
  }
  return loudest;
};

/** How often each channel swings in a second, by the last 43 ms that came out. */
window.hertz = () => channels.map(({ level, rate }) => {
  const samples = recent(level, 2048);
  const rises = samples.flatMap((sample, n) => (n && samples[n - 1] < 0 && sample >= 0 ? [n] : []));
  return ((rises.length - 1) * rate) / (rises.at(-1) - rises[0]);
});

function recent(level, count) {
  const samples = new Float32Array(level.fftSize);
  level.getFloatTimeDomainData(samples);
  return [...samples.slice(-count)];
}

window.frame = () => new Promise(requestAnimationFrame);
window.until = async (isTrue) => {
  while (!isTrue()) await frame();
};
/** What is held once that does not change any more. */
window.settled = async () => {
  for (let [same, before] = [0, ""]; same < 20; ) {
    await frame();
    same = before === String(heldMs()) ? same + 1 : 0;
    before = String(heldMs());
  }
  return heldMs();
};

window.heldMs = () => Array.from({ length: element.buffered.length }, (_, n) =>
  [element.buffered.start(n), element.buffered.end(n)].map((seconds) => Math.round(seconds * 1000)));
