// Who speaks when, as blocks in the client's lane, and the time from the end of the user's turn to the first audio.

import { note } from "./elements.js";
import { objectOf, textOf, timeOf } from "./journal_values.js";
import { inDigits } from "./journal_words.js";

// A Realtime client gets the audio in events, a Voice Agent client as it is.
const AUDIO = new Set(["response.output_audio.delta", "response.audio.delta"]);
// Pieces of the agent's audio that are closer, in seconds, are one block.
const PAUSE = 0.3;
const USER_ROW = 0;
const AGENT_ROW = 1;

/** Reads speech from upstream's frames and from rows of audio. */
export class Speech {
  #elements;
  #user = null;
  #agent = null;
  // When what the next response answers was over, and what that was.
  #asked = null;
  // Likewise of the response that has no audio yet; `from` is when it began.
  #answer = null;
  #responseAt = -1;

  /** @param {import("./elements.js").Elements} elements Where the blocks go. */
  constructor(elements) {
    this.#elements = elements;
  }

  /** Read a frame to upstream or from it. */
  frame(line, at, index) {
    const type = textOf(line.type);
    if (line.way === "out") this.#sent(type, line, at, index);
    else if (type === "input_audio_buffer.speech_started") this.#started(at, index);
    else if (type === "input_audio_buffer.speech_stopped") {
      this.stopped(at, index);
      this.#asked = { at, line: index };
    } else if (type === "input_audio_buffer.committed") {
      this.stopped(at, index);
      this.#asked ??= { at, line: index };
    } else if (type === "input_audio_buffer.cleared") this.stopped(at, index);
    else if (type === "response.created") this.#responding(at);
  }

  /** Read a frame to the client. */
  told(line, at, index) {
    if (AUDIO.has(line.type)) this.audio(line, at, index);
  }

  /** Read a row of audio to the client. */
  audio(line, at, index) {
    const until = Math.max(at, timeOf(line.until, at));
    const last = this.#agent;
    const isOfNext = last && this.#responseAt >= last.to && this.#responseAt <= at;
    if (last && !isOfNext && at >= last.from && at - last.to < PAUSE) {
      note(last, index);
      last.bytes += size(line);
      if (until > last.to) this.#elements.end(last, until);
    } else {
      const known = { lane: "client", kind: "agent-speech", from: at, to: until, label: "agent", line: index };
      this.#agent = this.#elements.span({ ...known, bytes: size(line) }, AGENT_ROW);
    }
    const { bytes } = this.#agent;
    this.#agent.detail = bytes ? `${inDigits(bytes)} bytes of audio` : "audio";
    if (this.#answer && at >= this.#answer.from) this.#first(at, index);
  }

  /** End the user's speech, if it lasts. */
  stopped(at, index) {
    if (this.#user) this.#elements.end(this.#user, at, index);
    this.#user = null;
  }

  #started(at, index) {
    this.stopped(at, index);
    const known = { lane: "client", kind: "user-speech", from: at, label: "user", line: index };
    this.#user = this.#elements.span({ ...known, detail: "speech, as upstream heard it" }, USER_ROW);
  }

  #responding(at) {
    this.#responseAt = at;
    if (this.#asked) this.#answer = { ...this.#asked, from: at };
    this.#asked = null;
  }

  #sent(type, line, at, index) {
    const isMessage = type === "conversation.item.create" && objectOf(line.ids).role === "user";
    if (isMessage || type === "response.create") this.#asked ??= { at, line: index };
  }

  #first(at, index) {
    const { at: from, line } = this.#answer;
    this.#answer = null;
    const label = `${Math.round((at - from) * 1000)} ms`;
    const known = { lane: "client", kind: "first-audio", from, to: at, label, line };
    const detail = "time to first audio, from the end of the user's turn, or from when its message went upstream";
    note(this.#elements.span({ ...known, detail }, AGENT_ROW), index);
  }
}

/** Return the bytes of sound in a line; 0 where it does not show them. */
function size(line) {
  const bytes = line.audio ?? objectOf(objectOf(line.frame).delta).bytes;
  return typeof bytes === "number" && bytes > 0 ? bytes : 0;
}
