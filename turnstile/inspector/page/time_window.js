// The part of a session's time that is in view, and where in it a moment stands.
// @ts-check

const CLOSEST = 0.02; // seconds across the drawing
const FIRST_SPAN = 2; // seconds across the drawing of a session that has just begun
const LIVE_SPAN = 16; // seconds across a wide drawing while it follows
const LIVE_SCALE = 46; // pixels a second, at least, while it follows
const LABEL = 130; // pixels: the room that the words of the last mark have
const NOW_AT = 0.86; // of the width: where the newest stands while it follows
const MARGIN = 0.02; // of what is shown, on both sides of all of a session

/** A window of time as wide as the drawing. */
export class TimeWindow {
  constructor() {
    this.from = 0;
    this.to = LIVE_SPAN;
    this.width = 1;
    /** The first and the largest time there is; the window does not leave them. */
    this.since = 0;
    this.until = 0;
  }

  get span() {
    return this.to - this.from;
  }

  /** Pixels a second. */
  get scale() {
    return this.width / this.span;
  }

  /** @param {number} at Seconds. @returns {number} Pixels from the left. */
  x(at) {
    return (at - this.from) * this.scale;
  }

  /** @param {number} x Pixels from the left. @returns {number} Seconds. */
  at(x) {
    return this.from + x / this.scale;
  }

  /** Change the width, the left edge and the scale kept. @param {number} width Pixels. */
  resize(width) {
    const scale = this.scale;
    const first = this.width <= 1;
    this.width = Math.max(width, 1);
    if (!first) this.to = this.from + this.width / scale;
  }

  /** Show from one moment to another, also where the first line came later. @param {number} from @param {number} to */
  show(from, to) {
    const span = Math.min(Math.max(to - from, CLOSEST), this.longest());
    const middle = (from + to) / 2;
    this.#place(middle - span / 2, span, 0);
  }

  /** Show all of it. */
  fit() {
    const all = Math.max(this.until - this.since, 0.1);
    this.from = this.since - all * MARGIN;
    this.to = this.from + (all * (1 + MARGIN)) / (1 - Math.min(LABEL / this.width, 0.2));
  }

  /** Make the scale that of a session which is followed: twice as much each time that a young one has outgrown it. */
  liveScale() {
    const longest = Math.min(LIVE_SPAN, this.width / LIVE_SCALE);
    const needed = 2 ** Math.ceil(Math.log2(Math.max((this.until - this.since) / NOW_AT, FIRST_SPAN)));
    this.to = this.from + Math.min(needed, longest);
  }

  /**
   * Zoom around a moment.
   * @param {number} factor Above 1: closer.
   * @param {number} at Seconds; stays where it is.
   */
  zoom(factor, at) {
    const span = Math.min(Math.max(this.span / factor, CLOSEST), this.longest());
    this.#place(at - (at - this.from) * (span / this.span), span);
  }

  /** Move by so many seconds. @param {number} seconds */
  pan(seconds) {
    this.#place(this.from + seconds, this.span);
  }

  /**
   * Keep the newest in view.
   * @param {number} now Seconds.
   * @param {boolean} inSteps Without constant motion: by a page where it would leave the window.
   */
  follow(now, inSteps) {
    const span = this.span;
    const behind = now - span * NOW_AT;
    if (!inSteps || this.from > now || now > this.from + span * 0.96) {
      this.from = Math.max(inSteps ? now - span * 0.4 : behind, this.since - span * MARGIN);
      this.to = this.from + span;
    }
  }

  /** The longest that can be shown, in seconds. */
  longest() {
    return Math.max((this.until - this.since) * 1.3, LIVE_SPAN);
  }

  /** @param {number} from @param {number} span @param {number} [since] */
  #place(from, span, since = this.since) {
    const first = since - span * MARGIN;
    this.from = Math.max(first, Math.min(from, this.until - span * 0.15));
    this.to = this.from + span;
  }
}
