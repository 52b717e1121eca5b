// What the service says of a call: the decision, the recording, incidents and the consent log.

import { explain } from "./consent_log_words.js";
import { element, terms } from "./elements.js";
import { badge, mode, sentence, verdictOf } from "./verdict.js";
import { away, day, language, length, number, plain, time } from "./words.js";

const ABSENT = {
  unasked: "The simulator was not told where to ask: set observer_url in its configuration",
  absent: "The service does not know this call (yet)",
  unreachable: "The service could not be asked just now",
};

const STATES = {
  started: "Twilio is recording",
  completed: "Complete at Twilio, being fetched",
  stored: "Stored and verified; Twilio's copy is being deleted",
  kept: "Stored and verified; Twilio's copy is gone",
  absent: "Twilio had nothing to keep",
  condemned: "Without a permit: being destroyed",
  destroyed: "Destroyed, every copy",
};

const CALL_STATES = {
  disclosing: "the caller is being told",
  choosing: "the caller is being asked",
  recording: "permitted to be recorded",
  suppressed: "goes on without recording",
  ending: "is being ended politely",
  ended: "over",
};

export class Decided {
  #parts;
  #shown = "";

  constructor(panel) {
    this.#parts = Object.fromEntries(
      ["verdict", "incidents", "facts", "log", "explainer"].map((name) => [name, panel.querySelector(`.${name}`)]));
  }

  /** Another call: nothing is known of it yet. */
  clear() {
    this.#shown = "";
    for (const part of ["verdict", "incidents", "facts", "log"]) this.#parts[part].replaceChildren();
  }

  /** What the simulator answered about the service; unchanged, it is left alone, and so is the reader. */
  show(answer) {
    const now = JSON.stringify(answer);
    if (now === this.#shown) return;
    this.#shown = now;
    this.#parts.explainer.hidden = true;
    if (answer.status === "known") this.#story(answer.story);
    else this.#absent(answer);
  }

  #absent(answer) {
    const detail = answer.detail ? ` (${answer.detail})` : "";
    this.#replace("verdict", element("p", { class: "quiet" }, `${ABSENT[answer.status] ?? plain(answer.status)}${detail}.`));
    for (const part of ["incidents", "facts", "log"]) this.#parts[part].replaceChildren();
  }

  #story(story) {
    const verdict = verdictOf(story);
    this.#replace("verdict", badge(verdict), element("p", { class: "sentence" }, sentence(story)), ...consoleLink(story.console_url));
    this.#replace("incidents", ...(story.incidents ?? []).map(incident));
    this.#replace("facts", ...(story.recordings ?? []).map(recording), facts(story));
    this.#log(story.events ?? []);
  }

  /** Replaced only where it differs: these parts are read aloud when they change. */
  #replace(part, ...made) {
    const fresh = element("div", {}, ...made);
    if (fresh.innerHTML !== this.#parts[part].innerHTML) this.#parts[part].replaceChildren(...fresh.childNodes);
  }

  #log(events) {
    const opened = new Set([...this.#parts.log.querySelectorAll("details[open]")].map((entry) => entry.dataset.index));
    this.#parts.log.replaceChildren(
      ...why(events, opened.has("why")),
      element("h3", {}, "Consent log"),
      element("p", { class: "quiet" }, "Append-only: whoever has noted the log's root sees whether an earlier entry was changed or removed."),
      element("ol", { class: "timeline" }, ...events.map((event) => entry(event, opened.has(String(event.index))))));
  }
}

/** To the page of this call for the staff, where the service says its address. */
function consoleLink(url) {
  if (!/^https?:\/\//.test(url ?? "")) return [];
  return [element("p", {}, element("a", { href: url, rel: "noreferrer", target: "_blank" }, "The page of this call in the staff's console (opens a new tab)"))];
}

function facts(story) {
  return terms([
    ["Line", number(story.line ?? "")],
    ["Asked as", story.mode && mode(story.mode)],
    ["Language", story.language && language(story.language)],
    ["Outcome", story.outcome === "open" ? "not known yet" : plain(story.outcome ?? "")],
    ["Reason", story.reason],
    ["Call", CALL_STATES[story.state] ?? plain(story.state ?? "")],
    ["Rules", story.rules_version && element("code", { title: story.rules_version }, story.rules_version.slice(0, 12))],
  ]);
}

/** The chain of reasons, as the log holds it. */
function why(events, isOpen) {
  const ruling = events.find((event) => event.ruling)?.ruling;
  if (!ruling) return [];
  const steps = ruling.because.map((reason) => element("li", {}, `${reason.about}: ${plain(reason.says)}`, element("small", {}, ` ${reason.by}`)));
  return [
    element("details", { class: "why", "data-index": "why", open: isOpen }, element("summary", {}, `Why, in ${steps.length} steps`), element("ol", {}, ...steps)),
    element("p", { class: "quiet" }, "Not legal advice: the rules are research, and a lawyer confirms them."),
  ];
}

function incident(found) {
  return element("p", { class: "incident" }, element("b", {}, `Incident: ${plain(found.kind)}. `), found.detail ?? "");
}

function recording(kept) {
  const until = kept.retain_until && `${day(kept.retain_until)}, ${away(kept.retain_until)}`;
  return element("div", { class: `recording ${kept.stored ? "stored" : ""}` },
    element("h3", {}, "Recording"),
    element("p", { class: "recording-state" }, STATES[kept.state] ?? plain(kept.state)),
    terms([
      ["Length", kept.duration_s === null || kept.duration_s === undefined ? "" : length(kept.duration_s)],
      ["Stored", kept.stored ? "yes, encrypted" : "no"],
      ["Kept until", kept.destroyed_at ? "" : until],
      ["Destroyed", kept.destroyed_at && `${day(kept.destroyed_at)}, ${time(kept.destroyed_at)}`],
      ["Stored as", kept.object_key && element("code", {}, kept.object_key)],
    ]));
}

function entry(event, isOpen) {
  const [title, words] = explain(event);
  const fields = Object.entries(event).map(([name, value]) => [name, element("code", {}, typeof value === "string" ? value : JSON.stringify(value))]);
  return element("li", { class: `about-${event.type.split(".")[0]}` },
    element("p", { class: "entry-title" }, element("b", {}, title), " ", element("time", { datetime: event.ts }, time(event.ts))),
    element("p", { class: "entry-words" }, words),
    element("details", { "data-index": event.index, open: isOpen },
      element("summary", {}, `Entry ${event.index}: `, element("code", {}, event.type)), terms(fields)));
}
