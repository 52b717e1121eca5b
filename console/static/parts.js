// Parts of a recording that are played otherwise than from beginning to end: silences that are skipped, and the loop.

const LEFT_MS = 400; // of a silence, at either end, so that one hears that there is one
const LEAST_MS = 600; // what is worth a jump

/** Where to go on from a position inside a silence; null outside of any. @param {[number, number][]} silences in ms */
export function afterSilence(silences, positionMs) {
  const found = silences.find(([beginMs, endMs]) => beginMs + LEFT_MS <= positionMs && positionMs < endMs - LEFT_MS);
  return found && found[1] - LEFT_MS - positionMs >= LEAST_MS ? found[1] - LEFT_MS : null;
}

/** A part that is heard again and again once both of its ends are known. */
export class Loop {
  beginMs = null;
  endMs = null;

  get isWhole() {
    return this.beginMs !== null && this.endMs !== null;
  }

  begin(atMs) {
    this.beginMs = atMs;
    if (this.endMs !== null && this.endMs <= atMs) this.endMs = null;
  }

  /** @returns {boolean} false where it would end before it begins. */
  end(atMs) {
    if (this.beginMs === null || atMs <= this.beginMs) return false;
    this.endMs = atMs;
    return true;
  }

  clear() {
    [this.beginMs, this.endMs] = [null, null];
  }

  /** Where to go on from a position that playing has come to; null where the loop does not matter. */
  next(fromMs, positionMs) {
    const hasPassed = this.isWhole && fromMs < this.endMs && positionMs >= this.endMs;
    return hasPassed ? this.beginMs : null;
  }
}
