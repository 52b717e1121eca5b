// What the service decided, as one sentence with a badge.

import { drawing, element } from "./elements.js";
import { plain } from "./words.js";

const BADGES = {
  deciding: "Deciding",
  recorded: "Recorded",
  not_recorded: "Not recorded",
  stopped: "Recorded up to the withdrawal",
  alert: "Look at this",
};

const OUTCOMES = {
  consented: "The caller said yes, so this call is recorded.",
  consented_by_staying: "The caller was told and stayed on the line. Here that counts as a yes, so this call is recorded.",
  declined: "The caller said no, so nothing is recorded.",
  silent: "The caller pressed nothing. Silence is not consent here, so nothing is recorded.",
  unclear: "What the caller pressed was no answer, so nothing is recorded.",
  hung_up_in_disclosure: "The caller hung up before the disclosure had played to its end, so nothing is recorded.",
  hung_up_in_choice: "The caller hung up at the question. That is no yes, so nothing is recorded.",
  disclosure_cut_short: "The disclosure cannot have played to its end. The caller counts as not told, so nothing is recorded.",
  disclosure_failed: "The disclosure could not be played, so nothing is recorded.",
  not_asked: "The caller was not asked, so nothing is recorded.",
};

const PERMITTED = new Set(["consented", "consented_by_staying"]);

const MODES = {
  notice: "notice: the caller is told, and staying on the line is consent",
  opt_out: "opt-out: the caller is told and may refuse with a key",
  opt_in: "opt-in: only the accept key records",
  never: "never: calls like this one are not recorded",
  must_record: "must record: without a yes the call ends politely",
};

export const mode = (name) => MODES[name] ?? plain(name);

/** `deciding`, `recorded`, `not_recorded`, `stopped` where a withdrawal keeps the recording, or `alert` where what was permitted did not come about. */
export function verdictOf(story) {
  if (story.outcome === "open") return "deciding";
  if (!PERMITTED.has(story.outcome) && story.incidents?.length) return "alert";
  if (story.outcome === "withdrawn") return story.withdrawal?.keeps ? "stopped" : "not_recorded";
  if (!PERMITTED.has(story.outcome)) return "not_recorded";
  const states = (story.recordings ?? []).map((recording) => recording.state);
  return states.length && states.every((state) => ["absent", "condemned"].includes(state)) ? "alert" : "recorded";
}

export const badge = (verdict) => element("span", { class: `badge ${verdict}` }, drawing(verdict), BADGES[verdict]);

export function sentence(story) {
  if (story.outcome === "open") return deciding(story);
  if (story.outcome === "withdrawn") return withdrawn(story);
  if (story.state !== "ended" && isPaused(story)) return "The recording is paused: what is said now is silence in it.";
  const said = OUTCOMES[story.outcome] ?? `Outcome: ${plain(story.outcome)}.`;
  const states = (story.recordings ?? []).map((recording) => recording.state);
  if (!PERMITTED.has(story.outcome) && states.length) return despite(said, states);
  return states.includes("destroyed") ? `${said} The audio has been destroyed since.` : said;
}

/** Somebody recorded a call that must not be: the decision stands, and so does what became of the recording. */
function despite(said, states) {
  const isGone = states.every((state) => ["destroyed", "absent"].includes(state));
  const fate = isGone ? "it has been destroyed, every copy" : "it is being destroyed";
  return `${said.replace("nothing is recorded", "nothing may be recorded")} A recording was started all the same: ${fate}.`;
}

/** Whoever took the yes back, and whether that is carried out: until then the recording may still run. */
function withdrawn({ withdrawal, recordings }) {
  const who = { agent: "The agent took the yes back for the caller", request: "The yes was taken back on request" };
  const said = who[withdrawal?.by] ?? "The caller took the yes back";
  const isDone = withdrawal ? Boolean(withdrawal.carried_out_at) : (recordings ?? []).every((recording) => recording.state === "destroyed");
  if (withdrawal?.keeps) return `${said}: ${isDone ? "recording has stopped" : "recording is being stopped"}, and what was recorded before is kept.`;
  return `${said}: ${isDone ? "recording has stopped, and what there was of it has been destroyed" : "recording is being stopped and destroyed"}.`;
}

/** Whether the latest word about pauses in the log is that the recording is paused. */
function isPaused(story) {
  const types = (story.events ?? []).map((event) => event.type);
  return types.findLast((type) => ["recording.paused", "recording.resumed", "pause.ended"].includes(type)) === "recording.paused";
}

function deciding(story) {
  const types = new Set((story.events ?? []).map((event) => event.type));
  if (types.has("disclosure.completed")) return "The caller has been told and is being asked. Nothing is recorded until the answer is on disk.";
  return "The caller is being told about recording. Nothing is recorded yet.";
}
