// Marks of the upstream links: opened, lost, replaced, closed.

import { kindOf, objectOf, textOf } from "./journal_values.js";
import { brief } from "./journal_words.js";

/** Reads what becomes of a session's links. */
export class Links {
  #elements;
  #opened = 0;
  #isLost = false;
  #tookOver = false;

  /** @param {import("./elements.js").Elements} elements Where the marks go. */
  constructor(elements) {
    this.#elements = elements;
  }

  /** Read a frame of upstream's: a link begins with `session.created`. */
  frame(line, at, index) {
    if (line.way !== "in" || textOf(line.type) !== "session.created") return;
    const link = typeof line.link === "number" ? line.link : 1;
    this.#opened = Math.max(this.#opened, link);
    const detail = brief(textOf(objectOf(line.ids).session_id));
    this.#mark("link-opened", at, index, `link ${link} opened`, detail);
  }

  /** Read a note about a connection. */
  note(line, at, index) {
    const detail = brief(textOf(line.detail));
    const link = typeof line.link === "number" ? ` ${line.link}` : "";
    if (line.wire === "client") {
      const label = `client ${brief(textOf(line.note))}`;
      this.#elements.mark({ lane: "client", kind: "closed", at, label, detail, line: index });
    } else if (line.note === "closed") this.#mark("closed", at, index, `link${link} closed`, detail);
    else if (line.note === "took over") this.#renewed(at, index, `link${link}`);
    else this.#elements.mark(handedBack(line, at, index, detail));
  }

  /** Read a decision. */
  decided(event, at, index) {
    const kind = kindOf(event);
    if (kind === "LinkLost") {
      this.#isLost = true;
      const why = [textOf(event.code), textOf(event.description)].filter(Boolean).join(": ");
      this.#mark("link-lost", at, index, this.#opened ? "link lost" : "link not opened", brief(why));
    } else if (kind === "TookOver") {
      if (!this.#tookOver) this.#renewed(at, index, "link");
      this.#tookOver = false;
      this.#isLost = false;
    } else if (kind === "LinkOpened" && !this.#opened) {
      this.#opened = 1;
      this.#mark("link-opened", at, index, "link opened", "");
    }
  }

  #renewed(at, index, link) {
    this.#tookOver = true;
    const [label, detail] = this.#isLost
      ? [`${link} restored`, "another link took over from the lost one"]
      : [`${link} renewed`, "another link took over before the session of the last one ended"];
    this.#mark("link-renewed", at, index, label, detail);
  }

  #mark(kind, at, index, label, detail) {
    this.#elements.mark({ lane: "upstream", kind, at, label, detail, line: index });
  }
}

function handedBack(line, at, index, detail) {
  const label = brief(textOf(line.note)) || "note";
  return { lane: "upstream", kind: "frame", way: "in", at, label, detail, line: index, ids: detail, isQuiet: false };
}
