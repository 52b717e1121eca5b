// Strip, lanes and slider on one time axis: shows the position on all of them, and tells where somebody wants to go.

import { place } from "./place.js";
import { position, sentence } from "./words.js";

const STEP_MS = 1000;

/** Fires `seek` with the wanted position in ms as its detail. */
export class Stage extends EventTarget {
  #stage;
  #slider;
  #shown;
  #playhead;
  #axis;
  #isDragged = false;
  positionMs = 0;
  durationMs;

  /** @param {HTMLElement} section with the stage, the slider and the position in words */
  constructor(section) {
    super();
    const part = (name) => section.querySelector(`[data-part="${name}"]`);
    [this.#stage, this.#slider, this.#shown, this.#playhead] = ["stage", "slider", "position", "playhead"].map(part);
    const { beginsMs, endsMs, durationMs } = section.dataset;
    this.#axis = { beginsMs: Number(beginsMs), lengthMs: Math.max(1, endsMs - beginsMs) };
    this.length = Number(durationMs);
    this.#place(part("lanes"), 0, this.durationMs);
    this.#listen();
  }

  /** Of the recording, as soon as somebody knows better. */
  set length(ms) {
    this.durationMs = ms;
    this.#slider.max = String(ms / 1000);
    this.#slider.step = ms > 10 * STEP_MS ? "1" : "0.1";
  }

  show(ms) {
    place.positionMs = this.positionMs = ms;
    const text = sentence("at", { at: position(ms), of: position(this.durationMs) });
    if (!this.#isDragged) this.#slider.value = String(ms / 1000);
    this.#slider.setAttribute("aria-valuetext", text);
    this.#shown.textContent = `${position(ms, true)} / ${position(this.durationMs)}`;
    this.#playhead.style.left = `${this.#share(ms)}%`;
  }

  /** Draw the part of a loop; null for none. */
  mark(element, beginMs, endMs) {
    element.hidden = beginMs === null;
    if (beginMs !== null) this.#place(element, beginMs, endMs ?? beginMs);
  }

  #place(element, beginMs, endMs) {
    element.style.marginInlineStart = `${this.#share(beginMs)}%`;
    element.style.width = `${this.#share(endMs) - this.#share(beginMs)}%`;
  }

  #share(ms) {
    return ((ms - this.#axis.beginsMs) / this.#axis.lengthMs) * 100;
  }

  /** The time at a place of the axis. */
  timeAt(clientX) {
    const { left, width } = this.#stage.getBoundingClientRect();
    return this.#axis.beginsMs + ((clientX - left) / width) * this.#axis.lengthMs;
  }

  #listen() {
    this.#stage.addEventListener("click", ({ clientX }) => this.#want(this.timeAt(clientX)));
    this.#slider.addEventListener("input", () => {
      this.#isDragged = true;
      this.show(this.#slider.valueAsNumber * 1000);
    });
    this.#slider.addEventListener("change", () => {
      this.#isDragged = false;
      this.#want(this.#slider.valueAsNumber * 1000);
    });
  }

  #want(ms) {
    this.dispatchEvent(new CustomEvent("seek", { detail: Math.max(0, Math.min(ms, this.durationMs)) }));
  }
}
