// Plays a recording in pieces through Media Source Extensions. The browser never holds more of it than some seconds
// around the playhead, and nothing once it is told to stop.

import { BufferedSound, happened } from "./buffered_sound.js";

/** @typedef {{ body: ArrayBuffer, fromMs: number, toMs: number }} Piece */
/** @typedef {{ body: ArrayBuffer, codec: string, durationMs: number }} Beginning */

const LEAD_MS = 100; // Opus sounds right 80 ms after its decoder began
const [SLOWEST, FASTEST] = [0.5, 3];

/**
 * Fires `failed` with the error as its `detail`: then nothing is fetched until `resume`, a seek or a play. Fires
 * `beforejump` while the element is still where playing has brought it.
 */
export class Sound extends EventTarget {
  #element;
  #init;
  #piece;
  #aheadMs;
  #source = new MediaSource();
  #isAttached;
  #held = null;
  #durationMs = Infinity;
  #longestMs = 0; // of the pieces so far
  #fetching = new AbortController();
  #listening = new AbortController();
  #isFilling = false;
  #isSuspended = false;
  #isStopped = false;
  #hasFailed = false;

  /**
   * @param {{
   *   element: HTMLAudioElement,
   *   init: (signal: AbortSignal) => Promise<Beginning>,
   *   piece: (fromMs: number, signal: AbortSignal) => Promise<Piece | null>,
   *   aheadMs?: number,
   *   position?: number,
   * }} given `piece` gives the piece with the sound at `fromMs`, null behind the end, and throws what it is refused for;
   *   `position` is where to begin, in milliseconds.
   */
  constructor({ element, init, piece, aheadMs = 20_000, position = 0 }) {
    super();
    this.#element = element;
    this.#init = init;
    this.#piece = piece;
    this.#aheadMs = aheadMs;
    this.#listen();
    this.#attach(position);
    this.#fill();
  }

  get element() {
    return this.#element;
  }

  get positionMs() {
    return this.#element.currentTime * 1000;
  }

  /** @returns {number} Infinity until it is known. */
  get durationMs() {
    return this.#durationMs;
  }

  get isSuspended() {
    return this.#isSuspended;
  }

  get isStopped() {
    return this.#isStopped;
  }

  get speed() {
    return this.#element.playbackRate;
  }

  /** Voices keep their pitch. */
  set speed(speed) {
    this.#element.preservesPitch = true;
    this.#element.playbackRate = Math.min(Math.max(speed, SLOWEST), FASTEST);
  }

  seek(positionMs) {
    if (this.#isStopped) return;
    this.dispatchEvent(new Event("beforejump"));
    this.#element.currentTime = Math.max(0, Math.min(positionMs, this.#durationMs)) / 1000;
    this.#moved(); // before anything is there, the element tells nobody
  }

  /** Silent, and without any sound in the browser, until `resume`. The position stays. */
  suspend() {
    if (this.#isStopped) return;
    this.dispatchEvent(new Event("beforejump"));
    this.#isSuspended = true;
    this.#element.pause();
    this.#fetching.abort();
    this.#fill();
  }

  resume() {
    this.#isSuspended = false;
    this.#hasFailed = false;
    this.#fill();
  }

  /** For good: whoever wants to hear on needs another Sound, and so another permission. */
  stop() {
    if (this.#isStopped) return;
    this.dispatchEvent(new Event("beforejump"));
    this.#isStopped = true;
    this.#fetching.abort();
    this.#listening.abort();
    this.#element.pause();
    for (const buffer of [...this.#source.sourceBuffers]) this.#source.removeSourceBuffer(buffer);
    this.#held = null;
    this.#element.removeAttribute("src");
    this.#element.load();
  }

  #listen() {
    const on = (name, listener) => this.#element.addEventListener(name, listener, { signal: this.#listening.signal });
    on("seeking", () => this.#moved());
    on("play", () => this.#began());
    on("timeupdate", () => this.#fill());
    on("waiting", () => this.#fill());
    on("error", () => this.#fail(new Error(this.#element.error.message)));
  }

  #attach(positionMs) {
    const url = URL.createObjectURL(this.#source);
    const opened = happened(this.#source, "sourceopen", this.#listening.signal);
    this.#isAttached = opened.then(() => URL.revokeObjectURL(url));
    this.#element.preload = "auto";
    this.#element.src = url;
    this.#element.currentTime = positionMs / 1000;
  }

  #moved() {
    this.#hasFailed = false;
    if (this.#heldUntil(this.positionMs) === null) this.#fetching.abort();
    this.#fill();
  }

  #began() {
    if (this.#isSuspended) return this.#element.pause();
    this.#hasFailed = false;
    this.#fill();
  }

  /** Fetch what is missing and remove what is far away, one after the other, until nothing is left to do. */
  async #fill() {
    if (this.#isFilling) return;
    this.#isFilling = true;
    try {
      while (await this.#step());
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isFilling = false;
    }
  }

  /** @returns {Promise<boolean>} whether there may be more to do. */
  async #step() {
    if (this.#isStopped) return false;
    if (this.#isSuspended) return this.#clear();
    if (this.#hasFailed) return false;
    if (!this.#held) return this.#open();
    if (await this.#held.trim(this.positionMs, this.#aheadMs)) return true;
    const endMs = this.#heldUntil(this.positionMs) ?? this.#heldUntil(this.#leadMs);
    if (endMs === null) return this.#take(this.#leadMs);
    if (endMs >= this.#durationMs - 1) return this.#end();
    return endMs + this.#longestMs <= this.positionMs + this.#aheadMs && this.#take(Math.floor(endMs) + 1);
  }

  /** Fetch what is needed to begin, and together with it the first sound. */
  async #open() {
    const fetched = await this.#fetched((signal) =>
      Promise.all([this.#init(signal), this.#piece(this.#leadMs, signal), this.#isAttached]));
    if (!fetched) return true;
    const [{ codec, durationMs, body }, piece] = fetched;
    this.#durationMs = durationMs;
    this.#held = new BufferedSound(this.#source.addSourceBuffer(codec), this.#listening.signal);
    this.#source.duration = durationMs / 1000;
    await this.#append(body);
    if (piece) await this.#keep(piece);
    return true;
  }

  async #take(fromMs) {
    const piece = await this.#fetched((signal) => this.#piece(fromMs, signal));
    if (piece === undefined) return true;
    if (piece === null) throw new Error(`the recording ends before ${fromMs} ms`);
    await this.#keep(piece);
    if (this.#held && this.#heldUntil(fromMs) === null) throw new Error(`the piece at ${fromMs} ms lies elsewhere`);
    return true;
  }

  /** @returns {Promise<any>} undefined where it was given up meanwhile: then nothing of it is kept. */
  async #fetched(fetch) {
    const { signal } = (this.#fetching = new AbortController());
    try {
      const fetched = await Promise.race([fetch(signal), happened(signal, "abort")]);
      return signal.aborted ? undefined : fetched;
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  }

  #keep({ body, fromMs, toMs }) {
    this.#longestMs = Math.max(this.#longestMs, toMs - fromMs);
    return this.#append(body);
  }

  async #append(body) {
    await this.#held?.append(body);
    if (this.#element.error) throw new Error(this.#element.error.message);
  }

  async #clear() {
    if (!(await this.#held?.clear())) return false;
    this.#element.currentTime = this.#element.currentTime; // a seek: what was decoded goes too
    return true;
  }

  #end() {
    if (this.#source.readyState === "open") this.#source.endOfStream();
    return false;
  }

  get #leadMs() {
    return Math.max(0, Math.floor(this.positionMs) - LEAD_MS);
  }

  #heldUntil(atMs) {
    return this.#held?.until(atMs) ?? null;
  }

  #fail(error) {
    if (this.#isStopped || this.#hasFailed) return;
    this.#hasFailed = true;
    this.dispatchEvent(new CustomEvent("failed", { detail: error }));
  }
}
