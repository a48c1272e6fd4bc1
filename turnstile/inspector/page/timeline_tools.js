// The buttons and the search above a timeline, and its legend.
// @ts-check

import { KINDS } from "./detail_pane.js";
import { signOf } from "./marks_drawn.js";
import { html, set, svg, write } from "./svg.js";

const BARS = ["user-speech", "agent-speech", "hold", "update", "response"];
const SIGNS = ["frame", "collision", "repair", "link-lost", "link-renewed", "refused"];

/**
 * What the tools ask for.
 * @typedef {object} Asked
 * @property {() => void} follow Follow the newest, or stop it.
 * @property {(factor: number) => void} zoom
 * @property {() => void} fit
 * @property {(words: string) => void} search
 * @property {(step: number) => void} step To the next found (1) or the one before (-1).
 */

/** A row of controls. */
export class TimelineTools {
  /**
   * @param {string} title
   * @param {Asked} asked
   */
  constructor(title, asked) {
    this.follow = button("Pause", "Pause or follow the newest (Space)", asked.follow);
    this.search = /** @type {HTMLInputElement} */ (html("input", {
      type: "search", placeholder: "Find an id or type", "aria-label": "Find an id, label or type (/)", spellcheck: "false",
      autocomplete: "off", enterkeyhint: "search",
    }));
    this.search.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      if (event.shiftKey) asked.step(-1);
      else asked.search(this.search.value);
    });
    this.search.addEventListener("input", () => this.search.value || asked.search(""));
    this.before = button("‹", "The one found before (N)", () => asked.step(-1));
    this.next = button("›", "The next found (n)", () => asked.step(1));
    this.count = html("span", { class: "count", role: "status" });
    const zoom = html("span", { class: "group" }, [
      button("−", "Zoom out (−)", () => asked.zoom(0.5)), button("+", "Zoom in (+)", () => asked.zoom(2)),
      button("Fit", "Show all of it (0)", asked.fit),
    ]);
    const search = html("span", { class: "group search", role: "search" }, [this.search, this.before, this.next, this.count]);
    const heading = html("h2", {}, [title]);
    heading.hidden = !title;
    this.root = html("div", { class: "timeline-tools", role: "toolbar", "aria-label": "Timeline" }, [heading, this.follow, zoom, search]);
    this.showFound(-1, 0, "");
  }

  /** @param {boolean} isLive @param {boolean} isFollowing */
  showFollowing(isLive, isFollowing) {
    this.follow.hidden = !isLive;
    write(this.follow, isFollowing ? "Pause" : "Follow");
    set(this.follow, { class: isFollowing ? "follow" : "follow paused", "aria-pressed": String(isFollowing) });
  }

  /** @param {number} index @param {number} count @param {string} words */
  showFound(index, count, words) {
    write(this.count, words ? (count ? `${index + 1} of ${count}` : "none found") : "");
    for (const each of [this.before, this.next]) /** @type {HTMLButtonElement} */ (each).disabled = count === 0;
  }
}

/** @param {string} text @param {string} label @param {() => void} press */
function button(text, label, press) {
  const made = html("button", { type: "button", "aria-label": label, title: label }, [text]);
  made.addEventListener("click", press);
  return made;
}

/**
 * Say what each form and colour means.
 * @param {string} pattern The id of what bars of held requests are filled with.
 * @returns {HTMLElement}
 */
export function makeLegend(pattern) {
  const entry = (/** @type {string} */ kind, /** @type {SVGElement} */ sign, /** @type {string} */ type) => {
    const box = svg("svg", { width: 22, height: 14, viewBox: "0 0 22 14", "aria-hidden": "true" }, [
      svg("g", { class: `${type} ${kind}`, transform: type === "mark" ? "translate(11 7)" : "translate(1 1)" }, [sign]),
    ]);
    return html("li", {}, [box, KINDS[/** @type {keyof KINDS} */ (kind)]]);
  };
  return html("ul", { class: "timeline-legend", "aria-label": "Legend" }, [
    ...BARS.map((kind) => {
      const fill = kind === "hold" ? `url(#${pattern})` : null;
      return entry(kind, svg("rect", { width: 20, height: 12, rx: 3, fill }), "span");
    }),
    entry("first-audio", svg("path", { d: "M0.5 1V11M19.5 1V11M1 6H19" }), "span"),
    ...SIGNS.map((kind) => entry(kind, svg("path", { d: signOf(kind, "client", "in") }), "mark")),
  ]);
}
