// A recorded session, dropped or chosen, as the timeline that it was when it ran.

import { element, setText } from "./dom.js";
import { objectOf, textOf } from "./journal_values.js";
import { inDigits } from "./journal_words.js";
import { RecordingError, readRecording } from "./recording_reader.js";
import { Timeline } from "./timeline.js";
import { TimelinePanel } from "./timeline_panel.js";

const HOW =
  "Drop a recording anywhere on this page, or choose one: a file of journal.directory, or a saved stream of a " +
  "session. It is read here, in the browser, and sent nowhere.";

/** The part of the page that shows a recording. */
export class RecordingPage {
  title = "Recording";
  #drops;
  #reading = new AbortController();
  #panel = null;

  /**
   * @param {HTMLElement} parent
   * @param {import("./recording_drops.js").RecordingDrops} drops What was dropped or chosen, and is from now on.
   */
  constructor(parent, drops) {
    this.#drops = drops;
    this.heading = element("h1", { tabindex: -1 }, "Recording");
    const input = element("input", {
      type: "file", accept: ".jsonl,.ndjson,.json,.txt,.log", id: "recording-file", change: () => this.#choose(input),
    });
    const label = element("label", { for: "recording-file" }, "Choose a file");
    this.status = element("p", { class: "recording-status", role: "status" });
    this.faults = element("ul", { class: "recording-faults", role: "alert" });
    this.progress = element("progress", { max: 1, "aria-label": "How much is read", hidden: true });
    this.shown = element("div", { class: "recording-shown" });
    const given = element("div", { class: "recording-given" }, element("p", {}, HOW), label, input);
    parent.append(this.heading, given, this.status, this.progress, this.faults, this.shown);
    this.#read();
  }

  /** End it. */
  destroy() {
    this.#reading.abort();
    this.#panel?.destroy();
  }

  #choose(input) {
    if (input.files?.length) this.#drops.give(input.files[0]);
  }

  async #read() {
    const { file, said } = this.#drops;
    this.#fault(said ? [said] : []);
    if (!file) return;
    setText(this.status, `Reading ${file.name}...`);
    this.progress.hidden = false;
    const timeline = new Timeline();
    this.#panel = new TimelinePanel(this.shown, timeline, { title: file.name });
    const onProgress = (read) => {
      this.progress.setAttribute("value", String(read / file.size));
      this.#panel.changed();
    };
    try {
      const faults = await readRecording(file, timeline, { onProgress, signal: this.#reading.signal });
      if (this.#reading.signal.aborted) return;
      this.#fault([...(said ? [said] : []), ...faults]);
      setText(this.status, introduction(file.name, timeline));
    } catch (error) {
      this.#refuse(file.name, error);
    }
    this.progress.hidden = true;
    this.#panel?.changed();
  }

  #refuse(name, error) {
    this.#panel?.destroy();
    this.#panel = null;
    const isOurs = error instanceof RecordingError;
    const words = isOurs ? error.message : `The browser cannot read it: ${error.message}`;
    setText(this.status, `${name} cannot be shown.`);
    this.#fault([words]);
  }

  #fault(sentences) {
    this.faults.replaceChildren(...sentences.map((sentence) => element("li", {}, sentence)));
    this.faults.hidden = sentences.length === 0;
  }
}

/** Return whose session it is, in a sentence. */
function introduction(name, timeline) {
  const head = objectOf(timeline.head);
  const client = objectOf(head.client);
  const who = textOf(client.identity) || textOf(client.address);
  const level = { events: "without what was said", text: "with what was said, without sound", all: "with sound" };
  const facts = [
    `${name}: session ${textOf(head.session)}`,
    `dialect ${textOf(head.dialect) || "unknown"}`,
    who && `of ${who}`,
    textOf(head.began) && `began ${textOf(head.began)}`,
    `${timeline.until.toFixed(1)} s`,
    `${inDigits(timeline.count)} lines, recorded ${level[timeline.level] ?? "at an unknown level"}`,
  ];
  const dropped = timeline.dropped ? `; the first ${inDigits(timeline.dropped)} lines had no room` : "";
  return `${facts.filter(Boolean).join(", ")}${dropped}.`;
}
