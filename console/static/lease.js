// A lease to listen: opened for a purpose, kept by reports of what is heard, ended by the console or by the listener.

import { post } from "./console_requests.js";

const AHEAD_MS = 50_000; // the console hands out sound up to 60 s ahead of the reported position
const BEHIND_MS = 10_000; // and up to 20 s behind it: a piece is some seconds long
const RANGES_MAX = 200;
const OPENED_WITHIN_MS = 10_000;
const WORTH_MS = 250; // of sound: less is not worth an event of its own
const OVER = new Set([401, 403, 404]);

/** The console says that nothing may be heard, or nothing more. `reason` is its word, `why` its sentence, if any. */
export class Stopped extends Error {
  constructor(reason, why = "") {
    super(`stopped: ${reason}`);
    [this.reason, this.why] = [reason, why];
  }
}

/** @typedef {{ positionMs: number, ranges: [number, number][], playedMs: number }} Listened since the report before */

/** Fires `stopped` with a Stopped as its detail, once; `answered` after each report that was answered. */
export class Lease extends EventTarget {
  #url;
  #everyMs;
  #lostAfterMs;
  #listened;
  #number = 0;
  #unanswered = null; // the report that was sent last, as long as nobody says that it arrived
  #isWanted = false;
  #running = null;
  #reportedMs = 0;
  #sentAt = performance.now();
  #timers = [];
  isOver = false;

  /**
   * @param {string} url where leases of the recording are opened
   * @param {string} leases where one is kept, with LEASE for its id
   * @param {() => Listened} listened
   * @returns {Promise<{ lease: Lease, tracks: object[] }>} rejects with Stopped where it is refused
   */
  static async open(url, leases, purpose, listened) {
    const lease = new Lease();
    const answer = await post(url, { purpose }, { withinMs: OPENED_WITHIN_MS });
    if (!answer.ok) throw await refusal(answer);
    const given = await answer.json();
    lease.#url = leases.replace("LEASE", given.lease);
    [lease.#everyMs, lease.#lostAfterMs, lease.#listened] = [given.renewed_every_ms, given.lost_after_ms, listened];
    lease.#timers.push(setInterval(() => lease.report(), lease.#everyMs));
    lease.#hear();
    return { lease, tracks: given.tracks };
  }

  get pieceUrl() {
    return `${this.#url}/piece`;
  }

  /** Timers are slowed down in a tab that is hidden and silent: whatever else ticks there may call this. */
  tick() {
    if (performance.now() - this.#sentAt > this.#everyMs) this.report();
  }

  /** Report now, or right after the report that is under way. Resolves when nothing is left to report. */
  report() {
    this.#isWanted = true;
    this.#running ??= this.#reportAll().finally(() => (this.#running = null));
    return this.#running;
  }

  /** Resolves once the console knows a position from which sound at that time may be fetched. */
  async reach(atMs) {
    if (!this.#isNear(atMs)) await this.report();
  }

  #isNear(atMs) {
    return atMs > this.#reportedMs - BEHIND_MS && atMs < this.#reportedMs + AHEAD_MS;
  }

  /** Closed by the listener. The last report also arrives from a page that is being left. */
  close() {
    if (this.isOver) return;
    this.#end();
    this.#send(this.#last());
  }

  /** Nothing may be heard any more, as the answer to a report or to another request says. */
  stop(stopped) {
    if (this.isOver) return;
    this.#end();
    this.dispatchEvent(new CustomEvent("stopped", { detail: stopped }));
    const last = this.#last(); // with what was heard until now, which the console still takes for a while
    if (lengthOf(last.ranges) >= WORTH_MS) this.#send(last);
  }

  #last() {
    const { positionMs, ranges, playedMs } = this.#fresh();
    // The report before may not have arrived. Parts of a recording count once, however often they are told.
    const all = [...(this.#unanswered?.ranges ?? []), ...ranges].slice(-RANGES_MAX);
    return { n: ++this.#number, position_ms: positionMs, ranges: all, played_ms: playedMs, closes: true };
  }

  /** Without waiting for an answer. */
  #send(last) {
    post(this.#url, last, { keepalive: true }).catch(() => {});
  }

  async #reportAll() {
    while (this.#isWanted && !this.isOver) {
      this.#isWanted = this.#unanswered !== null; // that is an old one, so a new one must follow
      this.#unanswered ??= this.#next();
      const answer = (await this.#ask()) ?? (await this.#ask());
      if (this.isOver || answer === null) return;
      await this.#heed(answer);
    }
  }

  #next() {
    const { positionMs, ranges, playedMs } = this.#fresh();
    return { n: ++this.#number, position_ms: positionMs, ranges, played_ms: playedMs };
  }

  #fresh() {
    const { positionMs, ranges, playedMs } = this.#listened();
    return { positionMs: Math.max(0, Math.round(positionMs)), ranges: ranges.slice(-RANGES_MAX), playedMs };
  }

  /** @returns {Promise<Response | null>} null where no answer came: it goes out again under the same number. */
  async #ask() {
    this.#sentAt = performance.now();
    const answer = await post(this.#url, this.#unanswered, { withinMs: this.#everyMs }).catch(() => null);
    return answer && (answer.ok || OVER.has(answer.status)) ? answer : null;
  }

  async #heed(answer) {
    const told = answer.ok ? await answer.json().catch(() => null) : null;
    if (answer.ok && !told) return; // it broke off
    const { position_ms: reportedMs } = this.#unanswered;
    this.#unanswered = null;
    if (!answer.ok || told.stop) return this.stop(told ? new Stopped(told.stop, told.why) : await refusal(answer));
    this.#reportedMs = reportedMs;
    this.#hear();
    this.dispatchEvent(new Event("answered"));
  }

  /** The console has answered: from now on it has a while for the next answer. */
  #hear() {
    const [renewing, losing] = this.#timers;
    clearTimeout(losing);
    this.#timers = [renewing, setTimeout(() => this.stop(new Stopped("lost")), this.#lostAfterMs - (performance.now() - this.#sentAt))];
  }

  #end() {
    this.isOver = true;
    const [renewing, losing] = this.#timers;
    clearInterval(renewing);
    clearTimeout(losing);
  }
}

/** @returns {Promise<Stopped>} */
export async function refusal(answer) {
  const told = await answer.json().catch(() => ({}));
  if (told.stop) return new Stopped(told.stop, told.why);
  return new Stopped({ 401: "signed_out", 403: "refused", 404: "not_permitted" }[answer.status] ?? "failed");
}

function lengthOf(ranges) {
  return ranges.reduce((sum, [fromMs, toMs]) => sum + toMs - fromMs, 0);
}
