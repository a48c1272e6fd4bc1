// The lines of a journal as they came, as many as there is room for.

// What is kept of a line's JSON, in characters; sound is left out of it.
const LONGEST = 256 * 1024;

/** The latest lines, by their number in the session. */
export class KeptLines {
  #lines = [];
  #first = 0;
  #characters = 0;
  #limit;
  #room;

  /**
   * @param {number} limit How many lines are kept.
   * @param {number} room How many characters of JSON are kept.
   */
  constructor(limit, room) {
    this.#limit = Math.max(1, limit);
    this.#room = room;
  }

  /** How many lines have been forgotten; the number of the first that is kept. */
  get dropped() {
    return this.#first;
  }

  /** The number of the next line. */
  get next() {
    return this.#first + this.#lines.length;
  }

  /** Keep a line. */
  add(at, text) {
    this.#lines.push({ at, text });
    this.#characters += text.length;
  }

  /** Whether there are more lines than there is room for; the newest one is kept in any case. */
  get isFull() {
    const count = this.#lines.length;
    return count > this.#limit || (this.#characters > this.#room && count > 1);
  }

  /** Forget an eighth of the lines, the oldest; return the number of the first that is kept. */
  forget() {
    const oldest = this.#lines.splice(0, Math.max(1, this.#lines.length >> 3));
    for (const { text } of oldest) this.#characters -= text.length;
    this.#first += oldest.length;
    return this.#first;
  }

  /** Return a line by its number; null where it is not kept. */
  get(index) {
    return this.#lines[index - this.#first] ?? null;
  }
}

/** Return a line's JSON without its sound, and without what is too long to be read. */
export function shownText(line, text) {
  let shown = text;
  if (Array.isArray(line.pieces)) {
    shown = JSON.stringify({ ...line, pieces: `${line.pieces.length} pieces of audio, not shown` });
  }
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST)}... (${shown.length - LONGEST} more characters)` : shown;
}
