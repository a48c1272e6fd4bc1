// The buttons and the search above a timeline, and its legend.
// @ts-check

import { KINDS } from "./detail_pane.js";
import { signOf } from "./marks_drawn.js";
import { html, set, svg, write } from "./svg.js";

const BARS = ["user-speech", "agent-speech", "hold", "update", "response"];
const SIGNS = ["frame", "collision", "repair", "link-opened", "link-lost", "link-renewed", "refused", "lost"];

/** A row of controls. */
export class TimelineTools {
  /**
   * @param {string} title
   * @param {import("./timeline_input.js").Moves} moves What they ask for.
   */
  constructor(title, moves) {
    this.follow = button("Pause", "Pause or follow the newest (Space)", moves.follow);
    this.search = makeSearch(moves);
    this.before = button("‹", "The one found before (N)", () => moves.stepFound(-1));
    this.next = button("›", "The next found (n)", () => moves.stepFound(1));
    this.count = html("span", { class: "count", role: "status" });
    const zoom = html("span", { class: "group" }, [
      button("−", "Zoom out (-)", () => moves.zoom(0.5)),
      button("+", "Zoom in (+)", () => moves.zoom(2)),
      button("Fit", "Show all of it (0)", moves.fit),
    ]);
    const parts = [this.search, this.before, this.next, this.count];
    const search = html("span", { class: "group search", role: "search" }, parts);
    const heading = html("h2", {}, [title]);
    heading.hidden = !title;
    const label = { class: "timeline-tools", role: "toolbar", "aria-label": "Timeline" };
    this.root = html("div", label, [heading, this.follow, zoom, search]);
  }

  /** @param {boolean} isLive @param {boolean} isFollowing */
  showFollowing(isLive, isFollowing) {
    this.follow.hidden = !isLive;
    write(this.follow, isFollowing ? "Pause" : "Follow");
    set(this.follow, { class: isFollowing ? "follow" : "follow paused" });
  }

  /** @param {import("./found_events.js").FoundEvents} found */
  showFound({ words, items, index }) {
    const count = items.length;
    write(this.count, words ? (count ? `${index + 1} of ${count}` : "none found") : "");
    this.before.disabled = this.next.disabled = count === 0;
  }
}

/** @param {import("./timeline_input.js").Moves} moves @returns {HTMLInputElement} */
function makeSearch(moves) {
  const label = { placeholder: "Find an id or type", "aria-label": "Find an id, label or type (/)" };
  const typing = { spellcheck: "false", autocomplete: "off", enterkeyhint: "search" };
  const search = /** @type {HTMLInputElement} */ (html("input", { type: "search", ...label, ...typing }));
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      if (event.shiftKey) moves.stepFound(-1);
      else moves.search(search.value);
    } else if (event.key === "Escape" && !search.value) {
      moves.focusDrawing();
    }
  });
  search.addEventListener("input", () => search.value || moves.search(""));
  return search;
}

/** @param {string} text @param {string} label @param {() => void} press @returns {HTMLButtonElement} */
function button(text, label, press) {
  const made = html("button", { type: "button", "aria-label": label, title: label }, [text]);
  made.addEventListener("click", press);
  return /** @type {HTMLButtonElement} */ (made);
}

/**
 * Say what each form and colour means.
 * @param {string} pattern The id of what bars of held requests are filled with.
 * @returns {HTMLElement}
 */
export function makeLegend(pattern) {
  const gap = legendEntry("first-audio", svg("path", { d: "M0.5 1V11M19.5 1V11M1 6H19" }), "span", "translate(1 1)");
  const bars = BARS.map((kind) => {
    const fill = kind === "hold" ? `url(#${pattern})` : null;
    return legendEntry(kind, svg("rect", { width: 20, height: 12, rx: 3, fill }), "span", "translate(1 1)");
  });
  const signs = SIGNS.map((kind) => {
    return legendEntry(kind, svg("path", { d: signOf(kind, "client", "in") }), "mark", "translate(11 7)");
  });
  const head = svg("path", { class: "arrow-head", d: "M7.5 5L11 0L14.5 5Z" });
  const arrow = legendRow(svg("g", { class: "causes" }, [svg("path", { d: "M11 14V4" }), head]), "what let it go");
  return html("ul", { class: "timeline-legend", "aria-label": "Legend" }, [...bars, arrow, gap, ...signs]);
}

/** @param {string} kind @param {SVGElement} sign @param {string} type @param {string} transform */
function legendEntry(kind, sign, type, transform) {
  const group = svg("g", { class: `${type} ${kind}`, transform }, [sign]);
  return legendRow(group, KINDS[/** @type {keyof KINDS} */ (kind)]);
}

/** @param {SVGElement} drawn @param {string} words */
function legendRow(drawn, words) {
  const box = svg("svg", { width: 22, height: 14, viewBox: "0 0 22 14", "aria-hidden": "true" }, [drawn]);
  return html("li", {}, [box, words]);
}
