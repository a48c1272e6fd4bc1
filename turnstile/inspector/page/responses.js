// Responses as bars in upstream's lane.

import { keep, kindOf, objectOf, textOf } from "./journal_values.js";
import { brief, shortId } from "./journal_words.js";

// The first row of responses out of band: they are beside the conversation.
const ASIDE_ROW = 1;

/** Reads responses from upstream's frames, and from decisions where those are missing. */
export class Responses {
  #elements;
  #known = new Map();
  // Which response each cancel of ours is for.
  #cancels = new Map();

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
    const span = this.#known.get(id) ?? this.#begin(id, type === "response.created" ? at : since, index, link);
    if (span.isCut) this.#goOn(span);
    if (type === "response.done") {
      this.#finish(id, textOf(ids.status) || "completed", textOf(ids.reason) || textOf(ids.code), at, index);
    }
  }

  /** Read a decision. */
  decided(event, effects, at, index, since) {
    for (const effect of effects) {
      if (kindOf(effect) === "SendCancel") keep(this.#cancels, textOf(effect.event_id), textOf(effect.response_id));
    }
    const id = textOf(event.response_id);
    const kind = kindOf(event);
    if (kind === "Refused") this.#endUnheard(textOf(event.event_id), at, index);
    if (kind === "TimerFired" && event.name === "cancel") this.#endUnheard(textOf(event.token), at, index);
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

  /** End those that last where lines are missing; one goes on that upstream says more of. */
  cut(at, index) {
    for (const [id, span] of this.#known) {
      if (span.to !== null) continue;
      this.#finish(id, "unknown", "lines are missing here", at, index);
      span.isCut = true;
    }
  }

  /** End a response whose cancel is refused, since it is not active, or stays without an answer. */
  #endUnheard(cancel, at, index) {
    const id = this.#cancels.get(cancel);
    if (this.#known.has(id)) this.#finish(id, "cancelled", "upstream did not say that it is over", at, index);
  }

  #goOn(span) {
    const detail = span.isAside ? "in progress, out of band" : "in progress";
    Object.assign(span, { isCut: false, outcome: "", detail });
    this.#elements.reopen(span);
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
    if (span.to !== null && !span.isCut) return;
    span.isCut = false;
    span.outcome = brief(outcome);
    const how = why ? `${span.outcome} (${brief(why)})` : span.outcome;
    span.detail = span.isAside ? `${how}, out of band` : how;
    this.#elements.end(span, at, index);
  }
}
