// Held requests as bars in the gate's lane: from when the gate holds one to its release, with the reason in words.

import { note } from "./elements.js";
import { kindOf, numberOf, objectOf, textOf } from "./journal_values.js";
import { brief, shortId } from "./journal_words.js";
import { refsOf } from "./requests.js";
import { waitInWords } from "./waits.js";

// More than any policy lets wait.
const MOST = 4096;
const GAP = "; lines are missing here: its end was not seen";

/** Reads decisions for the requests that the gate holds. */
export class Holds {
  #elements;
  #requests;
  #open = new Map();

  /**
   * @param {import("./elements.js").Elements} elements Where the bars go.
   * @param {import("./requests.js").Requests} requests How requests are called.
   */
  constructor(elements, requests) {
    this.#elements = elements;
    this.#requests = requests;
  }

  /**
   * Read a decision.
   *
   * @param {object[]} effects What it led to.
   * @param {number} at When.
   * @param {number} index Its line.
   * @param {object} cause What it was made for.
   */
  decided(effects, at, index, cause) {
    for (const effect of effects) {
      const kind = kindOf(effect);
      if (kind === "Held") this.#hold(effect, at, index);
      else if (kind === "Noted" && effect.kind === "released") {
        this.#release(Number(textOf(effect.detail).slice(1)), at, index, cause);
      } else if (kind === "Answered") this.#answer(numberOf(effect.ref), at, index);
    }
  }

  /** End those that last where lines are missing; one goes on that the gate says more of. */
  cut(at, index) {
    for (const span of this.#open.values()) {
      if (span.isCut) continue;
      span.isCut = true;
      span.detail += GAP;
      this.#elements.end(span, at, index);
    }
  }

  /** End the bars of what is held when the session ends. */
  ended(at, index) {
    for (const span of this.#open.values()) {
      span.outcome = "unfinished";
      if (span.isCut) continue;
      span.detail += "; held until the session ended";
      this.#elements.end(span, at, index);
    }
    this.#open.clear();
  }

  #hold(effect, at, index) {
    const reason = objectOf(effect.reason);
    const waits = textOf(effect.reason) || textOf(reason.waits);
    const words = waitInWords(brief(waits), shortId(textOf(reason.which)));
    for (const ref of refsOf(effect)) {
      const span = this.#open.get(ref) ?? this.#begin(ref, at, index);
      if (span.isCut) this.#goOn(span);
      if (span.reason === words) continue;
      if (span.reason) note(span, index);
      span.detail = span.reason ? `${span.detail}, then for ${words}`.slice(-2000) : `waits for ${words}`;
      span.reason = words;
    }
  }

  #begin(ref, at, index) {
    if (this.#open.size >= MOST) {
      const [oldest, span] = this.#open.entries().next().value;
      this.#elements.end(span, at, index);
      this.#open.delete(oldest);
    }
    const label = this.#requests.label(ref);
    const known = { lane: "gate", kind: "hold", from: at, label, line: index, ref, reason: "", outcome: "" };
    const span = this.#elements.span(known);
    this.#open.set(ref, span);
    return span;
  }

  #goOn(span) {
    span.isCut = false;
    span.detail = withoutGap(span.detail);
    this.#elements.reopen(span);
  }

  #release(ref, at, index, cause) {
    const span = this.#open.get(ref);
    if (!span) return;
    this.#open.delete(ref);
    span.detail = withoutGap(span.detail);
    span.detail = span.detail.replace(/^waits/, "waited");
    span.outcome = "released";
    span.cause = cause;
    this.#elements.end(span, at, index);
  }

  /** End the bar of a request that is answered without having been released: it is refused, or given up. */
  #answer(ref, at, index) {
    const span = this.#open.get(ref);
    if (!span) return;
    this.#open.delete(ref);
    span.detail = `${withoutGap(span.detail).replace(/^waits/, "waited")}; answered without being sent`;
    span.outcome = "answered";
    this.#elements.end(span, at, index);
  }
}

function withoutGap(detail) {
  return detail.endsWith(GAP) ? detail.slice(0, -GAP.length) : detail;
}
