// What is said on a call, line by line, as it is said.

import { drawing, element } from "./elements.js";
import { speechUrl } from "./exchange.js";
import { clock } from "./words.js";

const NEAR_PX = 48;
const ENDS = { completed: "The call has ended", busy: "The line was busy", "no-answer": "Nobody answered", failed: "The call failed", canceled: "The call was cancelled" };
const FAILURES = { not_simulated: "it does not do ", endless: "the call would never end, as ", broke: "it broke down with " };

export class Transcript {
  #log;
  #onReplay;
  #call = null;
  #isOver = false;
  #language = null;

  constructor(log, { onReplay }) {
    this.#log = log;
    this.#onReplay = onReplay;
  }

  /** A call that is over is read from its beginning; one that goes on, at its end. */
  show(call, { isOver = false } = {}) {
    this.#call = call;
    this.#isOver = isOver;
    this.#language = null;
    this.#log.replaceChildren();
    for (const entry of call.entries) this.add(entry);
  }

  add(entry) {
    if (entry.event === "cut") return this.#cut(entry);
    const line = this.#line(entry);
    if (!line) return;
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    const isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR_PX; // else somebody reads further up
    this.#log.append(line);
    if (isAtEnd && !this.#isOver) this.#log.scrollTop = this.#log.scrollHeight;
  }

  /** The language that is spoken, for whoever has the words read to them. */
  speak(language) {
    this.#language = language;
    for (const words of this.#log.querySelectorAll(".words")) words.lang = language;
  }

  #line(entry) {
    switch (entry.event) {
      case "heard":
        return entry.kind === "ringing" ? this.#ringing(entry) : this.#spoken(entry);
      case "whisper":
        return this.#whispered(entry);
      case "key":
        return note(entry, this.#call.isOurs ? "You press " : "The caller presses ", element("kbd", {}, entry.key));
      case "status":
        return note(entry, entry.status === "in-progress" ? this.#answers() : (ENDS[entry.status] ?? entry.status));
      case "error":
        return element("p", { class: "note error" }, at(entry), element("span", {}, `Twilio's error ${entry.code}: ${entry.detail}`));
      case "simulator_failure":
        return element("p", { class: "note error" }, at(entry), element("span", {}, `The simulator's own limit, no error of the service: ${FAILURES[entry.why] ?? ""}${entry.detail}`));
      default:
        return null;
    }
  }

  #answers() {
    if (!this.#call.isOutgoing) return "The line answers";
    return this.#call.isOurs ? "You answer" : "The person who was called answers";
  }

  /** It rings on behind the whisper, which is no news. */
  #ringing(entry) {
    const isFirst = this.#call.entries.find(({ event, kind }) => event === "heard" && kind === "ringing") === entry;
    return isFirst ? note(entry, "The agent's phone rings") : null;
  }

  #spoken(entry) {
    const words = entry.text || "a sound without words";
    return element("div", { class: `turn ${entry.who}`, "data-n": entry.n },
      element("p", { class: "who" }, this.#name(entry.who), " ", at(entry)),
      element("p", { class: "words", lang: this.#language }, words),
      this.#replay(entry, words));
  }

  #whispered(entry) {
    return element("div", { class: "turn line whisper" },
      element("p", { class: "who" }, "To the agent alone ", at(entry)),
      element("p", { class: "words", lang: this.#language }, entry.text));
  }

  #replay(entry, words) {
    const again = () => this.#onReplay(speechUrl(this.#call.sid, entry.n));
    return element("button", { type: "button", class: "replay", "aria-label": `Hear again: ${words.slice(0, 60)}`, title: "Hear it again", onclick: again }, drawing("play"));
  }

  #name(who) {
    return { line: "The line", agent: "Agent", caller: this.#call.isOurs ? "Caller (you)" : "Caller" }[who] ?? who;
  }

  #cut(entry) {
    const turn = this.#log.querySelector(`[data-n="${Number(entry.n)}"]`);
    turn?.classList.add("was-cut");
    turn?.querySelector(".words").append(element("span", { class: "cut" }, " (cut off)"));
  }
}

const at = (entry) => element("span", { class: "at" }, clock(entry.at_s));

const note = (entry, ...words) => element("p", { class: "note" }, at(entry), element("span", {}, ...words));
