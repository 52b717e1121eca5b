// Comments on a call: one begins where the listener is, and whatever is sent leaves the focus where it was.

import { place } from "./place.js";
import { position, say, sentence } from "./words.js";

const LATE_MS = 5_000; // people react some seconds after what they heard
const section = document.getElementById("comments");
const form = document.getElementById("comment-new");
const heading = document.getElementById("comments-heading");
let before = null; // what had the focus

section.addEventListener("click", ({ target }) => {
  const action = target.closest("[data-action]")?.dataset.action;
  if (action === "comment") begin();
  if (action === "return") goBack();
});

function begin() {
  before = document.activeElement === document.body ? null : document.activeElement;
  if (place.positionMs !== null && !form.elements.body.value) form.elements.at.value = position(Math.max(0, place.positionMs - LATE_MS));
  form.elements.body.focus();
}

/** Also from an answer or a change, which then closes. */
function goBack() {
  const opened = document.activeElement?.closest("#comment-list details");
  if (opened) {
    opened.open = false;
    opened.querySelector("summary").focus();
  } else if (document.activeElement?.closest("#comment-new")) {
    (before?.isConnected ? before : document.getElementById("main")).focus();
  }
}

section.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (ctx.response.status >= 400) return;
  if (ctx.sourceElement === form || ctx.request?.form === form) form.reset();
  for (const problem of section.querySelectorAll("[data-problem]")) problem.textContent = "";
  say(sentence("comment-saved"));
  keepFocus();
});

/** A control goes away with what it was about, or is folded in once it is saved. */
function keepFocus() {
  const { activeElement } = document;
  if (activeElement === document.body) heading.focus();
  else if (!activeElement.checkVisibility()) (activeElement.closest("details")?.querySelector("summary") ?? heading).focus();
}

// Whoever is signed out keeps the words: they can be sent after a sign-in in another tab.
section.addEventListener("htmx:before:response", (event) => {
  if (event.detail.ctx.response.status !== 401) return;
  event.preventDefault();
  problemOf(event.target).textContent = sentence("comment-signed-out");
});
section.addEventListener("htmx:error", ({ target }) => (problemOf(target).textContent = sentence("comment-unreached")));

function problemOf(element) {
  return (element.closest("form") ?? form).querySelector("[data-problem]");
}
