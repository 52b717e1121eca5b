// The phone itself: dial, hear, press keys, hang up. What it shows follows from the call.

import * as exchange from "./exchange.js";
import { FollowedCall } from "./followed_call.js";
import { Keypad } from "./keypad.js";
import { clock, number } from "./words.js";

const STAGES = { at_question: "You are asked: press a key", in_conversation: "Talking with the agent" };
const RECORDED = { "in-progress": "Being recorded", paused: "Recording is paused", none: "Not being recorded" };

export class Telephone {
  #find;
  #sound;
  #onCall;
  #call = null;
  #ringing = null; // the sid of a call that the app makes to this phone
  #answeredAt = null;
  #ticking = null;

  /** `onCall` is told of each call that is placed here. */
  constructor(root, sound, { onCall }) {
    this.#find = (selector) => root.querySelector(selector);
    this.#sound = sound;
    this.#onCall = onCall;
    this.#wire(root);
  }

  /** A call of the app's rings on this phone, as the list of calls shows it; or none does. */
  ring(about) {
    if (this.isInCall || (about?.call_sid ?? null) === this.#ringing) return;
    this.#ringing = about?.call_sid ?? null;
    if (!about) return this.#show("idle");
    this.#find(".call-line").textContent = about.line_label || "The app";
    this.#find(".call-number").textContent = number(about.from);
    this.#find(".timer").hidden = true;
    this.#state("Your phone rings");
    this.#show("ringing");
  }

  /** Once the call is over, the phone says in a word what became of it. */
  tell(call, ...words) {
    if (call === this.#call) this.#find(".after-words").replaceChildren(...words);
  }

  get isInCall() {
    return this.#call !== null && !this.#call.isOver;
  }

  #wire(root) {
    const form = this.#find(".dialling");
    form.addEventListener("submit", (event) => { event.preventDefault(); this.#dial(); });
    form.addEventListener("change", () => { this.#find(".own").hidden = !this.#isOwn(); });
    new Keypad(this.#find(".keypad"), this.#find("#shortcuts"), { onKey: (key) => this.#press(key), isActive: () => this.isInCall });
    this.#find(".answer").addEventListener("click", () => this.#answer());
    this.#find(".decline").addEventListener("click", () => exchange.hangUp(this.#ringing).catch(() => {})); // it rang out
    this.#find(".hang-up").addEventListener("click", () => this.#hangUp());
    this.#find(".mute").addEventListener("click", () => this.#mute());
    this.#find(".again").addEventListener("click", () => this.#dial());
    this.#find(".new-call").addEventListener("click", () => this.#idle());
    addEventListener("pagehide", () => this.#call && !this.#call.hasEnded && exchange.abandon(this.#call.sid));
    root.dataset.state = "idle";
    this.#root = root;
  }

  #root;

  #isOwn() {
    return this.#find("[name=from]:checked").value === "own";
  }

  async #dial() {
    const from = this.#caller();
    if (from === null) return;
    this.#sound.wake();
    this.#find("#dial-wrong").textContent = "";
    this.#find(".dial").disabled = true;
    try {
      const to = this.#find("[name=to]:checked").value;
      const call = new FollowedCall(await exchange.placeCall({ from, to }), { isOurs: true });
      this.#find(".call-line").textContent = this.#find("[name=to]:checked").dataset.name;
      this.#find(".call-number").textContent = number(to);
      this.#begin(call, "Calling …");
    } catch (error) {
      this.#idle();
      this.#find("#dial-wrong").textContent = `The call could not be placed: ${error.message}.`;
    } finally {
      this.#find(".dial").disabled = false;
    }
  }

  async #answer() {
    const sid = this.#ringing;
    this.#sound.wake();
    try {
      await exchange.answer(sid);
      this.#begin(new FollowedCall(sid, { isOurs: true, isOutgoing: true }), "Answering …");
    } catch {
      this.ring(null); // it rang out meanwhile
    }
  }

  /** The number to call from; null, with a word about it, for one that is none. */
  #caller() {
    if (!this.#isOwn()) return this.#find("[name=from]:checked").value;
    const field = this.#find("#own-number");
    const typed = field.value.replaceAll(/[\s().-]/g, "");
    const isNumber = /^\+[1-9]\d{6,14}$/.test(typed);
    field.setAttribute("aria-invalid", String(!isNumber));
    this.#find("#own-wrong").textContent = isNumber ? "" : "A number begins with + and its country code, as in +1 617 555 0134.";
    if (!isNumber) field.focus();
    return isNumber ? typed : null;
  }

  #begin(call, words) {
    this.#call = call;
    this.#ringing = null;
    this.#answeredAt = null;
    this.#sound.silence();
    this.#find(".caption").textContent = "";
    this.#find(".again").hidden = call.isOutgoing;
    this.#find(".after-words").replaceChildren();
    this.#find(".timer").hidden = true;
    this.#state(words);
    this.#show("calling");
    this.#find(".keypad").focus({ preventScroll: true });
    call.addEventListener("entry", ({ detail }) => this.#follow(call, detail));
    call.addEventListener("lost", () => this.#ended({ status: "the simulator no longer answers" }));
    this.#onCall(call);
    call.follow();
  }

  #follow(call, entry) {
    if (call !== this.#call) return;
    if (entry.event === "status") this.#status(call, entry);
    if (entry.event === "stage") this.#state(STAGES[entry.stage] ?? "Connected");
    if (entry.event === "heard") this.#hear(call, entry);
    if (entry.event === "cut") this.#sound.stop(entry.n);
    if (entry.event === "key") this.#state("Connected");
    if (entry.event === "recording" && !call.isOver) this.#recording(call);
  }

  #status(call, entry) {
    if (call.isOver) return this.#ended(entry);
    this.#answeredAt = performance.now();
    this.#find(".timer").hidden = false;
    this.#recording(call);
    this.#state("Connected");
    this.#ticking = setInterval(() => this.#tick(), 250);
    this.#tick();
  }

  #hear(call, entry) {
    this.#sound.play(entry.n, exchange.speechUrl(call.sid, entry.n));
    if (entry.kind === "ringing") return this.#state("The agent's phone rings");
    this.#find(".caption").textContent = entry.text ? `“${entry.text}”` : "";
    if (entry.who === "line" && !this.#isAsked()) this.#state("The line is speaking");
  }

  #isAsked() {
    return this.#call.entries.findLast((entry) => ["stage", "key", "document"].includes(entry.event))?.stage === "at_question";
  }

  #recording({ recording }) {
    const pill = this.#find(".rec");
    pill.hidden = false;
    pill.classList.toggle("on", recording === "in-progress");
    pill.classList.toggle("paused", recording === "paused");
    this.#find(".rec-words").textContent = RECORDED[recording];
  }

  #ended(entry) {
    clearInterval(this.#ticking);
    this.#sound.silence();
    this.#find(".caption").textContent = "";
    this.#find(".rec").hidden = true;
    this.#state(entry.status === "completed" ? "Call ended" : `Call ended: ${entry.status}`);
    this.#show("after");
  }

  #tick() {
    this.#find(".timer").textContent = clock((performance.now() - this.#answeredAt) / 1000);
  }

  #press(key) {
    if (!this.isInCall) return;
    this.#sound.key(key);
    exchange.press(this.#call.sid, key).catch(() => {}); // the call ended meanwhile, which the stream tells
  }

  #hangUp() {
    exchange.hangUp(this.#call.sid).catch(() => {}); // the call ended by itself, which the stream tells
  }

  #mute() {
    this.#sound.mute(!this.#sound.isMuted);
    this.#find(".mute").setAttribute("aria-pressed", String(this.#sound.isMuted));
  }

  #idle() {
    this.#show("idle");
    this.#find("[name=to]:checked")?.focus();
  }

  #state(words) {
    this.#find(".call-state-words").textContent = words;
    document.querySelector(".announce").textContent = words;
  }

  #show(state) {
    const hadFocus = this.#root.contains(document.activeElement);
    this.#root.dataset.state = state;
    this.#find(".dialling").hidden = state !== "idle";
    this.#find(".idle-words").hidden = state !== "idle";
    this.#find(".call-head").hidden = state === "idle";
    this.#find(".ringing").hidden = state !== "ringing";
    this.#find(".calling").hidden = state !== "calling";
    this.#find(".after").hidden = state !== "after";
    if (state === "after" && hadFocus) this.#find(this.#call.isOutgoing ? ".new-call" : ".again").focus();
    const { top, bottom } = this.#root.getBoundingClientRect();
    if (top < 0 || (state === "calling" && bottom > innerHeight)) this.#root.scrollIntoView();
  }
}
