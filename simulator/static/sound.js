// What comes out of the phone: the sounds of the line, in order and in step with the call, and the tones of keys.

const ROWS = { 697: "123", 770: "456", 852: "789", 941: "*0#" };
const COLUMNS = [1209, 1336, 1477];
const LAG_MAX_S = 0.75; // a sound further behind the call than this gives way to the next

export class Sound {
  #context = null;
  #volume = null;
  #isMuted = false;
  #sources = new Map();
  #stopped = new Set();
  #freeAt = 0;

  /** Browsers let a page sound only after a click or a key, so this is called from one. */
  wake() {
    this.#context ??= new AudioContext();
    if (!this.#volume) {
      this.#volume = this.#context.createGain();
      this.#volume.connect(this.#context.destination);
    }
    this.#context.resume();
    this.#applyVolume();
  }

  get isMuted() {
    return this.#isMuted;
  }

  mute(isMuted) {
    this.#isMuted = isMuted;
    this.#applyVolume();
  }

  /** Play a sound after the one before it has ended. `name` is what `stop` calls it. */
  async play(name, url) {
    if (!this.#context) return;
    const samples = await this.#load(url);
    if (!samples || this.#stopped.has(name)) return;
    const now = this.#context.currentTime;
    const isLate = this.#freeAt - now > LAG_MAX_S;
    if (isLate) this.#silence();
    const at = isLate ? now : Math.max(now, this.#freeAt);
    this.#freeAt = at + samples.duration;
    this.#start(name, samples, at);
  }

  stop(name) {
    this.#stopped.add(name);
    if (!this.#sources.has(name)) return;
    this.#sources.get(name).stop();
    this.#freeAt = 0;
  }

  silence() {
    this.#silence();
    this.#stopped.clear();
  }

  key(key) {
    if (!this.#context) return;
    const [row, keys] = Object.entries(ROWS).find(([, of]) => of.includes(key));
    const quiet = this.#context.createGain();
    quiet.gain.value = 0.07;
    quiet.connect(this.#volume);
    for (const frequency of [Number(row), COLUMNS[keys.indexOf(key)]]) {
      const tone = this.#context.createOscillator();
      tone.frequency.value = frequency;
      tone.connect(quiet);
      tone.start();
      tone.stop(this.#context.currentTime + 0.16);
    }
  }

  async #load(url) {
    try {
      const response = await fetch(url);
      return response.ok ? await this.#context.decodeAudioData(await response.arrayBuffer()) : null;
    } catch {
      return null; // the words are still there to read
    }
  }

  #start(name, samples, at) {
    const source = this.#context.createBufferSource();
    source.buffer = samples;
    source.connect(this.#volume);
    source.addEventListener("ended", () => this.#sources.delete(name));
    source.start(at);
    this.#sources.set(name, source);
  }

  #silence() {
    for (const source of this.#sources.values()) source.stop();
    this.#sources.clear();
    this.#freeAt = 0;
  }

  #applyVolume() {
    if (this.#volume) this.#volume.gain.value = this.#isMuted ? 0 : 1;
  }
}
