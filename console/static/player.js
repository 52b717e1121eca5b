// The player of a call's page: its controls, and what they do to the listening, the stage and the person's settings.

import { switchKeys } from "./keys.js";
import { Listening } from "./listening.js";
import { Stopped } from "./lease.js";
import { Loop, afterSilence } from "./parts.js";
import { Settings } from "./settings.js";
import { Speakers } from "./speakers.js";
import { Stage } from "./stage.js";
import { alarm, position, say, sentence } from "./words.js";

const SPEED_STEP = 0.1;
const [SPEED_MIN, SPEED_MAX] = [0.5, 3];
const JUMPS_MS = { back: -10_000, forward: 10_000, back_far: -30_000, forward_far: 30_000, back_little: -1_000, forward_little: 1_000 };
const FORGETS_PICTURE = "may_not_be_opened";

const section = document.getElementById("player");
const part = (name) => section.querySelector(`[data-part="${name}"]`);
const element = part("audio");
const given = section.dataset;
const listening = new Listening(element, { open: given.open, leases: given.leases });
const stage = new Stage(section);
const settings = new Settings(given.settings);
const speakers = new Speakers(element, Number(given.channels), JSON.parse(given.volumes));
const loop = new Loop();
let speed = Number(given.speed);
let isOpening = false;
let lanes = null;
let silences = [];
let playedMs = 0; // where the look before last was

/* Playing */

async function play() {
  if (isOpening) return;
  if (listening.isOpen && !element.paused) return element.pause();
  speakers.prepare();
  try {
    if (!listening.isOpen) await open();
    await element.play();
  } catch (error) {
    if (error instanceof Stopped) refuse(error);
    else if (error.name === "NotAllowedError") tell(sentence("press"));
    else if (error.name !== "AbortError") tell(sentence("unreached"));
  } finally {
    isOpening = false;
    showState();
  }
}

async function open() {
  isOpening = true;
  tell("");
  showState();
  listening.seek(stage.positionMs);
  await listening.open(part("purpose").value, part("track").value);
  listening.speed = speed;
  const [first] = listening.tracks;
  if (!listening.tracks.includes(part("track").value)) part("track").value = first;
}

function refuse({ reason, why }) {
  const because = (why && sentence(`because-${reason}-why`, { why })) || sentence(`because-${reason}`) || sentence("because-failed");
  const text = `${sentence("stopped")} ${because}`;
  tell(text);
  alarm(text);
  part("again").hidden = reason !== "signed_out";
  if (reason === FORGETS_PICTURE) forgetPicture();
  showState();
}

function forgetPicture() {
  lanes?.clear();
  [lanes, silences] = [null, []];
  part("lanes").replaceChildren();
}

function tell(text) {
  part("told").textContent = text;
  part("told").parentElement.hidden = !text;
  part("again").hidden = true;
}

function showState() {
  const isPlaying = listening.isOpen && !element.paused;
  const purpose = part("purpose").selectedOptions[0]?.textContent.trim();
  part("play").textContent = isPlaying ? sentence("pause") : sentence("play", { purpose });
  part("play").setAttribute("aria-busy", String(isOpening));
}

/* The position */

function seek(ms) {
  const to = Math.max(0, Math.min(ms, stage.durationMs));
  playedMs = to;
  listening.seek(to);
  stage.show(to);
}

function look() {
  if (!listening.isOpen) return;
  const at = listening.positionMs;
  const to = loop.next(playedMs, at) ?? (part("skip").checked && !element.paused ? afterSilence(silences, at) : null);
  playedMs = at;
  if (to !== null) seek(to);
  else stage.show(at);
}

function eachFrame() {
  if (element.paused) return;
  look();
  requestAnimationFrame(eachFrame);
}

/* Controls, which keys press as well */

const actions = {
  play,
  slower: () => setSpeed(speed - SPEED_STEP),
  faster: () => setSpeed(speed + SPEED_STEP),
  loop_start: () => (loop.begin(stage.positionMs), showLoop()),
  loop_end: () => showLoop(loop.end(stage.positionMs)),
  loop_none: () => (loop.clear(), showLoop()),
  ...Object.fromEntries(Object.entries(JUMPS_MS).map(([name, ms]) => [name, () => seek(stage.positionMs + ms)])),
};
for (const [name, act] of Object.entries(actions)) {
  section.querySelector(`[data-action="${name}"]`).addEventListener("click", act);
}

function setSpeed(wanted) {
  speed = Math.round(Math.min(SPEED_MAX, Math.max(SPEED_MIN, wanted)) * 10) / 10;
  listening.speed = speed;
  showSpeed();
  settings.change({ speed });
  say(sentence("speed", { speed: speed.toFixed(1) }));
}

function showSpeed() {
  part("speed").textContent = `${speed.toFixed(1)}×`;
}

function showLoop(isPossible = true) {
  const { beginMs, endMs } = loop;
  const at = { from: position(beginMs ?? 0, true), to: position(endMs ?? 0, true) };
  const name = !isPossible ? "loop-not-yet" : beginMs === null ? "loop-none" : endMs === null ? "loop-begun" : "loop";
  part("loop").textContent = sentence(name, at);
  stage.mark(part("loop-mark"), beginMs, endMs);
  section.querySelector("[data-action=loop_none]").disabled = beginMs === null;
  say(sentence(name, at));
}

part("skip").addEventListener("change", ({ target }) => {
  settings.change({ skips_silence: target.checked });
  say(sentence(target.checked ? "skips" : "skips-not"));
});
part("purpose").addEventListener("change", ({ target }) => {
  listening.close(); // another purpose is another permission
  settings.change({ purpose: target.value });
  showState();
});
part("track").addEventListener("change", async ({ target }) => {
  const wasPlaying = !element.paused;
  listening.choose(target.value);
  listening.speed = speed;
  if (wasPlaying) await element.play().catch(() => {});
});
for (const slider of section.querySelectorAll("[data-channel]")) {
  slider.addEventListener("input", () => {
    speakers.set(Number(slider.dataset.channel), slider.valueAsNumber / 100);
    const [caller, agent = 1] = speakers.volumes;
    settings.change({ volumes: [caller, agent] });
  });
}
part("single-keys").addEventListener("change", ({ target }) => {
  switchKeys(target.checked);
  settings.change({ single_keys: target.checked });
});
stage.addEventListener("seek", ({ detail }) => seek(detail));
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-seek-ms]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  seek(Number(link.dataset.seekMs));
  say(sentence("at", { at: position(stage.positionMs), of: position(stage.durationMs) }));
});

/* What the listening tells */

listening.addEventListener("stopped", ({ detail }) => refuse(detail));
listening.addEventListener("waiting", () => tell(sentence("waiting")));
listening.addEventListener("going", () => tell(""));
listening.addEventListener("closed", () => (tell(sentence("closed")), showState()));
listening.addEventListener("failed", () => {
  listening.close();
  refuse(new Stopped("unplayable"));
});
for (const name of ["play", "pause", "ended", "emptied"]) element.addEventListener(name, showState);
element.addEventListener("play", eachFrame);
for (const name of ["timeupdate", "seeked"]) element.addEventListener(name, look);
element.addEventListener("durationchange", () => {
  if (Number.isFinite(element.duration)) stage.length = element.duration * 1000;
});

async function draw() {
  const { Lanes, fetchLanes } = await import("./lanes.js");
  const found = await fetchLanes(given.lanes).catch(() => null);
  part("no-lanes").hidden = found !== null;
  if (!found) return;
  silences = found.silences;
  lanes = new Lanes(part("lanes"), element, found.peaks);
}

showSpeed();
seek(Number(given.startMs));
showState();
section.dataset.isReady = "";
addEventListener("pageshow", ({ persisted }) => persisted && showState()); // come back to, and its listening is closed
if ("startsAtOnce" in given) await play(); // the lanes can wait for the first sound
draw();
