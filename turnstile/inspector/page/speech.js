// Who speaks when, as blocks in the client's lane, with the time to the first audio of each answer.

import { note } from "./elements.js";
import { FirstAudio } from "./first_audio.js";
import { kindOf, objectOf, textOf, timeOf } from "./journal_values.js";
import { inDigits } from "./journal_words.js";

// A Realtime client gets the audio in events, a Voice Agent client as it is.
const AUDIO = new Set(["response.output_audio.delta", "response.audio.delta"]);
// Pieces of the agent's audio that are closer, in seconds, are one block.
const PAUSE = 0.3;
// What upstream says when the user's speech is over.
const ENDS = new Set([
  "input_audio_buffer.speech_stopped",
  "input_audio_buffer.committed",
  "input_audio_buffer.cleared",
]);
const USER_ROW = 0;
const AGENT_ROW = 1;

/** Reads speech from upstream's frames and from rows of audio. */
export class Speech {
  #elements;
  #first;
  #user = null;
  #agent = null;
  #responseAt = -1;

  /** @param {import("./elements.js").Elements} elements Where the blocks go. */
  constructor(elements) {
    this.#elements = elements;
    this.#first = new FirstAudio(elements, AGENT_ROW);
  }

  /** Read the first line of the session. */
  begin(head) {
    this.#first.begin(head);
  }

  /** Read a frame to upstream or from it. */
  frame(line, at, index) {
    const type = textOf(line.type);
    this.#first.frame(line, type, at, index);
    if (line.way === "out") return;
    if (type === "input_audio_buffer.speech_started") this.#started(line.link, at, index);
    else if (ENDS.has(type)) this.stopped(() => true, at, index);
    else if (type === "response.created") this.#responseAt = at;
    else if (AUDIO.has(type)) this.#first.audio(line, at, index);
  }

  /** Read a frame to the client. */
  told(line, at, index) {
    if (AUDIO.has(line.type)) this.#said(line, at, index);
  }

  /** Read a row of audio. */
  audio(line, at, index) {
    if (line.wire === "client" && line.way === "out") this.#said(line, at, index);
    if (line.wire === "upstream" && line.way === "in") this.#first.audio(line, at, index);
  }

  /** Read a decision. */
  decided(event, effects, at, index) {
    this.#first.decided(event, effects, at, index);
    // Turn detection is off from here on: upstream will not say when the user stops.
    if (effects.some((effect) => kindOf(effect) === "ObserveAudio" && effect.on)) this.stopped(() => true, at, index);
  }

  /** Read what became of a link. */
  note(line) {
    this.#first.note(line);
  }

  /** End the user's speech on a link that is gone, if it lasts. */
  stopped(isOfLink, at, index) {
    if (!this.#user || !isOfLink(this.#user.link)) return;
    this.#elements.end(this.#user, at, index);
    this.#user = null;
  }

  /** End what lasts where lines are missing. */
  cut(at, index) {
    this.#first.cut();
    this.stopped(() => true, at, index);
  }

  #said(line, at, index) {
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
  }

  #started(from, at, index) {
    this.stopped(() => true, at, index);
    const link = typeof from === "number" ? from : 0;
    const known = { lane: "client", kind: "user-speech", from: at, label: "user", line: index, link };
    this.#user = this.#elements.span({ ...known, detail: "speech, as upstream heard it" }, USER_ROW);
  }
}

/** Return the bytes of sound in a line; 0 where it does not show them. */
function size(line) {
  const bytes = line.audio ?? objectOf(objectOf(line.frame).delta).bytes;
  return typeof bytes === "number" && bytes > 0 ? bytes : 0;
}
