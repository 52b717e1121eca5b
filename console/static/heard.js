// What of a recording was heard: out of what a media element tells of its playing, in milliseconds of the recording.

/** @typedef {[number, number]} Range from, up to */
/**
 * What an element says of itself at a moment. `atMs` is of a clock that only goes forward; `isRunning` says whether it
 * plays from then on; `hasJumped`, that its position is not where playing has brought it.
 * @typedef {{ atMs: number, positionMs: number, rate: number, isRunning: boolean, hasJumped: boolean }} Moment
 */

const SLACK_MS = 250; // by which an element's position and the clock may differ
const UNSEEN_MS_MAX = 5_000; // elements tell their position at least every second, also in hidden tabs
const EVENTS = ["play", "playing", "pause", "waiting", "seeking", "seeked", "ratechange", "timeupdate", "ended", "emptied"];
const HAS_MORE = 3; // HTMLMediaElement.HAVE_FUTURE_DATA

/**
 * The range that was played between two moments, null for none. Where the second comes after a jump, it is taken that
 * the first ran on until then at its speed.
 * @param {Moment} before @param {Moment} now @returns {Range | null}
 */
export function playedBetween(before, now, endMs = Infinity) {
  const couldMs = (now.atMs - before.atMs) * before.rate;
  const movedMs = now.positionMs - before.positionMs;
  const isSteady = !now.hasJumped && movedMs >= 0 && movedMs <= couldMs + SLACK_MS;
  const playedMs = isSteady ? movedMs : before.isRunning ? Math.min(couldMs, UNSEEN_MS_MAX * before.rate) : 0;
  const toMs = Math.min(before.positionMs + playedMs, endMs);
  return toMs > before.positionMs ? [before.positionMs, toMs] : null;
}

/** The same time as ranges in order that neither overlap nor touch. @param {Range[]} ranges @returns {Range[]} */
export function union(ranges) {
  const joined = [];
  for (const [fromMs, toMs] of ranges.toSorted(([a], [b]) => a - b)) {
    const last = joined.at(-1);
    if (last && fromMs <= last[1]) last[1] = Math.max(last[1], toMs);
    else joined.push([fromMs, toMs]);
  }
  return joined;
}

/** @param {HTMLMediaElement} element @param {boolean} hasJumped @returns {Moment} */
export function momentOf(element, hasJumped, atMs = performance.now()) {
  const { currentTime, playbackRate, paused, ended, seeking, readyState } = element;
  const isRunning = !paused && !ended && !seeking && readyState >= HAS_MORE;
  return { atMs, positionMs: currentTime * 1000, rate: playbackRate, isRunning, hasJumped };
}

/** Collects what is heard, to be reported every few seconds. */
export class Heard {
  #ranges = [];
  #playedMs = 0;
  #look = () => {};

  /** @param {Range} range */
  add([fromMs, toMs]) {
    this.#ranges = union([...this.#ranges, [fromMs, toMs]]);
    this.#playedMs += toMs - fromMs;
  }

  /** What was heard since it was last taken: its union, and how long it lasted with all repeats. Whole milliseconds. */
  take() {
    this.#look();
    const ranges = this.#ranges.map((range) => range.map(Math.round)).filter(([fromMs, toMs]) => fromMs < toMs);
    const playedMs = Math.round(this.#playedMs);
    [this.#ranges, this.#playedMs] = [[], 0];
    return { ranges, playedMs };
  }

  /**
   * Add what it plays from now on, until `signal` is aborted.
   * @param {import("./sound.js").Sound} sound
   */
  follow(sound, signal) {
    const { element } = sound;
    let before = momentOf(element, true);
    this.#look = (hasJumped = element.seeking) => {
      const now = momentOf(element, hasJumped);
      const range = playedBetween(before, now, element.duration * 1000 || Infinity);
      if (range) this.add(range);
      before = now;
    };
    for (const name of EVENTS) element.addEventListener(name, () => this.#look(element.seeking || name === "emptied"), { signal });
    const leave = () => {
      this.#look();
      before.isRunning = false;
    };
    sound.addEventListener("beforejump", leave, { signal });
  }
}
