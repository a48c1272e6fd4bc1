// What the page asks of its listener.
import { readEvents } from "./event_reader.js";

/** Seconds in which the listener must answer what it can answer at once. */
const ANSWER_TIMEOUT = 10;
/** Seconds without a byte after which a stream is lost: the listener writes a comment every 15. */
const SILENCE = 45;
/** The codes behind which what was sent may have been done. */
const UNKNOWN = new Set(["lost", "unreachable"]);

/** What was refused, or could not be asked; its message is a sentence for people. */
export class OpsError extends Error {
  /**
   * @param {string} code The listener's own, or `unreachable`, `lost` or `bad_answer`.
   * @param {string} message
   * @param {number} [retryAfter] Seconds until it may be tried again; 0 if the listener names none.
   */
  constructor(code, message, retryAfter = 0) {
    super(message);
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** Whether a token is missing, or is not the right one. */
  get isAboutToken() {
    return this.code === "no_token" || this.code === "wrong_token";
  }
}

/** Asks the listener; tells of another token by the event `token`. */
export class Ops extends EventTarget {
  #token = "";

  /** The token that requests have, "" for none; in memory only, so that it goes with the page. */
  get token() {
    return this.#token;
  }

  set token(token) {
    this.#token = token;
    this.dispatchEvent(new Event("token"));
  }

  /** Return the open sessions, in short. */
  async sessions() {
    return (await this.#ask("sessions")).sessions;
  }

  /**
   * Return one session, in full.
   * @param {string} id
   */
  session(id) {
    return this.#ask(pathOf(id));
  }

  /**
   * Give a session a message; done when it is in force.
   * @param {string} id
   * @param {object} message In the words of the Voice Agent protocol, or an `End`.
   * @param {number} timeout Seconds to be in force.
   */
  async give(id, message, timeout) {
    const headers = { "Content-Type": "application/json" };
    const options = { method: "POST", headers, body: JSON.stringify(message) };
    try {
      await this.#ask(`${pathOf(id)}/messages?timeout=${timeout}`, options, timeout + ANSWER_TIMEOUT);
    } catch (fault) {
      throw UNKNOWN.has(fault.code) ? new OpsError("lost", "No answer has come: it may be in force, or not.") : fault;
    }
  }

  /**
   * Return the listener's version; throw where a token is not the right one.
   * @param {string} [token]
   */
  check(token = this.#token) {
    return this.#ask("version", { token });
  }

  /**
   * Read the journal of a session from now on, until it ends, is lost, or is let go. One of `onEnd` and `onFault` is
   * called at the end; neither if it was let go.
   * @param {string} id
   * @param {object} to
   * @param {() => void} [to.onOpen] Called once the listener has answered.
   * @param {(line: any, text: string) => void} to.onLine Takes a line, and its JSON.
   * @param {() => void} to.onEnd
   * @param {(fault: OpsError) => void} to.onFault
   * @param {AbortSignal} to.signal Lets it go.
   */
  async events(id, { onOpen = () => {}, onLine, onEnd, onFault, signal }) {
    const silence = new Deadline(SILENCE);
    const stop = () => silence.abort();
    signal.addEventListener("abort", stop);
    try {
      if (signal.aborted) return;
      const answer = await this.#send(`${pathOf(id)}/events`, {}, silence.signal);
      onOpen();
      const isEnded = await readEvents(answer.body, { onLine, onByte: () => silence.postpone() });
      if (signal.aborted) return;
      if (isEnded) onEnd();
      else onFault(new OpsError("lost", "The stream of events was cut off."));
    } catch (error) {
      if (!signal.aborted) onFault(asFault(error, "The stream of events was lost."));
    } finally {
      silence.abort();
      signal.removeEventListener("abort", stop);
    }
  }

  async #ask(path, options = {}, seconds = ANSWER_TIMEOUT) {
    const deadline = new Deadline(seconds);
    try {
      const answer = await this.#send(path, options, deadline.signal);
      return await answer.json();
    } catch (error) {
      throw asFault(error, "The answer of the listener cannot be read.");
    } finally {
      deadline.clear();
    }
  }

  async #send(path, { token = this.#token, headers = {}, ...options }, signal) {
    const authorization = token ? { Authorization: `Bearer ${token}` } : {};
    const all = { cache: "no-store", credentials: "same-origin", redirect: "error", referrerPolicy: "no-referrer" };
    let answer;
    try {
      answer = await fetch(path, { ...all, ...options, headers: { ...headers, ...authorization }, signal });
    } catch {
      throw new OpsError("unreachable", "The listener does not answer: the proxy may have ended.");
    }
    if (answer.ok) return answer;
    const fault = await refusal(answer);
    if (fault.isAboutToken && token && token === this.#token) {
      this.token = ""; // the listener has another by now, and may show without one what this was asked for
      if (options.method === undefined) return this.#send(path, { headers, ...options }, signal);
    }
    throw fault;
  }
}

/** Aborts what it was given to when its time is over. */
class Deadline extends AbortController {
  #seconds;
  #timer;

  constructor(seconds) {
    super();
    this.#seconds = seconds;
    this.postpone();
  }

  postpone() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.abort(), this.#seconds * 1000);
  }

  clear() {
    clearTimeout(this.#timer);
  }

  abort() {
    this.clear();
    super.abort();
  }
}

/** Return what the listener, or a server in front of it, has said. */
async function refusal(answer) {
  const retryAfter = Math.max(0, Number(answer.headers.get("Retry-After")) || 0);
  const body = await answer.json().catch(() => null);
  const { code, message } = body?.error ?? {};
  if (typeof code === "string" && typeof message === "string") return new OpsError(code, message, retryAfter);
  const isAboutToken = answer.status === 401;
  return new OpsError(isAboutToken ? "no_token" : "bad_answer", `The answer is ${answer.status}.`, retryAfter);
}

function asFault(error, words) {
  return error instanceof OpsError ? error : new OpsError("lost", words);
}

/** Return the path of a session: below the page's, which a server in front of the listener may serve at a prefix. */
function pathOf(id) {
  return `sessions/${encodeURIComponent(id)}`;
}
