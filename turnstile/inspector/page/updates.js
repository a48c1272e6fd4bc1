// Our updates as bars in upstream's lane, from when they go to upstream's answer.

import { kindOf, numberOf, objectOf, textOf } from "./journal_values.js";
import { brief } from "./journal_words.js";
import { refsOf } from "./requests.js";

const UNANSWERED = "no answer in time";
const MOST = 256;

/** Reads our updates and upstream's answers to them. */
export class Updates {
  #elements;
  #requests;
  #open = [];
  #hasFrames = false;
  // How many were given up that upstream may answer yet, and its last answer that may be one of these.
  #late = 0;
  #doubtful = null;

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
    else if (line.way === "in" && type === "session.updated") this.#answered(link, at, index);
    else if (line.way === "in" && type === "error") {
      this.#end(this.#named(textOf(ids.about)), `refused: ${textOf(ids.code) || "no code"}`, at, index);
    }
  }

  /** Read a decision: it says what no frame does, and all where there are no frames. */
  decided(event, effects, at, index) {
    const kind = kindOf(event);
    const answers = effects.filter((effect) => kindOf(effect) === "Answered").map(({ ref }) => numberOf(ref));
    if (kind === "ConfigAnswered") this.#settle(answers, at, index);
    if (kind === "TimerFired" && event.name === "update") this.#giveUp(textOf(event.token), at, index);
    if (kind === "HandedBack") this.#end(this.#named(textOf(event.event_id)), "not sent", at, index);
    if (kind === "Refused") {
      const place = event.event_id ? this.#named(textOf(event.event_id)) : this.#meant(effects, answers);
      this.#end(place, `refused: ${textOf(event.code) || "no code"}`, at, index);
    }
    if (this.#hasFrames) return;
    for (const effect of effects) {
      if (kindOf(effect) === "SendUpdate") this.#begin(textOf(effect.event_id), at, index, 0);
    }
  }

  /** End the updates of a link that is gone. */
  lost(isOfLink, outcome, at, index) {
    for (let place = this.#open.length - 1; place >= 0; place -= 1) {
      if (isOfLink(this.#open[place].link)) this.#end(place, outcome, at, index);
    }
    this.#late = 0;
    this.#doubtful = null;
  }

  /** End those whose answer may be among lines that are missing. */
  cut(at, index) {
    this.lost(() => true, "unknown: lines are missing here", at, index);
  }

  #begin(event, at, index, link) {
    const begun = this.#open[this.#named(event)];
    if (begun) {
      begun.link = link; // begun by its decision, of a stream that shows its frames from here on
      return;
    }
    const refs = this.#requests.carried(event);
    const of = refs.slice(0, 20).map((ref) => this.#requests.label(ref));
    const asked = of.length ? ` for ${of.join(", ")}` : "";
    const known = { lane: "upstream", kind: "update", from: at, label: "session.update", line: index, event, link };
    this.#open.push(this.#elements.span({ ...known, detail: `not answered yet${asked}`, outcome: "", asked, refs }));
    if (this.#open.length > MOST) this.#end(0, "unfinished", at, index);
  }

  /** Return the place of what an error without an event refuses: what it carries is answered, waits or goes again. */
  #meant(effects, answers) {
    const again = effects.filter((effect) => kindOf(effect) === "SendUpdate");
    const held = effects.filter((effect) => kindOf(effect) === "Held").flatMap(refsOf);
    const sent = again.flatMap((effect) => this.#requests.carried(textOf(effect.event_id)));
    const touched = new Set([...answers, ...held, ...sent]);
    return this.#open.findIndex(({ refs }) => refs.some((ref) => touched.has(ref)) || (!refs.length && again.length));
  }

  #named(event) {
    return event ? this.#open.findIndex((span) => span.event === event) : -1;
  }

  #answered(link, at, index) {
    const place = this.#open.findIndex((span) => span.link === link);
    if (this.#late) this.#doubtful = { at, index, span: this.#open[place] };
    else this.#end(place, "in force", at, index);
  }

  /** Read whose answer it was: of the update that is out, or of one that was given up. */
  #settle(answers, at, index) {
    if (!this.#hasFrames) this.#end(this.#open.length ? 0 : -1, "in force", at, index);
    const { span, ...seen } = this.#doubtful ?? {};
    this.#doubtful = null;
    const place = this.#open.indexOf(span);
    if (place >= 0 && (!span.refs.length || span.refs.some((ref) => answers.includes(ref)))) {
      this.#end(place, "in force", seen.at, seen.index);
    } else if (this.#late) this.#late -= 1;
  }

  #giveUp(event, at, index) {
    const place = this.#named(event);
    if (place < 0) return;
    this.#end(place, UNANSWERED, at, index);
    this.#late += 1;
  }

  #end(place, outcome, at, index) {
    const span = this.#open[place];
    if (!span) return;
    this.#open.splice(place, 1);
    span.outcome = brief(outcome);
    span.detail = `${span.outcome}${span.asked}`;
    this.#elements.end(span, at, index);
  }
}
