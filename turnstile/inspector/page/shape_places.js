// Where each shape stands from left to right, and how much room there is for its words.
// @ts-check

import { NOTABLE } from "./marks_drawn.js";

const BEYOND = 20; // pixels: what lies farther outside is cut, since very long paths are slow and lose their precision
const LEAST_WIDTH = 3; // pixels, of a bar
const SIGN = 15; // pixels from one notable sign to the next: closer ones step aside
const BEFORE = 5; // pixels between words and what follows
const HALF_MERGED = 12; // pixels, of merged frames
const ASIDE = 9; // pixels that merged frames step aside, at most

/** @typedef {import("./shapes.js").Shape} Shape */
/** @typedef {import("./time_window.js").TimeWindow} TimeWindow */

/**
 * @typedef {object} Place
 * @property {number} left In pixels; of a mark its middle.
 * @property {number} right Likewise.
 * @property {number} limit Where its words must end.
 */

/**
 * Place shapes from left to right.
 * @param {Shape[]} shapes In order of time.
 * @param {TimeWindow} view
 * @param {number} now Seconds: the end of what lasts.
 * @returns {Map<string, Place>} By the shape's key.
 */
export function placeShapes(shapes, view, now) {
  /** @type {Map<string, Place>} The last place in each row. */
  const last = new Map();
  /** @type {Map<string, Place>} */
  const places = new Map();
  for (const shape of shapes) {
    const row = rowOf(shape);
    const before = last.get(row);
    const place =
      shape.type === "span"
        ? placeSpan(shape, view, now)
        : placeMark(shape, view, shape.isQuiet ? undefined : before);
    const isMergedMark = shape.type === "mark" && !shape.item;
    if (before) before.limit = Math.min(place.left - (isMergedMark ? HALF_MERGED : BEFORE), view.width);
    last.set(row, place);
    places.set(shape.key, place);
  }
  return places;
}

/**
 * @param {Shape} shape
 * @param {TimeWindow} view
 * @param {number} now
 * @returns {Place}
 */
function placeSpan(shape, view, now) {
  const left = Math.max(view.x(shape.from), -BEYOND);
  const end = view.x(shape.isOpen ? Math.max(now, shape.from) : shape.to);
  return { left, right: Math.max(Math.min(end, view.width + BEYOND), left + LEAST_WIDTH), limit: view.width };
}

/**
 * Place a mark at its time, or beside the one before; where an arrow begins, the one before steps aside.
 * @param {Shape} shape
 * @param {TimeWindow} view
 * @param {Place | undefined} before
 * @returns {Place}
 */
function placeMark(shape, view, before) {
  const exact = view.x((shape.from + shape.to) / 2);
  const overlap = before ? before.right + SIGN - exact : 0;
  if (overlap <= 0) return { left: exact, right: exact, limit: view.width };
  if (before && shape.isCause) before.left = before.right = before.left - Math.min(overlap, ASIDE);
  const step = NOTABLE.has(shape.kind) ? overlap : shape.isCause ? 0 : Math.min(overlap, ASIDE);
  return { left: exact + step, right: exact + step, limit: view.width };
}

/** What shapes that stand in the same row have in common. @param {Shape} shape */
function rowOf({ type, lane, kind, row, isQuiet }) {
  if (type === "span") return kind === "first-audio" ? "gaps" : `${lane} ${row}`;
  if (NOTABLE.has(kind)) return lane === "client" ? "gaps" : `${lane} notes`;
  return `${lane} ${isQuiet ? "quiet" : "frames"}`;
}
