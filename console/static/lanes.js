// The lanes of the speakers: drawn by wavesurfer.js from peaks that the server made of the bytes that are played. It is
// given no sound, and fetches none.

import { bytesOf } from "./base64.js";
import WaveSurfer from "./vendor/wavesurfer.js-8.0.1/wavesurfer.esm.js";

const HEADER_BYTES = 12;
const WIDEST = 4000; // more peaks than a screen has dots cost time, and show nothing
const HEIGHT = 56;

/** @typedef {{ channels: number, perSecond: number, count: number, samples: Uint8Array }} Peaks by turns of channels */

/** @returns {Promise<{ peaks: Peaks, silences: [number, number][] } | null>} null where there are none. */
export async function fetchLanes(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (answer.status !== 200) return null;
  const { peaks, levels } = await answer.json();
  const silences = JSON.parse(levels).silences.map(({ start_s, end_s }) => [start_s * 1000, end_s * 1000]);
  return { peaks: readPeaks(bytesOf(peaks)), silences };
}

/** As `storage/audio/waveform.py` writes them. @param {Uint8Array} bytes @returns {Peaks} */
export function readPeaks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [channels, perSecond, count] = [view.getUint8(5), view.getUint16(6, true), view.getUint32(8, true)];
  return { channels, perSecond, count, samples: bytes.subarray(HEADER_BYTES, HEADER_BYTES + channels * count) };
}

/** The loudest of each few peaks, for each channel, 0 to 1. */
export function drawable({ channels, count, samples }, widest = WIDEST) {
  const each = Math.max(1, Math.ceil(count / widest));
  return Array.from({ length: channels }, (_, channel) =>
    Float32Array.from({ length: Math.ceil(count / each) }, (_, place) => {
      let loudest = 0;
      for (let n = place * each; n < Math.min(count, (place + 1) * each); n++) loudest = Math.max(loudest, samples[n * channels + channel]);
      return loudest / 255;
    }));
}

export class Lanes {
  #drawn;

  /** @param {HTMLElement} container @param {HTMLMediaElement} element whose position is shown @param {Peaks} peaks */
  constructor(container, element, peaks) {
    const style = () => ({ waveColor: colour("--lane"), progressColor: colour("--lane-heard") });
    const colour = (name) => getComputedStyle(container).getPropertyValue(name).trim();
    this.#drawn = WaveSurfer.create({
      container,
      height: HEIGHT,
      splitChannels: Array.from({ length: peaks.channels }, style),
      ...style(),
      cursorWidth: 0,
      interact: false,
      hideScrollbar: true,
      audioRate: undefined, // or it would set the speed
      cspNonce: document.querySelector('meta[name="csp-nonce"]').content,
      peaks: drawable(peaks),
      duration: peaks.count / peaks.perSecond,
    });
    // Only now: while it loads the peaks it takes the sound away from whatever it was given.
    this.#drawn.once("ready", () => this.#drawn?.setMediaElement(element));
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.onchange = () => this.#drawn?.setOptions({ splitChannels: Array.from({ length: peaks.channels }, style), ...style() });
  }

  /** Nothing of them is left. */
  clear() {
    this.#drawn?.setMediaElement(document.createElement("audio")); // or it would take the page's own away
    this.#drawn?.destroy();
    this.#drawn = null;
  }
}
