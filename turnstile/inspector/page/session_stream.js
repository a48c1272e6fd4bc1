// The journal of one session as it happens: read, lost, found again, and left while nobody looks.

/** Seconds that a page may be hidden before its stream is given to others: there are few. */
const HIDDEN_FOR = 300;
/** Streams of all tabs of a browser: it has six connections to one address, and asks and steers by the others. */
const MOST = 3;
const OTHERS_SHOWN =
  `This browser shows ${MOST} other sessions, and has no connection for more: come back to this one, and it goes on.`;
/** Seconds until the first try to find a lost stream again; each further try waits twice as long, up to the last. */
const [FIRST_RETRY, LAST_RETRY] = [1, 15];

/** What the listener says of an id that no open session has. */
const ABSENT = new Set(["unknown_session", "not_found", "headers_too_large"]);

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
  #tabs = new BroadcastChannel("turnstile: looked at");
  #name = Math.random();
  #lookedAtSince = new Set();

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
    addEventListener("focus", this.#look);
    this.#tabs.addEventListener("message", this.#makeRoom);
    this.#begin();
    this.#tabs.postMessage(this.#name); // also if it is opened in a tab behind others
    this.#look();
  }

  /** Let it go. */
  stop() {
    document.removeEventListener("visibilitychange", this.#look);
    removeEventListener("focus", this.#look);
    this.#tabs.close();
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
    if (document.hidden) {
      this.#hiddenTimer = setTimeout(() => this.#leave(), HIDDEN_FOR * 1000);
      return;
    }
    this.#lookedAtSince.clear();
    this.#tabs.postMessage(this.#name);
    if (this.#reading === null) this.#begin();
  };

  /** Leave the stream to the tabs that were looked at since this one was, if they are as many as may have one. */
  #makeRoom = ({ data }) => {
    this.#lookedAtSince.add(data);
    if (this.#lookedAtSince.size >= MOST && this.#reading) this.#leave();
  };

  /** Give the stream to others until somebody looks again. */
  #leave() {
    clearTimeout(this.#timer);
    this.#reading?.abort();
    this.#reading = null;
    this.#to.onState("left", OTHERS_SHOWN);
  }
}
