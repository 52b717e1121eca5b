// The sound that the browser holds: a source buffer of which all times are in milliseconds, and nothing is kept for long.

const BEHIND_MS = 10_000;
const BEHIND_KEPT_MS = 9_000; // so that not every quarter of a second something is removed
const GAP_MS = 30; // which browsers play across
const FRAME_MS = 200; // longer than any: browsers remove whole frames

export class BufferedSound {
  #buffer;
  #signal;

  /** @param {SourceBuffer} buffer @param {AbortSignal} signal ends every waiting. */
  constructor(buffer, signal) {
    this.#buffer = buffer;
    this.#signal = signal;
  }

  /** Up to when sound is held without a gap from this time on; null where none is. */
  until(atMs) {
    const { buffered } = this.#buffer;
    for (let n = 0; n < buffered.length; n++) {
      const [startMs, endMs] = [buffered.start(n) * 1000, buffered.end(n) * 1000];
      if (startMs <= atMs + GAP_MS && atMs < endMs) return endMs;
    }
    return null;
  }

  /** @param {ArrayBuffer} body */
  async append(body) {
    this.#buffer.appendBuffer(body);
    await happened(this.#buffer, "updateend", this.#signal);
  }

  /** Remove what is far from the position. @returns {Promise<boolean>} whether there was any. */
  async trim(positionMs, aheadMs) {
    const { buffered } = this.#buffer;
    if (!buffered.length) return false;
    if (buffered.start(0) * 1000 < positionMs - BEHIND_MS) return this.#remove(0, positionMs - BEHIND_KEPT_MS);
    const farMs = positionMs + aheadMs;
    return buffered.end(buffered.length - 1) * 1000 > farMs && this.#remove(farMs - FRAME_MS, Infinity);
  }

  /** @returns {Promise<boolean>} whether there was any. */
  async clear() {
    return this.#buffer.buffered.length > 0 && this.#remove(0, Infinity);
  }

  async #remove(fromMs, toMs) {
    this.#buffer.remove(fromMs / 1000, toMs / 1000);
    await happened(this.#buffer, "updateend", this.#signal);
    return true;
  }
}

/** Resolves when `target` fires the event, or `signal` is aborted. */
export function happened(target, name, signal) {
  return new Promise((resolve) => {
    const settled = new AbortController();
    const settle = () => {
      settled.abort();
      resolve();
    };
    target.addEventListener(name, settle, { signal: settled.signal });
    signal?.addEventListener("abort", settle, { signal: settled.signal });
  });
}
