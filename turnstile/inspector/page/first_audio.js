// The time to a response's first audio, as the metrics have it: from what it answers to the first audio from upstream.

import { note } from "./elements.js";
import { keep, kindOf, objectOf, textOf } from "./journal_values.js";

const ASKING = new Set(["conversation.item.create", "response.create"]);
const SENT = new Set(["SendItem", "SendCreate"]);
const DETAIL = "time to first audio, from the end of the user's turn, or from when a message or create went upstream";

/** Reads upstream's frames and its audio; only the link in use counts, since on another a conversation is restored. */
export class FirstAudio {
  #elements;
  #row;
  #prefix = "";
  #link = null;
  #isClosed = false;
  // When what the next response answers was over, and which line said it.
  #asked = null;
  // Likewise of the response that has no audio yet; `from` is when it began.
  #answer = null;
  #before = { asked: null, answer: null, response: "" };
  #stopped = null;
  // Our events that put items of the last link in again, or a note about it: they ask for nothing.
  #restoring = new Map();

  /**
   * @param {import("./elements.js").Elements} elements Where the figures go.
   * @param {number} row Of the lane.
   */
  constructor(elements, row) {
    this.#elements = elements;
    this.#row = row;
  }

  /** Keep what ids begin with that the proxy gives: what a client has passed on is not measured. */
  begin(head) {
    this.#prefix = textOf(head.id_prefix);
  }

  /** Read a frame to upstream or from it. */
  frame(line, type, at, index) {
    if (!this.#isInUse(line)) return;
    const ids = objectOf(line.ids);
    if (line.way === "out") {
      if (ASKING.has(type) && this.#isOurs(textOf(ids.event_id))) this.#asked ??= { at, line: index };
    } else if (type === "input_audio_buffer.speech_stopped") {
      this.#stopped = textOf(ids.item_id);
      this.#asked = { at, line: index };
    } else if (type === "input_audio_buffer.committed") {
      if (this.#stopped !== textOf(ids.item_id)) this.#asked ??= { at, line: index };
    } else if (type === "response.created") this.#begun(textOf(ids.response_id), at);
  }

  /** Read a row of audio from upstream, or an event with some. */
  audio(line, at, index) {
    const response = textOf(objectOf(line.ids).response_id);
    const answer = this.#answer;
    if (!answer || at < answer.from || !this.#isInUse(line) || (response && response !== answer.response)) return;
    this.#answer = null;
    const label = `${Math.round((at - answer.at) * 1000)} ms`;
    const known = { lane: "client", kind: "first-audio", from: answer.at, to: at, label, line: answer.line };
    note(this.#elements.span({ ...known, detail: DETAIL }, this.#row), index);
  }

  /** Read a decision: what it restores, and that a response is out of band, which answers nothing that was asked. */
  decided(event, effects, at, index) {
    for (const effect of effects) {
      const kind = kindOf(effect);
      if (kind === "RestoreItem") keep(this.#restoring, textOf(effect.event_id), true);
      // What is decided before the session knows of the link's end waits for the next link, and counts from here.
      if (this.#isClosed && SENT.has(kind)) this.#asked ??= { at, line: index };
    }
    if (kindOf(event) !== "AsideStarted" || textOf(event.response_id) !== this.#before.response) return;
    this.#asked = this.#before.asked ?? this.#asked;
    this.#answer = this.#before.answer;
    this.#before = { asked: null, answer: null, response: "" };
  }

  /** Read what became of a link. */
  note(line) {
    if (typeof line.link !== "number") return;
    if (line.note === "took over") this.#link = line.link;
    if (line.link === this.#link) this.#isClosed = line.note === "closed";
  }

  /** Forget what cannot be measured, since lines are missing. */
  cut() {
    this.#asked = this.#answer = null;
  }

  #begun(response, at) {
    this.#before = { asked: this.#asked, answer: this.#answer, response };
    this.#answer = this.#asked && { ...this.#asked, from: at, response };
    this.#asked = null;
  }

  #isInUse({ link }) {
    if (typeof link !== "number") return true;
    this.#link ??= link;
    return link === this.#link;
  }

  #isOurs(event) {
    if (this.#restoring.has(event)) return false;
    return !this.#prefix || (event.startsWith(this.#prefix) && /^\d+$/.test(event.slice(this.#prefix.length)));
  }
}
