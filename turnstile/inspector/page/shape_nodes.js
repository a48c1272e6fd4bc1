// The elements of one shape: a bar with its words, a measured gap, or a sign; used again from draw to draw.
// @ts-check

import { BAR_HEIGHTS } from "./lane_layout.js";
import { placeWords } from "./labels.js";
import { NOTABLE, signOf } from "./marks_drawn.js";
import { wordsOf } from "./shapes.js";
import { cutText, set, svg, textWidth, write } from "./svg.js";

const SMALL = 11;
const LARGE = 12;
const LEAST_WIDTH = 3; // pixels, of a bar

/** A group of elements that shows one shape. */
export class ShapeNode {
  constructor() {
    this.body = svg("path");
    this.root = svg("g", { role: "button" }, [this.body]);
    /** @type {SVGElement[]} */
    this.texts = [];
    /** @type {import("./shapes.js").Shape | null} */
    this.shape = null;
  }

  /**
   * Show a shape.
   * @param {import("./shapes.js").Shape} shape
   * @param {import("./time_window.js").TimeWindow} view
   * @param {import("./lane_layout.js").LanePlace} place Of its lane.
   * @param {number} limit Up to where its words may stand.
   * @param {{now: number, pattern: string, selected: string, found: Set<string>}} shown
   */
  show(shape, view, place, limit, shown) {
    this.shape = shape;
    const item = shape.item;
    const classes = [shape.type, shape.kind];
    if (!item) classes.push("merged");
    if (shape.isOpen) classes.push("open");
    if (item?.outcome) classes.push(`outcome-${String(item.outcome).replace(/[^a-z-]/g, "")}`);
    if (item && item.id === shown.selected) classes.push("selected");
    if (item && shown.found.has(item.id)) classes.push("found");
    set(this.root, {
      class: classes.join(" "),
      "data-kind": shape.kind,
      "data-id": item ? item.id : null,
      "data-count": item ? null : shape.count,
      "aria-label": wordsOf(shape),
      tabindex: shape.kind === "frame" || (shape.type === "mark" && !item) ? -1 : 0,
    });
    if (shape.type === "mark") this.#showMark(shape, view, place, limit);
    else if (shape.kind === "first-audio") this.#showGap(shape, view, place, limit);
    else this.#showBar(shape, view, place, limit, shown);
  }

  /**
   * @param {import("./shapes.js").Shape} shape
   * @param {import("./time_window.js").TimeWindow} view
   * @param {import("./lane_layout.js").LanePlace} place
   * @param {number} limit
   * @param {{now: number, pattern: string}} shown
   */
  #showBar(shape, view, place, limit, shown) {
    const height = BAR_HEIGHTS[/** @type {"client"} */ (shape.lane)];
    const end = shape.isOpen ? Math.max(shown.now, shape.from) : shape.to;
    // What lies far outside of the view is cut, as very long paths are slow and lose their precision.
    const left = Math.max(view.x(shape.from), -20);
    const width = Math.max(Math.min(view.x(end), view.width + 20) - left, LEAST_WIDTH);
    set(this.root, { transform: `translate(${round(left)} ${place.rows + shape.row * place.rowHeight})` });
    const fill = shape.kind === "hold" && shape.item ? `url(#${shown.pattern})` : null;
    set(this.body, { d: roundedBar(round(width), height), fill });
    const seen = Math.max(left, 0);
    const words = barWords(shape);
    const placed = placeWords(words, seen, Math.min(left + width, view.width), limit);
    this.#write(
      words.map((each, index) => ({
        text: placed.texts[index],
        x: round(placed.x - left),
        y: words.length === 1 ? height / 2 + 4 : 15 + index * 15,
        class: index ? "detail" : "label",
        size: each.size,
      })),
      placed.isBeside,
    );
  }

  /**
   * @param {import("./shapes.js").Shape} shape
   * @param {import("./time_window.js").TimeWindow} view
   * @param {import("./lane_layout.js").LanePlace} place
   * @param {number} limit
   */
  #showGap(shape, view, place, limit) {
    const left = Math.max(view.x(shape.from), -20);
    const width = Math.max(Math.min(view.x(shape.to), view.width + 20) - left, LEAST_WIDTH);
    set(this.root, { transform: `translate(${round(left)} ${place.gaps})` });
    set(this.body, { d: `M0.5-5V5M${round(width) - 0.5}-5V5M1 0H${round(width - 1)}`, fill: "none" });
    const text = shape.item ? shape.item.label : String(shape.count);
    const cut = cutText(text, limit - left - width - 6, SMALL, 600);
    this.#write([{ text: cut, x: round(width + 5), y: 4, class: "label", size: SMALL }], true);
  }

  /**
   * @param {import("./shapes.js").Shape} shape
   * @param {import("./time_window.js").TimeWindow} view
   * @param {import("./lane_layout.js").LanePlace} place
   * @param {number} limit
   */
  #showMark(shape, view, place, limit) {
    const isNotable = NOTABLE.has(shape.kind);
    const x = view.x((shape.from + shape.to) / 2);
    set(this.root, { transform: `translate(${round(x)} ${isNotable ? place.notes : place.frames})` });
    if (!shape.item && !isNotable) {
      const text = String(shape.count);
      const half = round(Math.max(textWidth(text, 10) + 8, 16) / 2);
      set(this.body, { d: roundedBar(half * 2, 14, 7, -half, -7), fill: null });
      this.#write([{ text, x: 0, y: 3.5, class: "count", size: 10 }], false);
      return;
    }
    set(this.body, { d: signOf(shape.kind, shape.lane, shape.item?.way), fill: null });
    const label = shape.item ? shape.item.label : `${shape.count}×`;
    const room = Math.min(limit, view.width) - x - 16;
    const cut = textWidth(label, SMALL) <= room || isNotable ? cutText(label, room, SMALL) : "";
    this.#write([{ text: cut, x: 9, y: 4, class: "label", size: SMALL }], true);
  }

  /**
   * @param {{text: string, x: number, y: number, class: string, size: number}[]} texts
   * @param {boolean} isBeside
   */
  #write(texts, isBeside) {
    const shown = texts.filter((each) => each.text);
    while (this.texts.length < shown.length) {
      this.texts.push(svg("text", { "aria-hidden": "true" }));
      this.root.append(/** @type {SVGElement} */ (this.texts.at(-1)));
    }
    for (const spare of this.texts.splice(shown.length)) spare.remove();
    shown.forEach((each, index) => {
      const classes = isBeside ? `${each.class} beside` : each.class;
      set(this.texts[index], { x: each.x, y: each.y, class: classes, "font-size": each.size });
      write(this.texts[index], each.text);
    });
  }
}

/**
 * @param {import("./shapes.js").Shape} shape
 * @returns {import("./labels.js").Words[]}
 */
function barWords(shape) {
  if (!shape.item) return [{ text: String(shape.count), size: SMALL, weight: 500 }];
  const label = { text: String(shape.item.label ?? ""), size: LARGE, weight: 500 };
  if (shape.kind !== "hold") return [label];
  return [label, { text: String(shape.item.detail ?? ""), size: SMALL, weight: 400 }];
}

/** @param {number} value @returns {number} To a tenth of a pixel. */
function round(value) {
  return Math.round(value * 10) / 10;
}

/**
 * The path of a bar with round corners.
 * @param {number} width
 * @param {number} height
 * @param {number} [corner]
 * @param {number} [x]
 * @param {number} [y]
 * @returns {string}
 */
function roundedBar(width, height, corner = 4, x = 0, y = 0) {
  const r = Math.min(corner, width / 2, height / 2);
  const arc = (/** @type {number} */ dx, /** @type {number} */ dy) => `a${r} ${r} 0 0 1 ${dx} ${dy}`;
  const [w, h] = [width - 2 * r, height - 2 * r];
  return `M${x + r} ${y}h${w}${arc(r, r)}v${h}${arc(-r, r)}h${-w}${arc(-r, -r)}v${-h}${arc(r, -r)}z`;
}
