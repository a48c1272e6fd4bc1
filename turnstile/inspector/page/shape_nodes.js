// The elements of one shape: a bar with its words, a measured gap, or a sign; used again from draw to draw.
// @ts-check

import { BAR_HEIGHTS } from "./lane_layout.js";
import { placeWords } from "./labels.js";
import { NOTABLE, signOf } from "./marks_drawn.js";
import { wordsOf } from "./shapes.js";
import { cutText, set, svg, textWidth, write } from "./svg.js";

const SMALL = 11;
const LARGE = 12;

/**
 * @typedef {object} Line A line of words, placed.
 * @property {string} text
 * @property {number} x
 * @property {number} y
 * @property {string} class
 * @property {number} size Of the font.
 */

/** A group of elements that shows one shape. */
export class ShapeNode {
  constructor() {
    this.body = svg("path");
    // Between a sign and the words beside it there shall be no hole for the pointer.
    this.reach = svg("rect", { class: "reach", x: -8 });
    this.root = svg("g", { role: "button" }, [this.body]);
    /** @type {SVGElement[]} */
    this.texts = [];
    /** @type {import("./shapes.js").Shape | null} */
    this.shape = null;
  }

  /**
   * Show a shape.
   * @param {import("./shapes.js").Shape} shape
   * @param {import("./shape_places.js").Place} place From left to right.
   * @param {import("./lane_layout.js").LanePlace} lane From top to bottom.
   * @param {{pattern: string, selected: string, found: Set<string>, rows: number[]}} shown
   */
  show(shape, place, lane, shown) {
    this.shape = shape;
    const { item, kind, type } = shape;
    set(this.root, {
      class: classesOf(shape, shown),
      "data-kind": shape.isMixed ? "mixed" : kind,
      "data-id": item ? item.id : null,
      "data-count": item ? null : shape.count,
      "aria-label": wordsOf(shape),
      tabindex: (kind === "frame" && !shape.isCause) || (type === "mark" && !item) ? -1 : 0,
    });
    if (type === "span" && kind === "first-audio") this.#showGap(shape, place, lane);
    else if (type === "span") this.#showBar(shape, place, lane, shown);
    else if (NOTABLE.has(kind)) this.#showNotable(shape, place, lane);
    else this.#showFrames(shape, place, lane);
  }

  /**
   * @param {import("./shapes.js").Shape} shape
   * @param {import("./shape_places.js").Place} place
   * @param {import("./lane_layout.js").LanePlace} lane
   * @param {{pattern: string, rows: number[]}} shown
   */
  #showBar(shape, { left, right, limit }, lane, shown) {
    const height = BAR_HEIGHTS[/** @type {"client"} */ (shape.lane)];
    this.#moveTo(left, lane.rows + shown.rows.indexOf(shape.row) * lane.rowHeight);
    const fill = shape.kind === "hold" && shape.item ? `url(#${shown.pattern})` : null;
    set(this.body, { d: roundedBar(round(right - left), height), fill });
    const words = barWords(shape);
    const placed = placeWords(words, Math.max(left, 0), right, limit);
    this.#write(
      words.map(({ size }, index) => ({
        text: placed.texts[index],
        x: round(placed.x - left),
        y: words.length === 1 ? height / 2 + 4 : 15 + index * 15,
        class: index ? "detail" : "label",
        size,
      })),
      placed.isBeside,
    );
  }

  /**
   * @param {import("./shapes.js").Shape} shape
   * @param {import("./shape_places.js").Place} place
   * @param {import("./lane_layout.js").LanePlace} lane
   */
  #showGap(shape, { left, right, limit }, lane) {
    const width = round(right - left);
    this.#moveTo(left, lane.gaps);
    set(this.body, { d: `M0.5-5V5M${width - 0.5}-5V5M1 0H${width - 1}`, fill: "none" });
    const figure = String(shape.item ? shape.item.label : `${shape.count}×`);
    // A figure that is cut would be another: without room for its unit it stands alone, and else it is left out.
    const room = limit - right - 1;
    const fits = [figure, figure.replace(/ ms$/, "")].filter((each) => textWidth(each, SMALL, 600) <= room);
    this.#write([{ text: fits[0] ?? "", x: width + 4, y: 4, class: "label", size: SMALL }], true);
  }

  /**
   * @param {import("./shapes.js").Shape} shape
   * @param {import("./shape_places.js").Place} place
   * @param {import("./lane_layout.js").LanePlace} lane
   */
  #showNotable(shape, { left, limit }, lane) {
    this.#moveTo(left, lane.notes);
    set(this.body, { d: signOf(shape.kind, shape.lane), fill: null });
    const text = cutText(shape.item ? shape.item.label : `${shape.count}×`, limit - left - 12, SMALL, 500);
    this.#write([{ text, x: 10, y: 4, class: "label", size: SMALL }], true);
  }

  /**
   * @param {import("./shapes.js").Shape} shape
   * @param {import("./shape_places.js").Place} place
   * @param {import("./lane_layout.js").LanePlace} lane
   */
  #showFrames(shape, { left, limit }, lane) {
    const { item, count } = shape;
    this.#moveTo(left, shape.isQuiet ? lane.quiet : lane.frames);
    if (shape.isQuiet) {
      const half = Math.min(2 + Math.log2(count) * 1.5, 9);
      set(this.body, { d: roundedBar(round(half * 2), 4, 2, round(-half), -2), fill: null });
      this.#write([], false);
    } else if (!item) {
      const half = round(Math.max(textWidth(String(count), 10) + 8, 16) / 2);
      set(this.body, { d: roundedBar(half * 2, 14, 7, -half, -7), fill: null });
      this.#write([{ text: String(count), x: 0, y: 3.5, class: "count", size: 10 }], false);
    } else {
      set(this.body, { d: signOf(shape.kind, shape.lane, item.way), fill: null });
      const isRoomy = textWidth(item.label, SMALL) <= limit - left - 9;
      this.#write(isRoomy ? [{ text: item.label, x: 8, y: 4, class: "label", size: SMALL }] : [], true);
    }
  }

  /** @param {number} x @param {number} y */
  #moveTo(x, y) {
    set(this.root, { transform: `translate(${round(x)} ${y})` });
  }

  /**
   * @param {Line[]} lines
   * @param {boolean} isBeside
   */
  #write(lines, isBeside) {
    const shown = lines.filter(({ text }) => text);
    this.#reach(isBeside ? shown : []);
    while (this.texts.length < shown.length) {
      const text = svg("text", { "aria-hidden": "true" });
      this.texts.push(text);
      this.root.append(text);
    }
    for (const spare of this.texts.splice(shown.length)) spare.remove();
    shown.forEach(({ text, x, y, class: name, size }, index) => {
      set(this.texts[index], { x, y, class: isBeside ? `${name} beside` : name, "font-size": size });
      write(this.texts[index], text);
    });
  }

  /** Take the pointer from the sign to the end of the words beside it. @param {Line[]} beside */
  #reach(beside) {
    if (!beside.length) {
      this.reach.remove();
      return;
    }
    const right = Math.max(...beside.map(({ text, x, size }) => x + textWidth(text, size)));
    const top = beside[0].y - 12;
    set(this.reach, { y: top, width: round(right + 8), height: beside[beside.length - 1].y + 5 - top });
    if (!this.reach.parentNode) this.root.prepend(this.reach);
  }
}

/**
 * @param {import("./shapes.js").Shape} shape
 * @param {{selected: string, found: Set<string>}} shown
 */
function classesOf(shape, { selected, found }) {
  const { item } = shape;
  const classes = [shape.type, shape.kind];
  if (!item) classes.push("merged");
  if (shape.isOpen) classes.push("open");
  if (shape.isQuiet) classes.push("quiet");
  if (shape.isCause) classes.push("let-go");
  if (item?.outcome) classes.push(`outcome-${String(item.outcome).split(/[^a-z]/)[0]}`);
  if (item && item.id === selected) classes.push("selected");
  if (item && found.has(item.id)) classes.push("found");
  return classes.join(" ");
}

/**
 * @param {import("./shapes.js").Shape} shape
 * @returns {import("./labels.js").Words[]}
 */
function barWords({ kind, item, count, isOpen }) {
  if (!item) return [{ text: String(count), size: SMALL, weight: 500 }];
  const text = String(item.label ?? "");
  const label = { text, size: LARGE, weight: 500 };
  if (kind === "hold") {
    const reason = String(item.detail ?? "");
    return [label, { text: reason, short: reason.replace(/^wait(s|ed) for (the )?/, ""), size: SMALL, weight: 400 }];
  }
  if (kind !== "response") return [label];
  const isPlain = isOpen || !item.outcome || item.outcome === "completed";
  return [{ ...label, text: `response ${text}${isPlain ? "" : `, ${item.outcome}`}`, short: text, isWhole: true }];
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
