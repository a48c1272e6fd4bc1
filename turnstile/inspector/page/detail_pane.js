// What is known of one event: its words and times, and the JSON of its lines; and a list of what is in view.
// @ts-check

import { itemWords } from "./shapes.js";
import { html, write } from "./svg.js";
import { moment } from "./time_axis.js";

const MOST_LINES = 40;
const MOST_LISTED = 100;

/** The names of the kinds, as the legend has them. */
export const KINDS = {
  response: "response",
  hold: "held by the gate",
  "user-speech": "user speaks",
  "agent-speech": "agent speaks",
  update: "session.update",
  "first-audio": "time to first audio",
  frame: "frame",
  collision: "collision",
  repair: "repair",
  "link-opened": "link opened",
  "link-lost": "link lost",
  "link-renewed": "link renewed",
  refused: "refused by upstream",
  closed: "closed",
  lost: "lines are missing",
  end: "end of the session",
};

// Keys stand in brackets.
const KEYS = "Keys: [←] [→] scroll, [↑] [↓] choose, [+] [-] zoom, [0] all, [/] find.";

/** Below the drawing. */
export class DetailPane {
  /**
   * @param {any} timeline
   * @param {(item: any) => void} onChosen An event was chosen in the list.
   */
  constructor(timeline, onChosen) {
    this.timeline = timeline;
    this.onChosen = onChosen;
    this.chosen = html("div", { class: "chosen", role: "region", "aria-label": "The chosen event", tabindex: 0 });
    this.list = html("ol", { class: "in-view" });
    this.more = html("p", { class: "more" });
    this.summary = html("summary", {}, ["What is in view, as a list"]);
    this.details = /** @type {HTMLDetailsElement} */ (html("details", {}, [this.summary, this.list, this.more]));
    this.root = html("div", { class: "timeline-detail" }, [this.chosen, this.details]);
    this.show(null);
  }

  #listed = "";
  #shown = "";

  /** Show an event, or how to choose one. @param {any} item */
  show(item) {
    const key = item ? `${item.id} ${item.to} ${item.lines?.length}` : "none";
    if (key === this.#shown) return;
    this.#shown = key;
    if (!item) {
      this.chosen.replaceChildren(html("p", { class: "hint" }, hint()));
      return;
    }
    const kind = KINDS[/** @type {keyof KINDS} */ (item.kind)] ?? item.kind;
    const label = html("span", { class: "label" }, [String(item.label ?? "")]);
    const head = html("h3", {}, [html("span", { class: `kind ${item.kind}` }, [kind]), label]);
    const without = this.timeline.level === "events" ? " Its content is not recorded: journal.level is events." : "";
    const when = html("p", { class: "when" }, [`${itemWords(item)}.${without}`]);
    this.chosen.replaceChildren(head, when, ...this.#lines(item.lines ?? [item.line]));
    this.chosen.scrollTop = 0;
  }

  /** @param {(number | undefined)[]} indexes @returns {Node[]} */
  #lines(indexes) {
    const shown = [];
    for (const index of indexes.slice(0, MOST_LINES)) {
      const line = index === undefined ? null : this.timeline.line(index);
      if (!line) continue;
      const at = html("span", { class: "at" }, [moment(line.at)]);
      const json = html("pre", { tabindex: 0 }, [indented(line.text)]);
      shown.push(html("figure", {}, [html("figcaption", {}, [at]), json]));
    }
    const left = indexes.length - MOST_LINES;
    if (left > 0) shown.push(html("p", { class: "more" }, [`and ${left} more lines`]));
    if (!shown.length) shown.push(html("p", { class: "more" }, ["Its lines are no longer kept."]));
    return shown;
  }

  /**
   * Write the list, if it is open and differs from what it says.
   * @param {{spans: any[], marks: any[]}} found
   */
  writeList(found) {
    if (!this.details.open) return;
    const marks = found.marks.filter(({ isQuiet }) => !isQuiet); // what those say is in the others
    const count = found.spans.length + marks.length;
    const first = [...found.spans.slice(0, MOST_LISTED), ...marks.slice(0, MOST_LISTED)]
      .sort((one, other) => startOf(one) - startOf(other))
      .slice(0, MOST_LISTED);
    const key = `${count} ${first.map((item) => `${item.id} ${item.to}`).join()}`;
    if (key === this.#listed) return;
    this.#listed = key;
    this.list.replaceChildren(...first.map((item) => this.#row(item)));
    write(this.more, count > first.length ? `and ${count - first.length} more: zoom in to see them` : "");
  }

  /** @param {any} item */
  #row(item) {
    const kind = KINDS[/** @type {keyof KINDS} */ (item.kind)] ?? item.kind;
    const button = html("button", { type: "button" }, [
      html("span", { class: "at" }, [moment(startOf(item))]), html("span", { class: "lane" }, [item.lane]),
      html("span", { class: "kind" }, [kind]), html("span", { class: "words" }, [itemWords(item)]),
    ]);
    button.addEventListener("click", () => this.onChosen(item));
    return html("li", {}, [button]);
  }
}

/** @returns {(Node | string)[]} */
function hint() {
  const keys = KEYS.split(/[[\]]/).map((part, index) => (index % 2 ? html("kbd", {}, [part]) : part));
  return ["Choose an event for its JSON. ", html("span", { class: "keys" }, keys)];
}

/** @param {any} item @returns {number} Seconds. */
export function startOf(item) {
  return item.at ?? item.from;
}

/** @param {string} text JSON. @returns {string} The same, indented; as it is where it is none. */
function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
