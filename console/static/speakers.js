// The volume of each speaker. Sound goes through Web Audio only once one of them is turned down: it costs time, and some
// browsers let nothing through before somebody has pressed a button.

export class Speakers {
  #element;
  #channels;
  #volumes;
  #context = null;
  #gains = [];

  /** @param {HTMLMediaElement} element @param {number} channels 2 where each speaker has one, else 1 */
  constructor(element, channels, volumes) {
    [this.#element, this.#channels] = [element, channels];
    this.#volumes = volumes.slice(0, channels);
  }

  get volumes() {
    return [...this.#volumes];
  }

  set(channel, volume) {
    this.#volumes[channel] = volume;
    if (this.#context) this.#gains[channel].gain.value = volume;
    else if (this.#isSounding) this.prepare();
  }

  /** Before the sound begins, by a press of a button. */
  prepare() {
    if (this.#volumes.every((volume) => volume === 1) && !this.#context) return;
    if (this.#channels === 1) return void (this.#element.volume = this.#volumes[0]);
    if (!this.#context) this.#connect();
    this.#context.resume();
  }

  get #isSounding() {
    return this.#channels === 1 || !this.#element.paused;
  }

  #connect() {
    const context = (this.#context = new AudioContext());
    const [splitter, merger] = [context.createChannelSplitter(this.#channels), context.createChannelMerger(this.#channels)];
    context.createMediaElementSource(this.#element).connect(splitter);
    this.#gains = this.#volumes.map((volume, channel) => {
      const gain = new GainNode(context, { gain: volume });
      splitter.connect(gain, channel).connect(merger, 0, channel);
      return gain;
    });
    merger.connect(context.destination);
  }
}
