// Server-sent events (WHATWG HTML, section 9.2) as the listener writes them: `EventSource` can send no token.

/** Characters of one event beyond which a stream is no journal. */
const LONGEST = 64 * 1024 * 1024;

/**
 * Read a journal's events up to the end of a body.
 * @param {ReadableStream<Uint8Array>} body
 * @param {object} to
 * @param {(line: any, text: string) => void} to.onLine Takes a line of the journal, and its JSON.
 * @param {() => void} to.onByte Called whenever something came, also a comment.
 * @returns {Promise<boolean>} Whether the journal has ended, and was not cut off.
 */
export async function readEvents(body, { onLine, onByte }) {
  const events = new EventParser(onLine);
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return events.isEnded;
    onByte();
    events.add(value);
  }
}

/** Makes events of text that comes in pieces. */
export class EventParser {
  #onLine;
  #rest = "";
  #type = "";
  #data = [];

  /** @param {(line: any, text: string) => void} onLine Takes a line of the journal, and its JSON. */
  constructor(onLine) {
    this.#onLine = onLine;
    /** Whether the event `end` has come. */
    this.isEnded = false;
  }

  /**
   * Take the next piece.
   * @param {string} piece
   */
  add(piece) {
    const lines = piece.split("\n");
    lines[0] = this.#rest + lines[0];
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > LONGEST) throw new RangeError("an event is too long");
    for (const line of lines) this.#take(line);
  }

  #take(line) {
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (line === "") this.#dispatch();
    else if (name === "event") this.#type = value;
    else if (name === "data") this.#data.push(value);
  }

  #dispatch() {
    const [type, text] = [this.#type, this.#data.join("\n")];
    [this.#type, this.#data] = ["", []];
    if (type === "end") this.isEnded = true;
    else if (text) this.#tell(text);
  }

  #tell(text) {
    let line;
    try {
      line = JSON.parse(text);
    } catch {
      return; // the journal is JSON: what is none is of a server in front of it
    }
    this.#onLine(line, text);
  }
}
