// What Twilio saw: the requests of a call, what was answered, and how long it took. For the curious.

import { element, terms } from "./elements.js";
import { clock } from "./words.js";

const TAG = /<(\/?)([A-Z][A-Za-z]*)(?:[^>"']|"[^"]*"|'[^']*')*?(\/?)>/g;

export class Wire {
  #panel;

  constructor(panel) {
    this.#panel = panel;
  }

  show(call) {
    this.#panel.hidden = false;
    this.#panel.querySelector(".wire-steps").replaceChildren();
    this.#sum([]);
    for (const entry of call.entries) this.add(call, entry);
  }

  add(call, entry) {
    if (!["document", "callback"].includes(entry.event)) return;
    this.#panel.querySelector(".wire-steps").append(step(entry));
    this.#sum(call.of("document").concat(call.of("callback")));
  }

  #sum(entries) {
    const waits = entries.map((entry) => entry.latency_ms).filter((wait) => wait !== undefined).sort((a, b) => a - b);
    const told = waits.length ? `${waits.length} requests, half of them answered within ${round(waits[waits.length >> 1])} ms, the slowest in ${round(waits.at(-1))} ms` : "";
    this.#panel.querySelector(".wire-sum").textContent = told;
  }
}

function step(entry) {
  const failed = entry.lost || entry.failure;
  return element("details", { class: `step ${failed ? "failed" : ""}` },
    element("summary", {},
      element("span", { class: "at" }, clock(entry.at_s)), " ",
      element("span", { class: "purpose" }, purpose(entry)), " ",
      element("code", {}, path(entry.url)), " ",
      element("span", { class: "result" }, result(entry), verbs(entry))),
    element("h3", {}, "Sent"), terms(Object.entries(entry.params ?? {})),
    ...body("Answered", entry.event === "document" ? entry.twiml : entry.body));
}

const body = (title, text) => (text ? [element("h3", {}, title), element("pre", { tabindex: 0 }, text)] : []);

function purpose(entry) {
  if (entry.event === "document") return { voice: "next step", media: "audio" }[entry.kind] ?? entry.kind;
  return `${entry.kind} callback`;
}

/** What the service told Twilio to do, by the names of the verbs. A DOMParser would put a style of its own into what
 *  is no XML, which the page's policy refuses. */
function verbs(entry) {
  const found = [];
  let depth = 0;
  for (const [, closes, name, isEmpty] of (entry.twiml ?? "").matchAll(TAG)) {
    if (!closes && depth === 1) found.push(name);
    if (closes || !isEmpty) depth += closes ? -1 : 1;
  }
  return found.length ? `: ${found.join(", ")}` : "";
}

function path(url) {
  try {
    return new URL(url).pathname;
  } catch {
    return url;
  }
}

function result(entry) {
  if (entry.lost) return "lost, as was asked for";
  const answered = entry.status ? `${entry.status}` : `error ${entry.code}`;
  return `${answered} in ${round(entry.latency_ms ?? 0)} ms${entry.repeat ? ", repeated" : ""}`;
}

const round = (ms) => (ms < 10 ? ms.toFixed(1) : Math.round(ms));
