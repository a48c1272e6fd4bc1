// Asks again and again: never while the page is hidden, nor while an answer is outstanding.

export class Polling {
  #ask;
  #seconds;
  #timer = 0;
  #isAsking = false;
  #isOver = false;

  /**
   * Ask at once, and then after each answer.
   * @param {() => Promise<number | void>} ask Asks, and shows the answer or the fault; may return how many seconds the
   *   next time is to wait at least.
   * @param {number} seconds Between an answer and the next time.
   */
  constructor(ask, seconds) {
    this.#ask = ask;
    this.#seconds = seconds;
    document.addEventListener("visibilitychange", this.#look);
    this.now();
  }

  /** Ask now, unless an answer is outstanding. */
  async now() {
    if (this.#isAsking || this.#isOver || document.hidden) return;
    clearTimeout(this.#timer);
    this.#isAsking = true;
    let wait = 0;
    try {
      wait = (await this.#ask()) || 0;
    } finally {
      this.#isAsking = false;
      if (!this.#isOver) this.#timer = setTimeout(() => this.now(), Math.max(this.#seconds, wait) * 1000);
    }
  }

  /** Ask no more. */
  stop() {
    this.#isOver = true;
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#look);
  }

  #look = () => {
    if (!document.hidden) this.now();
  };
}
