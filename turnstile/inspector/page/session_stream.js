// The journal of one session as it happens: read, lost, found again, and left while nobody looks.

/** Seconds that a page may be hidden before its stream is given to others: there are few. */
const HIDDEN_FOR = 300;
/** Seconds until the first try to find a lost stream again; each further try waits twice as long, up to the last. */
const [FIRST_RETRY, LAST_RETRY] = [1, 15];

/** What the listener says of an id that no open session has. */
const ABSENT = new Set(["unknown_session", "not_found"]);

/**
 * @typedef {"connecting" | "live" | "waiting" | "left" | "ended" | "refused"} StreamState
 */

export class SessionStream {
  #ops;
  #id;
  #to;
  #reading = null;
  #timer = 0;
  #hiddenTimer = 0;
  #retry = FIRST_RETRY;
  #wasOpen = false;

  /**
   * @param {import("./ops.js").Ops} ops
   * @param {string} id The session's.
   * @param {object} to
   * @param {(line: any, text: string) => void} to.onLine Takes a line of the journal, and its JSON.
   * @param {() => void} to.onGap Called when it is read again: what was written meanwhile is missing.
   * @param {(state: StreamState, words: string) => void} to.onState Takes what has become of it.
   */
  constructor(ops, id, to) {
    this.#ops = ops;
    this.#id = id;
    this.#to = to;
    document.addEventListener("visibilitychange", this.#look);
    this.#begin();
    this.#look(); // it may be opened in a tab behind others
  }

  /** Let it go. */
  stop() {
    document.removeEventListener("visibilitychange", this.#look);
    clearTimeout(this.#timer);
    clearTimeout(this.#hiddenTimer);
    this.#reading?.abort();
  }

  #begin() {
    const reading = new AbortController();
    this.#reading = reading;
    this.#to.onState("connecting", "");
    this.#ops.events(this.#id, {
      onOpen: () => this.#opened(),
      onLine: this.#to.onLine,
      onEnd: () => this.#ended(),
      onFault: (fault) => this.#lost(fault),
      signal: reading.signal,
    });
  }

  #opened() {
    if (this.#wasOpen) this.#to.onGap();
    this.#wasOpen = true;
    this.#retry = FIRST_RETRY;
    this.#to.onState("live", "");
  }

  #ended() {
    this.stop();
    this.#to.onState("ended", "");
  }

  #lost(fault) {
    if (fault.isAboutToken || ABSENT.has(fault.code)) {
      this.stop();
      this.#to.onState("refused", fault.isAboutToken ? "token" : "absent");
      return;
    }
    const wait = Math.max(this.#retry, fault.retryAfter);
    this.#retry = Math.min(LAST_RETRY, 2 * this.#retry);
    this.#to.onState("waiting", `${fault.message} It is tried again in ${wait} s.`);
    this.#timer = setTimeout(() => this.#begin(), wait * 1000);
  }

  #look = () => {
    clearTimeout(this.#hiddenTimer);
    if (document.hidden) this.#hiddenTimer = setTimeout(() => this.#leave(), HIDDEN_FOR * 1000);
    else if (this.#reading === null) this.#begin();
  };

  /** Give the stream to others until somebody looks again. */
  #leave() {
    clearTimeout(this.#timer);
    this.#reading?.abort();
    this.#reading = null;
    this.#to.onState("left", "");
  }
}
