// The keys of the phone: clicked, touched, or typed.

const KEYS = new Set("0123456789*#");

export class Keypad {
  /** `onKey` is told each key. Typed keys count while `isActive()` and the person has not switched them off. */
  constructor(pad, shortcuts, { onKey, isActive }) {
    this.pad = pad;
    this.#onKey = onKey;
    pad.addEventListener("click", (event) => this.#press(event.target.closest("[data-key]")?.dataset.key));
    document.addEventListener("keydown", (event) => {
      if (isActive() && shortcuts.checked && isMeantAsKey(event)) this.#press(event.key);
    });
  }

  #onKey;

  #press(key) {
    if (!key) return;
    this.#show(key);
    this.#onKey(key);
  }

  #show(key) {
    const button = this.pad.querySelector(`[data-key="${CSS.escape(key)}"]`);
    button.classList.add("pressed");
    setTimeout(() => button.classList.remove("pressed"), 180);
  }
}

function isMeantAsKey(event) {
  const isWriting = event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  return KEYS.has(event.key) && !event.repeat && !event.ctrlKey && !event.metaKey && !event.altKey && !isWriting;
}
