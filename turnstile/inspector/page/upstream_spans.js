// What upstream works at, as bars in its lane: responses, and the updates that it has not answered yet.

import { keep, kindOf, objectOf, textOf } from "./journal_values.js";
import { shortId } from "./journal_words.js";

// The first row of responses out of band: they are beside the conversation.
const ASIDE_ROW = 1;

/** Reads responses from upstream's frames, and from decisions where those are missing. */
export class Responses {
  #elements;
  #known = new Map();

  /** @param {import("./elements.js").Elements} elements Where the bars go. */
  constructor(elements) {
    this.#elements = elements;
  }

  /** Read a frame of upstream's; `since` is from when on the journal is known without a gap. */
  frame(line, at, index, since) {
    const type = textOf(line.type);
    const ids = objectOf(line.ids);
    const id = textOf(ids.response_id);
    if (!id || !type.startsWith("response.")) return;
    const link = typeof line.link === "number" ? line.link : 0;
    const span = this.#known.get(id);
    if (!span) this.#begin(id, type === "response.created" ? at : since, index, link);
    if (type === "response.done") {
      this.#finish(id, textOf(ids.status) || "completed", textOf(ids.reason) || textOf(ids.code), at, index);
    }
  }

  /** Read a decision. */
  decided(event, at, index, since) {
    const id = textOf(event.response_id);
    const kind = kindOf(event);
    if (kind === "ResponseStarted" || kind === "AsideStarted") {
      if (!id) return;
      const span = this.#known.get(id) ?? this.#begin(id, at, index, 0);
      if (kind === "AsideStarted") this.#setAside(span);
    } else if (kind === "ResponseFinished" && id) {
      if (!this.#known.has(id)) this.#begin(id, since, index, 0);
      this.#finish(id, textOf(event.outcome) || "completed", "", at, index);
    }
  }

  /** End the responses of a link that is gone. */
  lost(isOfLink, outcome, at, index) {
    for (const [id, span] of this.#known) {
      if (span.to === null && isOfLink(span.link)) this.#finish(id, outcome, "", at, index);
    }
  }

  #begin(id, from, index, link) {
    const known = { lane: "upstream", kind: "response", from, label: shortId(id), line: index, response: id, link };
    const span = this.#elements.span({ ...known, detail: "in progress", outcome: "", isAside: false });
    const oldest = this.#known.size >= 1024 ? this.#known.values().next().value : null;
    if (oldest && oldest.to === null) this.#elements.end(oldest, from);
    keep(this.#known, id, span);
    return span;
  }

  #setAside(span) {
    if (span.isAside) return;
    span.isAside = true;
    span.detail = `${span.detail}, out of band`;
    this.#elements.move(span, ASIDE_ROW);
  }

  #finish(id, outcome, why, at, index) {
    const span = this.#known.get(id);
    if (span.to !== null) return;
    span.outcome = outcome;
    span.detail = [outcome + (why ? ` (${why})` : ""), span.isAside ? "out of band" : ""].filter(Boolean).join(", ");
    this.#elements.end(span, at, index);
  }
}

/** Reads our updates and upstream's answers to them. */
export class Updates {
  #elements;
  #requests;
  #open = [];
  #hasFrames = false;

  /**
   * @param {import("./elements.js").Elements} elements Where the bars go.
   * @param {import("./requests.js").Requests} requests Which event carries which request.
   */
  constructor(elements, requests) {
    this.#elements = elements;
    this.#requests = requests;
  }

  /** Read a frame to upstream or from it. */
  frame(line, at, index) {
    const type = textOf(line.type);
    const ids = objectOf(line.ids);
    const link = typeof line.link === "number" ? line.link : 0;
    this.#hasFrames = true;
    if (line.way === "out" && type === "session.update") this.#begin(textOf(ids.event_id), at, index, link);
    else if (line.way === "in" && type === "session.updated") {
      this.#end(this.#open.findIndex((span) => span.link === link), "in force", at, index);
    } else if (line.way === "in" && type === "error") {
      const about = textOf(ids.about);
      const place = about ? this.#open.findIndex((span) => span.event === about) : -1;
      this.#end(place, `refused: ${textOf(ids.code) || "no code"}`, at, index);
    }
  }

  /** Read a decision, as long as there are no frames. */
  decided(event, effects, at, index) {
    if (this.#hasFrames) return;
    if (kindOf(event) === "ConfigAnswered") this.#end(this.#open.length ? 0 : -1, "in force", at, index);
    if (kindOf(event) === "Refused") {
      const place = this.#open.findIndex((span) => span.event === textOf(event.event_id));
      this.#end(place, `refused: ${textOf(event.code)}`, at, index);
    }
    for (const effect of effects) {
      if (kindOf(effect) === "SendUpdate") this.#begin(textOf(effect.event_id), at, index, 0);
    }
  }

  /** End the updates of a link that is gone. */
  lost(isOfLink, outcome, at, index) {
    for (let place = this.#open.length - 1; place >= 0; place -= 1) {
      if (isOfLink(this.#open[place].link)) this.#end(place, outcome, at, index);
    }
  }

  #begin(event, at, index, link) {
    const begun = event && this.#open.find((span) => span.event === event);
    if (begun) {
      begun.link = link; // begun by its decision, of a stream that shows its frames from here on
      return;
    }
    const of = this.#requests.carried(event).map((ref) => this.#requests.label(ref));
    const asked = of.length ? ` for ${of.slice(0, 20).join(", ")}` : "";
    const known = { lane: "upstream", kind: "update", from: at, label: "session.update", line: index, event, link };
    this.#open.push(this.#elements.span({ ...known, detail: `not answered yet${asked}`, outcome: "", asked }));
    if (this.#open.length > 256) this.#end(0, "unfinished", at, index);
  }

  #end(place, outcome, at, index) {
    const span = this.#open[place];
    if (!span) return;
    this.#open.splice(place, 1);
    span.outcome = outcome;
    span.detail = `${outcome}${span.asked}`;
    this.#elements.end(span, at, index);
  }
}
