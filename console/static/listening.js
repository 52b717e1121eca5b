// Listening to one recording: a lease, the sound that it allows, and what of it is heard. Without a living lease there is
// no sound in the page.

import { bytesOf } from "./base64.js";
import { Heard } from "./heard.js";
import { Lease, Stopped, refusal } from "./lease.js";
import { Sound } from "./sound.js";

const SILENT_MS_MAX = 5 * 60_000; // a listening that is paused for longer is closed

/** Fires `stopped` (detail: why), `waiting` while the console cannot be reached, `going` when it can be again, `failed`
    (detail: the error) where the sound cannot be played, and `closed` after a long pause. */
export class Listening extends EventTarget {
  #element;
  #urls;
  #lease = null;
  #tracks = [];
  #sound = null;
  #heard = null;
  #following = null;
  #positionMs = 0; // where it was left
  #isWaiting = false;
  #silent;

  /** @param {HTMLAudioElement} element @param {{ open: string, leases: string }} urls */
  constructor(element, urls) {
    super();
    [this.#element, this.#urls] = [element, urls];
    element.addEventListener("seeking", () => this.#lease?.report());
    element.addEventListener("timeupdate", () => this.#lease?.tick());
    element.addEventListener("pause", () => this.#paused());
    element.addEventListener("play", () => clearTimeout(this.#silent));
    addEventListener("pagehide", () => this.close());
    // Behind a sign-out nothing could be reported any more.
    addEventListener("submit", ({ target }) => target.matches(".leave") && this.close());
  }

  get isOpen() {
    return this.#lease !== null;
  }

  get tracks() {
    return this.#tracks.map(({ track }) => track);
  }

  get positionMs() {
    return this.#sound ? this.#sound.positionMs : this.#positionMs;
  }

  set speed(speed) {
    if (this.#sound) this.#sound.speed = speed;
  }

  seek(positionMs) {
    if (this.#sound) this.#sound.seek(positionMs);
    else this.#positionMs = positionMs;
  }

  /** Rejects with Stopped where it is refused. @param {string} track the wanted one, which there may not be */
  async open(purpose, track) {
    const listened = () => ({ positionMs: this.positionMs, ...this.#heard.take() });
    const { lease, tracks } = await Lease.open(this.#urls.open, this.#urls.leases, purpose, listened);
    [this.#lease, this.#tracks, this.#heard] = [lease, tracks, new Heard()];
    lease.addEventListener("stopped", ({ detail }) => this.#stopped(detail));
    lease.addEventListener("answered", () => this.#goOn());
    this.choose(track);
  }

  /** Go on with another track of the same recording. */
  choose(track) {
    if (!this.#lease) return;
    const wanted = this.#tracks.find((each) => each.track === track) ?? this.#tracks[0];
    const position = this.positionMs;
    this.#drop();
    const element = this.#element;
    const init = async () => ({ body: bytesOf(wanted.init), codec: wanted.codec, durationMs: wanted.duration_ms });
    const piece = (fromMs, signal) => this.#piece(wanted.track, fromMs, signal);
    this.#sound = new Sound({ element, init, piece, position });
    this.#sound.addEventListener("failed", ({ detail }) => this.#failed(detail));
    this.#following = new AbortController();
    this.#heard.follow(this.#sound, this.#following.signal);
  }

  /** By the listener. */
  close() {
    if (!this.#lease) return;
    this.#lease.close();
    this.#silence();
  }

  async #piece(track, fromMs, signal) {
    const lease = this.#lease;
    await lease.reach(fromMs);
    const answer = await fetch(`${lease.pieceUrl}?track=${track}&from_ms=${fromMs}`, { signal });
    if (answer.status === 204) return null;
    if (!answer.ok) throw await this.#refused(lease, answer);
    const { headers } = answer;
    return { body: await answer.arrayBuffer(), fromMs: Number(headers.get("X-From-Ms")), toMs: Number(headers.get("X-To-Ms")) };
  }

  /** Silent at once. A report then tells what was heard, and its answer says better than a piece's why it is over. */
  async #refused(lease, answer) {
    if (answer.status >= 500) return new Error(`a piece of sound: ${answer.status}`);
    this.#sound.suspend();
    const stopped = await refusal(answer);
    await lease.report();
    lease.stop(stopped);
    return stopped;
  }

  #failed(error) {
    if (!this.#lease || error instanceof Stopped) return;
    const isUnreached = error instanceof TypeError || /^a piece of sound/.test(error.message);
    if (!isUnreached) return this.dispatchEvent(new CustomEvent("failed", { detail: error }));
    this.#isWaiting = true;
    this.dispatchEvent(new Event("waiting"));
  }

  #goOn() {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#sound.resume();
    this.dispatchEvent(new Event("going"));
  }

  #paused() {
    this.#lease?.report();
    clearTimeout(this.#silent);
    this.#silent = setTimeout(() => {
      this.close();
      this.dispatchEvent(new Event("closed"));
    }, SILENT_MS_MAX);
  }

  #stopped(stopped) {
    this.#silence();
    this.dispatchEvent(new CustomEvent("stopped", { detail: stopped }));
  }

  /** For good, at once, and with nothing left in the browser. */
  #silence() {
    clearTimeout(this.#silent);
    this.#positionMs = this.positionMs;
    this.#drop();
    [this.#lease, this.#sound, this.#isWaiting] = [null, null, false];
  }

  #drop() {
    this.#sound?.stop();
    this.#following?.abort();
  }
}
