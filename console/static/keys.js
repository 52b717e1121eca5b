// Carries out what the keys of the table stand for: a key presses the control with its action, so whatever a key does
// can also be done by pointer. The table is the one of the help, where the server has put the person's own keys.

const help = document.getElementById("keys");
const table = JSON.parse(help.dataset.keys);
const SEQUENCE_MS = 1500; // within which the second key follows the first
const TYPED_IN = "textarea, select, [contenteditable], input:not([type=range], [type=checkbox], [type=radio], [type=button])";
const PRESSED = "button, a[href], summary, input[type=checkbox], input[type=radio]";
let isOn = help.dataset.on === "true";
let before = ""; // the first key of two
let forget;

document.addEventListener("keydown", pressed);

/** Switch the single keys on or off, and the hints on the controls with them. */
export function switchKeys(on) {
  isOn = on;
  for (const control of document.querySelectorAll("[data-shortcuts]")) {
    if (on) control.setAttribute("aria-keyshortcuts", control.dataset.shortcuts);
    else control.removeAttribute("aria-keyshortcuts");
  }
}

function pressed(event) {
  const key = nameOf(event);
  if (event.defaultPrevented || !key || document.querySelector("dialog[open]")) return;
  if (key !== "Escape" && (!isOn || hasOwnUse(event.target, key))) return;
  const keys = before ? `${before} ${key}` : key;
  clearTimeout(forget);
  before = "";
  if (begins(keys)) {
    before = keys;
    forget = setTimeout(() => (before = ""), SEQUENCE_MS);
    return;
  }
  const control = table[keys] && controlOf(table[keys]);
  if (!control) return;
  event.preventDefault();
  control.click();
}

/** As the table spells it; null where another modifier makes it a command of the browser or of the system. */
function nameOf(event) {
  const { key, shiftKey, ctrlKey, altKey, metaKey, isComposing } = event;
  const isTyped = key.length === 1;
  const hasLevel3 = isTyped && event.getModifierState("AltGraph"); // how [ and ] are typed on many keyboards
  if (isComposing || metaKey || ((ctrlKey || altKey) && !hasLevel3)) return null;
  if (key === " ") return shiftKey ? null : "Space";
  if (!isTyped) return shiftKey ? null : key;
  const isLetter = key.toLowerCase() !== key.toUpperCase();
  return isLetter && shiftKey ? `Shift+${key.toUpperCase()}` : key.toUpperCase();
}

function hasOwnUse(element, key) {
  return element.matches(TYPED_IN) || (key === "Space" && element.matches(PRESSED));
}

function begins(keys) {
  return Object.keys(table).some((known) => known.startsWith(`${keys} `));
}

/** The one that is shown, if there are several. */
function controlOf(action) {
  const controls = [...document.querySelectorAll(`[data-action="${action}"]`)].filter((control) => !control.disabled);
  return controls.find((control) => control.checkVisibility()) ?? controls.find((control) => help.contains(control));
}

help.querySelector("[data-close]").addEventListener("click", () => help.close());
for (const opener of document.querySelectorAll("[data-action=help]")) {
  opener.addEventListener("click", (event) => {
    event.preventDefault(); // which without scripts leads to the page of the keys
    help.showModal();
  });
}
