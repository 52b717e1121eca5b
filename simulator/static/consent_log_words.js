// What each entry of the consent log means, in plain English: a title and a sentence.

import { clock, day, language, plain } from "./words.js";
import { mode } from "./verdict.js";

const ANSWERS = { accepted: "yes", declined: "no", silent: "nothing was pressed", unrecognized: "a key that is no answer" };
const ACTIONS = { ask: "so the question is asked again", record: "so recording is permitted", suppress: "so nothing is recorded", end: "so the call ends politely" };
const STATUSES = { completed: "it was answered and ended normally", answered: "it was answered", busy: "the agent was busy", "no-answer": "no agent answered", failed: "no agent could be reached", canceled: "the caller hung up before an agent answered" };

const WORDS = {
  "call.received": (event) => ["The call came in", `It is held to “${mode(event.mode)}”${because(event.ruling)}. From here on it cannot be left out of the log.`],
  "language.asked": () => ["The caller is asked for a language", "Nothing is recorded, and nothing about recording has been said yet."],
  "language.chosen": (event) => ["The language is chosen", `${language(event.language)}, ${event.input === "dtmf" ? "by key" : "as no key chose another"}. The disclosure comes next.`],
  "call.refused": () => ["The call is ended politely", "This line takes no calls without recording, and the caller did not agree."],
  "call.fallback": (event) => ["The fallback took over", `Twilio could not carry out an answer${event.error_code ? ` (error ${event.error_code})` : ""}. The caller is connected, unrecorded.`],
  "call.completed": (event) => ["The call is over", `Twilio says ${plain(event.status ?? "ended")}${event.duration_s ? ` after ${clock(event.duration_s)}` : ""}. The log holds ${event.events ?? "all"} entries of it, so none can go missing unseen.`],
  "disclosure.served": (event) => ["The disclosure was handed to Twilio", `Wording ${event.prompt ?? "as approved"}${event.language ? `, in ${language(event.language)}` : ""}. Its fingerprint proves later which words were used.`],
  "disclosure.completed": (event) => ["The disclosure played to its end", `Twilio asked for the next step${event.elapsed_ms ? ` ${(event.elapsed_ms / 1000).toFixed(1)} s after the call came in` : ""}, which it does only after playing it all. The caller has been told.`],
  "disclosure.cut_short": () => ["The disclosure was cut short", "The next step came too early for it to have played. The caller counts as not told."],
  "consent.choice": (event) => [choice(event), `Answer: ${ANSWERS[event.answer] ?? plain(event.answer ?? "")}, ${ACTIONS[event.action] ?? ""}.`],
  "consent.withdrawn": (event) => [event.by === "agent" ? "The agent took the yes back for the caller" : "The yes was taken back", `Recording stops, and what was recorded is ${event.keeps ? "kept as it was agreed" : "destroyed"}. Another yes would need another question.`],
  "recording.permitted": (event) => ["Recording is permitted", `On the basis of ${event.basis === "express" ? "an express yes" : "staying after being told"}${event.purposes ? `, for: ${event.purposes.join(", ")}` : ""}${event.retain_until ? `; to be kept until ${day(event.retain_until)}` : ""}. Only now may Twilio be told to record.`],
  "recording.suppressed": (event) => ["Nothing is recorded", `The caller is connected without recording${event.reason ? `: ${event.reason}` : ""}.`],
  "recording.started": () => ["Twilio confirms that it records", "Until now this was a permission; now it is a fact."],
  "recording.completed": () => ["The recording is complete at Twilio", "A durable job fetches, checks and stores it."],
  "recording.stored": (event) => ["The audio is stored and verified", `Encrypted under a key of its own${event.retain_until ? `, to be kept until ${day(event.retain_until)}` : ""}. It was read back and compared before this was written.`],
  "recording.deleted": () => ["Twilio's copy is gone", "It was deleted after ours was verified, and the deletion was checked."],
  "recording.kept": () => ["Twilio's copy is gone", "Ours is the only one left."],
  "recording.absent": () => ["Twilio has no audio", "The recording was too short or never ran."],
  "recording.condemned": (event) => ["The recording must go", `No permit covers it${event.reason ? `: ${event.reason}` : ""}. It is stopped, kept from every ear, and destroyed.`],
  "recording.stopped": (event) => ["The recording no longer runs", `It was stopped, and then looked at: Twilio says ${plain(event.seen ?? "stopped")}.`],
  "pause.asked": (event) => ["A pause was asked for", `For at most ${clock(event.limit_s ?? 0)}, say while a card number is read out.`],
  "recording.paused": () => ["The recording is paused", "Twilio confirms it. What is said now is silence in the recording."],
  "recording.resumed": () => ["The recording goes on", "Twilio confirms it. The consent to it still stands."],
  "pause.ended": (event) => ["The pause is over", `${sentenceCase(plain(event.how ?? "ended"))}.`],
  "copy.found": (event) => [`Twilio had a ${plain(event.kind ?? "text")} of the call`, `It must go: ${event.why ?? "nobody agreed to it"}.`],
  "copy.deleted": (event) => [`The ${plain(event.kind ?? "text")} is gone`, "It was deleted at Twilio, and then looked for again."],
  "recording.destroyed": () => ["The audio is destroyed", "At Twilio, in the store, and its key: no backup can be read any more."],
  "recording.accessed": (event) => [event.what === "export" ? "Somebody took a copy" : "Somebody listened", `For ${event.purpose ?? "a purpose"}, which the caller agreed to.`],
  "recording.access_refused": (event) => ["Somebody was refused the audio", `For ${event.purpose ?? "a purpose"}: ${event.why ?? "it was not agreed to"}.`],
  "decline.remembered": (event) => ["The no is remembered", `A call from this number is not asked again before ${day(event.until)}. Kept is a keyed hash, not the number.`],
  "decline.forgotten": () => ["The earlier no is forgotten", "The caller asked to be recorded, by key."],
  "destruction.certified": () => ["The destruction is certified", "Every copy was checked to be gone."],
  "conversation.ended": (event) => ["The conversation ended", `The call to the agent: ${STATUSES[event.status] ?? plain(event.status ?? "")}. This never changes consent.`],
  "provider.corroborated": (event) => event.match === null
    ? ["Twilio did not tell what it saw", `${sentenceCase(event.reason ?? "nothing was told")}. What it said of the call cannot be held against this log.`]
    : [event.match ? "Twilio tells the same of this call" : "Twilio tells otherwise", event.match ? "Its own list of what it asked us and what we answered agrees with every entry above. That list is kept, and its hash is in this log." : `The two accounts differ in: ${event.differs.join(", ")}. A person is told to look.`],
  "privacy.erased": () => ["Personal data was erased", "The proof stays whole: only the private part of the entries is gone."],
  "privacy.hold": () => ["A legal hold was placed", "While it lasts, nothing of this call is destroyed."],
  "privacy.released": () => ["A legal hold was released", "The audio's own rule counts again."],
};

export function explain(event) {
  const words = WORDS[event.type];
  if (!words) return [sentenceCase(plain(event.type)), "An entry of the consent log."];
  return words(event);
}

function choice(event) {
  if (event.input === "none") return `No key at playing ${event.attempt} of the question`;
  return event.digit ? `The caller pressed ${event.digit}` : "The caller pressed keys";
}

/** The last step of the chain of reasons, and its words not like a program's. */
function because(ruling) {
  const last = ruling?.because?.find((reason) => reason.about.startsWith("consent for "));
  return last ? `, because ${last.by.replaceAll("_", "-")}` : "";
}

const sentenceCase = (text) => text.charAt(0).toUpperCase() + text.slice(1);
