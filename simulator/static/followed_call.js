// One call as it happens: every entry of its journal, from the first, in order, each once.

const EVENTS = ["status", "stage", "heard", "cut", "key", "document", "callback", "recording", "whisper", "error", "warning", "simulator_failure"];
const CUTS_MAX = 2;

export class FollowedCall extends EventTarget {
  #stream = null;
  #last = -1;
  #cuts = 0;

  constructor(sid, { isOurs = false, isOutgoing = false } = {}) {
    super();
    this.sid = sid;
    this.isOurs = isOurs; // placed or answered on this page's phone, by a person
    this.isOutgoing = isOutgoing; // made by the app
    this.entries = [];
    this.isSettled = false;
    this.isLost = false;
  }

  follow() {
    this.#stream = new EventSource(`/simulator/calls/${this.sid}/stream`);
    for (const event of EVENTS) this.#stream.addEventListener(event, (message) => this.#take(event, message));
    this.#stream.addEventListener("settled", () => this.#settle());
    return this;
  }

  leave() {
    this.#stream?.close();
  }

  get status() {
    return this.entries.findLast((entry) => entry.event === "status")?.status ?? "ringing";
  }

  get hasEnded() {
    return this.isSettled || !["ringing", "in-progress"].includes(this.status);
  }

  /** Ended, or cut off from this page. A page that goes away is cut off first. */
  get isOver() {
    return this.hasEnded || this.isLost;
  }

  /** `in-progress` while any recording of the call runs, else `paused` while any is paused, else `none`. */
  get recording() {
    const latest = new Map(this.of("recording").map((entry) => [entry.sid, entry.status]));
    return ["in-progress", "paused"].find((status) => [...latest.values()].includes(status)) ?? "none";
  }

  of(event) {
    return this.entries.filter((entry) => entry.event === event);
  }

  #take(event, message) {
    if (message.data === undefined) return this.#checkStream(); // the stream's own "error", not an entry
    const at = Number(message.lastEventId);
    if (at <= this.#last) return; // a stream that was interrupted begins again with the first
    this.#last = at;
    this.#cuts = 0;
    const entry = { ...JSON.parse(message.data), event };
    this.entries.push(entry);
    this.dispatchEvent(new CustomEvent("entry", { detail: entry }));
  }

  /** A stream that was cut is opened again by the browser. One that is refused, or cut again and again, is lost. */
  #checkStream() {
    this.#cuts += 1;
    if (this.#stream.readyState !== EventSource.CLOSED && this.#cuts < CUTS_MAX) return;
    this.leave();
    this.isLost = true;
    this.dispatchEvent(new Event("lost"));
  }

  #settle() {
    this.isSettled = true;
    this.leave();
    this.dispatchEvent(new Event("settled"));
  }
}
