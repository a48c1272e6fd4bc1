// When to draw: once a frame at most, only what can be seen, and only while something moves.
// @ts-check

const AWAKE = 2000; // milliseconds without a line after which a session counts as quiet
const QUIET_STEP = 1000; // milliseconds between two draws of a quiet one
const HEAVY_STEP = 250; // likewise of one with very much in view

/** The session's time, which goes on between its lines, and the frames in which it is drawn. */
export class LiveClock {
  /** @param {() => void} draw */
  constructor(draw) {
    this.draw = draw;
    this.until = 0;
    this.heard = performance.now();
    this.isSeen = true;
    this.frame = 0;
    this.timer = 0;
    this.isStopped = false;
    /** Whether a draw is much work: then lines alone are drawn a few times a second. */
    this.isHeavy = false;
    this.motion = matchMedia("(prefers-reduced-motion: reduce)");
    this.wake = () => document.hidden || this.ask();
    document.addEventListener("visibilitychange", this.wake);
  }

  /** Draw only while an element can be seen, and when its size changes. @param {Element} element */
  watch(element) {
    this.size = new ResizeObserver(() => this.ask());
    this.size.observe(element);
    this.seen = new IntersectionObserver(([...entries]) => {
      this.isSeen = entries.some(({ isIntersecting }) => isIntersecting);
      this.ask();
    });
    this.seen.observe(element);
  }

  /** Whether things shall not move by themselves. */
  get isReduced() {
    return this.motion.matches;
  }

  /** The session's time, in seconds. */
  get now() {
    return this.until + (performance.now() - this.heard) / 1000;
  }

  /** Lines have come, the newest of this time. @param {number} until Seconds. */
  note(until) {
    if (until > this.until) {
      // The time does not go back where lines come later than they say.
      this.until = this.until ? Math.max(until, Math.min(this.now, until + 0.25)) : until;
      this.heard = performance.now();
    }
    if (this.isHeavy) this.#askLater(HEAVY_STEP);
    else this.ask();
  }

  /** Draw in the next frame. */
  ask() {
    if (this.frame || this.isStopped || !this.isSeen || document.hidden) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      clearTimeout(this.timer);
      this.timer = 0;
      this.draw();
    });
  }

  /**
   * Go on drawing, where things move: each frame, or each second where no line has come for a while.
   * @param {boolean} isMoving
   * @param {boolean} isOpen Something in view lasts.
   */
  run(isMoving, isOpen) {
    if (!isMoving) return;
    if (!this.isReduced && (isOpen || performance.now() - this.heard < AWAKE)) this.ask();
    else this.#askLater(QUIET_STEP);
  }

  /** Draw after a while, unless that is so already. @param {number} milliseconds */
  #askLater(milliseconds) {
    if (this.timer || this.isStopped) return;
    this.timer = setTimeout(() => {
      this.timer = 0;
      this.ask();
    }, milliseconds);
  }

  /** Draw no more. */
  stop() {
    this.isStopped = true;
    this.seen?.disconnect();
    this.size?.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.wake);
  }
}
