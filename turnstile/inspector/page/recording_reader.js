// Reads a recorded session into a timeline, in pieces, so that the page stays responsive; says what is wrong with it.

import { objectOf } from "./journal_values.js";

/** The version of the format that this page reads. */
const FORMAT = 1;
// Bytes of a file that are read without a pause.
const PIECE = 256 * 1024;
// Characters of a line beyond which a file is no recording.
const LONGEST = 64 * 1024 * 1024;
// Lines of a saved stream that hold nothing of the journal.
const OF_STREAMS = /^(:|id:|event:|retry:|$)/;

/** A file is no recording; its message says why. */
export class RecordingError extends Error {}

/**
 * Read a file into a timeline.
 *
 * @param {Blob} file
 * @param {import("./timeline.js").Timeline} timeline Takes the lines.
 * @param {object} [options]
 * @param {(read: number) => void} [options.onProgress] Called after each piece with the bytes read so far.
 * @param {() => Promise<void>} [options.pause] Waits after each piece until the page has drawn.
 * @param {AbortSignal} [options.signal] Ends the reading.
 * @returns {Promise<string[]>} What is wrong with it, in sentences; what could be read is in the timeline.
 * @throws {RecordingError} It is no recording.
 */
export async function readRecording(file, timeline, { onProgress = () => {}, pause = nextTask, signal } = {}) {
  const lines = new RecordedLines(timeline);
  const decoder = new TextDecoder();
  for (let place = 0; place < file.size && !signal?.aborted; place += PIECE) {
    const piece = await file.slice(place, place + PIECE).arrayBuffer();
    lines.take(decoder.decode(piece, { stream: true }));
    onProgress(Math.min(place + PIECE, file.size));
    await pause();
  }
  lines.take(decoder.decode());
  return signal?.aborted ? [] : lines.finish();
}

function nextTask() {
  return new Promise((resolve) => setTimeout(resolve));
}

/** Makes lines of text that comes in pieces. */
class RecordedLines {
  #timeline;
  #rest = "";
  #number = 0;
  #unreadable = { count: 0, first: "" };

  constructor(timeline) {
    this.#timeline = timeline;
  }

  /** Take the next piece of text. */
  take(piece) {
    const parts = piece.split("\n");
    parts[0] = this.#rest + parts[0];
    this.#rest = parts.pop() ?? "";
    for (const part of parts) this.#line(part);
    if (this.#rest.length > LONGEST) {
      throw new RecordingError(`Line ${this.#number + 1} has no end: this is no recording.`);
    }
  }

  /** Take the last line, which may have no end; return what is wrong. */
  finish() {
    const isCut = this.#rest.trim() !== "" && parsed(jsonOf(this.#rest)) === undefined;
    if (!isCut || !this.#timeline.head) this.#line(this.#rest);
    if (!this.#timeline.head) throw new RecordingError("The file is empty: a recording has a JSON object a line.");
    const faults = [];
    const { count, first } = this.#unreadable;
    if (count) faults.push(`${first}${count > 1 ? ` There are ${count - 1} more of the kind.` : ""}`);
    if (isCut) faults.push(`Line ${this.#number + 1} is cut: the file ends within it.`);
    if (!this.#timeline.end) {
      faults.push("It has no end: the session ran when this was copied, or its process was killed.");
    }
    if (this.#timeline.others) {
      faults.push(`${this.#timeline.others} lines are of other sessions, and are not shown: this is the first one.`);
    }
    return faults;
  }

  #line(text) {
    this.#number += 1;
    if (OF_STREAMS.test(text.trimEnd())) return;
    const json = jsonOf(text);
    const line = parsed(json);
    if (!this.#timeline.head) this.#begin(line, text);
    else if (objectOf(line) !== line) this.#note();
    if (objectOf(line) === line) this.#timeline.add(line, json);
  }

  /** Refuse what does not begin as a recording does. */
  #begin(line, text) {
    const which = `Line ${this.#number}`;
    if (text.startsWith("\u001f")) throw new RecordingError("The file is compressed: unpack it first (gunzip).");
    if (objectOf(line) !== line) {
      throw new RecordingError(`${which} is not a JSON object: this is no recording of a session.`);
    }
    if (!("turnstile" in line && "session" in line)) {
      const words = 'does not say whose session it is ("turnstile", "session"): a recording\'s first line does.';
      throw new RecordingError(`${which} ${words}`);
    }
    if (line.format !== FORMAT) {
      const words = `is of the format ${JSON.stringify(line.format) ?? "?"}, and this page reads ${FORMAT}.`;
      throw new RecordingError(`${which} ${words} Open it with the page of the Turnstile that wrote it.`);
    }
  }

  #note() {
    this.#unreadable.count += 1;
    this.#unreadable.first ||= `Line ${this.#number} is not a JSON object, and is left out.`;
  }
}

/** Return the JSON of a line, also one of a saved stream of events. */
function jsonOf(text) {
  return text.startsWith("data:") ? text.slice(5).trim() : text.trim();
}

function parsed(json) {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
