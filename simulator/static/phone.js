// The page: a phone, and beside it what is said, what is decided, and the calls so far.

import { CallList, ends } from "./call_list.js";
import { Decided } from "./decided.js";
import { element } from "./elements.js";
import { listCalls, observed, ringHere } from "./exchange.js";
import { FollowedCall } from "./followed_call.js";
import { Sound } from "./sound.js";
import { Telephone } from "./telephone.js";
import { Transcript } from "./transcript.js";
import { badge, sentence, verdictOf } from "./verdict.js";
import { Wire } from "./wire.js";
import { time } from "./words.js";

const SOON_MS = 150;
const LIVE_MS = 1000;
const IDLE_MS = 4000;

const find = (selector) => document.querySelector(selector);
const sound = new Sound();
const transcript = new Transcript(find(".transcript"), { onReplay: (url) => { sound.wake(); sound.silence(); sound.play(url, url); } });
const decided = new Decided(find(".decided"));
const wire = new Wire(find(".wire"));
const telephone = new Telephone(find(".phone"), sound, { onCall: adopt });
const list = new CallList(find(".calls"), { onCalls: (calls) => telephone.ring(calls.find(ringsHere)) });

let shown = null; // the call that the panels are about
let ours = null; // the last that was placed on this phone
let listening = new AbortController();
let due = null;

addEventListener("hashchange", open);
find(".rings-here input").addEventListener("change", ({ target }) => ringHere(target.checked));
open();
look(0);
refresh();

/** Open the call that the address names, if it names one. */
async function open() {
  const sid = /^#(CA[0-9a-f]{32})$/.exec(location.hash)?.[1];
  if (!sid || sid === shown?.sid) return;
  if (sid === ours?.sid) return show(ours, "Your call");
  const about = (await listCalls()).find((call) => call.call_sid === sid);
  if (!about) return say("That call is not known here. Calls are forgotten when the simulator ends.");
  const call = new FollowedCall(sid, { isOurs: about.manual, isOutgoing: about.outgoing });
  show(call, `${about.label || "The call"}, ${time(about.began)}, from ${ends(about)}`, { isOver: about.ended });
  call.follow();
  lead(find(".said"));
}

function ringsHere({ outgoing, manual, status }) {
  return outgoing && manual && status === "ringing";
}

/** Whoever opens a call is led to what was said on it. */
function lead(panel) {
  panel.focus({ preventScroll: true });
  if (panel.getBoundingClientRect().top < 0) panel.scrollIntoView();
}

function adopt(call) {
  if (ours !== shown) ours?.leave();
  ours = call;
  show(call, "Your call");
  location.hash = call.sid;
}

function show(call, title, reading = {}) {
  if (shown && shown !== ours) shown.leave();
  shown = call;
  say(title);
  transcript.show(call, reading);
  wire.show(call);
  decided.clear();
  listening.abort();
  listening = new AbortController();
  call.addEventListener("entry", ({ detail }) => take(detail), listening);
  call.addEventListener("settled", () => look(SOON_MS), listening);
  look(0);
  refresh();
}

function take(entry) {
  transcript.add(entry);
  wire.add(shown, entry);
  look(SOON_MS);
}

/** Which call the panels are about, and the way back to the one that is going on. */
function say(title) {
  const back = telephone.isInCall && shown !== ours ? element("a", { href: `#${ours.sid}` }, "Back to your call") : "";
  for (const which of document.querySelectorAll(".which")) which.replaceChildren(title, " ", back);
}

function look(delayMs) {
  clearTimeout(due);
  due = setTimeout(observe, delayMs);
}

async function observe() {
  const call = shown;
  if (!call) return;
  const answer = await observed(call.sid).catch(() => ({ status: "unreachable", detail: "the simulator does not answer" }));
  if (call !== shown) return;
  decided.show(answer);
  if (answer.status === "known") tell(call, answer.story);
  look(call.isSettled ? IDLE_MS : LIVE_MS);
}

function tell(call, story) {
  transcript.speak(story.language);
  telephone.tell(call, badge(verdictOf(story)), element("p", {}, sentence(story)));
}

async function refresh() {
  clearTimeout(refresh.due);
  if (!document.hidden) await list.refresh(shown?.sid).catch(() => {}); // the next one may succeed
  clearTimeout(refresh.due);
  refresh.due = setTimeout(refresh, IDLE_MS / 2);
}
