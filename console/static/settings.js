// Saves how a person listens, on the server, so that it is the same in every browser.

import { post } from "./console_requests.js";

const CALM_MS = 600; // many small changes are saved as one

export class Settings {
  #url;
  #wishes = {};
  #timer;

  constructor(url) {
    this.#url = url;
    addEventListener("pagehide", () => this.#save());
  }

  change(wishes) {
    Object.assign(this.#wishes, wishes);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#save(), CALM_MS);
  }

  /** What cannot be saved now is tried again with the next change. */
  #save() {
    clearTimeout(this.#timer);
    const wishes = this.#wishes;
    if (!Object.keys(wishes).length) return;
    this.#wishes = {};
    const keep = () => (this.#wishes = { ...wishes, ...this.#wishes });
    post(this.#url, wishes, { keepalive: true }).then((answer) => answer.ok || keep(), keep);
  }
}
