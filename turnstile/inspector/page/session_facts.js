// What is known of one session besides its journal: what it does now, what waits, and who it is.
import { element, setText } from "./dom.js";
import { ageWords, clientWords, sizeWords, waitingWords } from "./wording.js";

/** What is seen at once. */
const FIRST = [
  ["Response in progress", ({ response }) => response ?? "none"],
  ["Link", ({ link }) => linkWords(link)],
  ["Turns", ({ turns }) => String(turns ?? 0)],
  ["Responses", ({ responses }) => String(responses ?? 0)],
  ["Age", ({ age }) => ageWords(age)],
  ["Client", ({ client }) => clientWords(client)],
];
/** What is there for who asks. */
const MORE = [
  ["Dialect", ({ dialect }) => dialect ?? ""],
  ["Model", ({ model }) => model ?? ""],
  ["Address", ({ client }) => client?.address ?? ""],
  ["Path", ({ client }) => client?.path ?? ""],
  ["Began", ({ began }) => began ?? ""],
  ["Worker", ({ worker }) => String(worker ?? "")],
  ["Unanswered upstream", ({ unanswered }) => unanswered?.join(", ") ?? ""],
  ["Events behind a response", ({ queued }) => (queued ? String(queued) : "")],
  ["Functions without a result", (session) => session.open_calls?.join(", ") ?? ""],
  ["Held for it", (session) => sizeWords(session.held_bytes ?? 0)],
  ["Upstream's names of it", ({ link }) => link?.upstream_sessions?.join(", ") ?? ""],
];

export class SessionFacts {
  #written = [];

  /** @param {HTMLElement} parent */
  constructor(parent) {
    this.waits = element("ul", { class: "waiting" });
    this.counts = element("dl", { class: "facts counts" });
    const first = element("dl", { class: "facts" }, ...FIRST.map((fact) => this.#fact(fact)));
    const more = element("dl", { class: "facts" }, ...MORE.map((fact) => this.#fact(fact)));
    const summary = element("summary", {}, "More of this session");
    const rest = element("details", { class: "more" }, summary, more, this.counts);
    const named = { class: "panel about", "aria-label": "What it does", hidden: true };
    this.panel = element("section", named, first, this.waits, rest);
    parent.append(this.panel);
  }

  /**
   * Write what has changed.
   * @param {any} session As the listener shows it.
   */
  show(session) {
    this.panel.hidden = false;
    for (const { fact, value, textOf } of this.#written) {
      const text = textOf(session);
      setText(value, text);
      fact.hidden = text === "";
    }
    const waiting = (session.waiting ?? []).map(waitingWords);
    setLines(this.waits, waiting.length > 0 ? waiting : ["Nothing waits."]);
    this.waits.classList.toggle("none", waiting.length === 0);
    this.#count(session.counts ?? {});
  }

  #fact([title, textOf]) {
    const value = element("dd");
    const fact = element("div", { hidden: true }, element("dt", {}, title), value);
    this.#written.push({ fact, value, textOf });
    return fact;
  }

  #count(counts) {
    const figures = flattened(counts);
    while (this.counts.children.length > figures.length) this.counts.lastElementChild?.remove();
    figures.forEach(([name, value], index) => {
      let fact = this.counts.children[index];
      if (!fact) {
        fact = element("div", {}, element("dt"), element("dd"));
        this.counts.append(fact);
      }
      setText(fact.children[0], name);
      setText(fact.children[1], value);
    });
  }
}

function setLines(list, lines) {
  while (list.children.length > lines.length) list.lastElementChild.remove();
  lines.forEach((line, index) => {
    if (!list.children[index]) list.append(element("li"));
    setText(list.children[index], line);
  });
}

function linkWords(link) {
  if (!link?.number) return "none yet";
  const nth = link.number > 1 ? `, number ${link.number}` : "";
  return `${link.state ?? "not known"}${nth}${typeof link.age === "number" ? `, for ${ageWords(link.age)}` : ""}`;
}

/** Return the names and values of figures, those within others with both names. */
function flattened(counts, before = "") {
  return Object.entries(counts).flatMap(([key, value]) => {
    const name = before + key.replaceAll("_", " ");
    if (value !== null && typeof value === "object" && !Array.isArray(value)) return flattened(value, `${name}: `);
    return [[name, Array.isArray(value) ? value.join(", ") : String(value)]];
  });
}
