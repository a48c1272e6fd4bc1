// What a search found in a timeline, and where among it one is.
// @ts-check

/** The events that contain some words, in order of time. */
export class FoundEvents {
  /** @param {any} timeline */
  constructor(timeline) {
    this.timeline = timeline;
    this.words = "";
    /** @type {any[]} */
    this.items = [];
    /** @type {Set<string>} */
    this.ids = new Set();
    this.index = -1;
  }

  /**
   * Find words; the same again go on to the next.
   * @param {string} words Part of an id, a label or a type.
   * @returns {any} The event to show, or null.
   */
  search(words) {
    const wanted = words.trim();
    if (wanted !== this.words || !this.items.length) {
      this.words = wanted;
      this.items = wanted ? this.timeline.find(wanted) : [];
      this.ids = new Set(this.items.map(({ id }) => id));
      this.index = -1;
    }
    return this.step(1);
  }

  /** @param {number} step 1 or -1. @returns {any} The next event, or the one before; null where nothing was found. */
  step(step) {
    const count = this.items.length;
    if (!count) return null;
    this.index = this.index < 0 && step < 0 ? count - 1 : (this.index + step + count) % count;
    return this.items[this.index];
  }
}
