// Every call so far, the newest first: a person's, and those that scripts placed.

import { element } from "./elements.js";
import { listCalls, observed } from "./exchange.js";
import { badge, verdictOf } from "./verdict.js";
import { clock, number, time } from "./words.js";

/** The two ends of a call, as people call them. */
export function ends({ outgoing, line_label: label, from, to }) {
  return outgoing ? `${label || number(from)} to ${number(to)}` : `${number(from)} to ${label || number(to)}`;
}

function title({ outgoing, manual }) {
  if (outgoing) return manual ? "You were called" : "The app called";
  return manual ? "You called" : "A scripted call";
}

const SETTLED_STATES = new Set(["kept", "absent", "destroyed"]);

export class CallList {
  #list;
  #count;
  #empty;
  #stories = new Map(); // what is known of each call, by its sid
  #final = new Set();
  #drawn = "";

  #onCalls;

  /** `onCalls` is given every list that is fetched. */
  constructor(panel, { onCalls }) {
    this.#onCalls = onCalls;
    this.#list = panel.querySelector(".call-list");
    this.#count = panel.querySelector(".calls-count");
    this.#empty = panel.querySelector(".calls-empty");
  }

  async refresh(shownSid) {
    const calls = await listCalls();
    this.#onCalls(calls);
    this.#draw(calls, shownSid);
    for (const call of calls.filter(({ call_sid: sid }) => !this.#final.has(sid)).slice(0, 20)) await this.#observe(call);
    this.#draw(calls, shownSid);
  }

  async #observe(call) {
    const answer = await observed(call.call_sid);
    this.#stories.set(call.call_sid, answer);
    const { story } = answer;
    const isDone = story && story.outcome !== "open" && (story.recordings ?? []).every(({ state }) => SETTLED_STATES.has(state));
    if (call.settled && (isDone || answer.status === "unasked")) this.#final.add(call.call_sid);
  }

  #draw(calls, shownSid) {
    const rows = calls.map((call) => this.#row(call, shownSid));
    const fresh = element("ol", {}, ...rows);
    if (fresh.innerHTML === this.#drawn) return;
    this.#drawn = fresh.innerHTML;
    const focused = this.#list.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    this.#list.replaceChildren(...fresh.childNodes);
    if (focused) this.#list.querySelector(`[href="${focused}"]`)?.focus();
    this.#empty.hidden = calls.length > 0;
    this.#count.textContent = calls.length ? `${calls.length} in all` : "";
  }

  #row(call, shownSid) {
    const answer = this.#stories.get(call.call_sid);
    const isShown = call.call_sid === shownSid;
    return element("li", {},
      element("a", { href: `#${call.call_sid}`, "aria-current": isShown && "true" },
        element("b", {}, call.label || title(call)),
        element("span", { class: "call-ends quiet" }, ends(call)),
        element("span", { class: "call-when quiet" }, `${time(call.began)}, ${call.ended ? clock(call.duration_s) : "now"}`),
        answer?.status === "known" ? badge(verdictOf(answer.story)) : element("span", { class: "badge unknown" }, "Not known")));
  }
}
