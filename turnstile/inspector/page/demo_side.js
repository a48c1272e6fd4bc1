// One side of the demo's page: a conversation as it is played, and the figures of what became of it.

import { element } from "./dom.js";
import { readEvents } from "./event_reader.js";
import { Timeline } from "./timeline.js";
import { TimelinePanel } from "./timeline_panel.js";

const HALTED = "The demo has ended: start `turnstile demo --page` again.";
// Milliseconds after which a play for which there was no room is tried again, and how often it is.
const AGAIN = 1000;
const TRIES = 5;
const MARGIN = 0.02; // of what is shown, before its beginning

/** A conversation, with the gate or without. */
export class DemoSide {
  #name;
  #onTime;
  #panel = null;
  #timeline = new Timeline();
  #shown = 0;
  #last = {};

  /**
   * @param {HTMLElement} parent
   * @param {{name: string, title: string, words: string}} side Which it is, and what is said of it.
   * @param {() => void} onTime Called when it has got longer.
   */
  constructor(parent, { name, title, words }, onTime) {
    this.#name = name;
    this.#onTime = onTime;
    this.panel = element("div");
    this.figures = element("dl", { class: "demo-figures" });
    this.refused = element("ul", { class: "demo-refused" });
    const parts = [element("h2", {}, title), element("p", {}, words), this.panel, this.figures, this.refused];
    parent.append(element("section", { class: "demo-side", "data-side": name, "aria-label": title }, ...parts));
  }

  /** How long it took so far, in seconds. */
  get until() {
    return this.#timeline.until;
  }

  /** How many questions were answered, of how many; "" before it is played. */
  get answered() {
    const { figures } = this.#last;
    return figures ? `${figures.answers} of ${figures.questions}` : "";
  }

  /** Show from its beginning to a moment, in seconds, unless that is shown. */
  show(until) {
    if (this.#shown !== until) this.#panel?.show(-until * MARGIN, until);
    this.#shown = until;
  }

  /** Play it from its beginning; return what has failed, in words, or "". */
  async play() {
    this.#begin();
    try {
      const response = await this.#open();
      if (!response.ok) return (await response.json()).error.message;
      const onLine = (line, text) => this.#take(line, text);
      const isWhole = await readEvents(response.body, { onLine, onByte: () => {} });
      return isWhole ? (this.#last.fault ?? "") : HALTED;
    } catch {
      return HALTED; // what can be read of it is no HTTP
    } finally {
      this.#panel.live = false;
      this.#panel.changed();
    }
  }

  #begin() {
    this.#panel?.destroy();
    this.figures.replaceChildren();
    this.refused.replaceChildren();
    this.#timeline = new Timeline();
    this.#last = {};
    this.#shown = 0;
    this.#panel = new TimelinePanel(this.panel, this.#timeline, { live: true, title: "" });
    this.#onTime();
  }

  /** Ask for the play; there may be no room for it while those of a page that was left end. */
  async #open() {
    for (let tries = 1; ; tries += 1) {
      const response = await fetch(`plays/${this.#name}/events`);
      if (response.status !== 503 || tries === TRIES) return response;
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
    }
  }

  #take(line, text) {
    if (line.figures) this.#showFigures(line.figures);
    if (line.figures || line.fault) this.#last = line;
    else {
      this.#timeline.add(line, text);
      this.#panel.changed();
      this.#onTime();
    }
  }

  #showFigures({ questions, answers, asked, acknowledged, ...figures }) {
    const { not_in_force: lost, during_a_response: during, collisions, refused } = figures;
    const shown = [
      ["questions answered", `${answers} of ${questions}`, answers === questions],
      ["updates acknowledged", `${acknowledged} of ${asked}`, acknowledged === asked && lost === 0],
      ["acknowledged, but not in force", lost, lost === 0],
      ["updates during a response", during, during === 0],
      ["collisions", collisions, collisions === 0],
      ["errors from upstream", refused.length, refused.length === 0],
    ];
    const boxes = shown.map(([name, figure, isGood]) => {
      const parts = [element("dt", {}, name), element("dd", {}, String(figure))];
      return element("div", { class: isGood ? "good" : "bad" }, ...parts);
    });
    this.figures.replaceChildren(...boxes);
    this.refused.replaceChildren(...refused.map(({ message }) => element("li", {}, message)));
  }
}
