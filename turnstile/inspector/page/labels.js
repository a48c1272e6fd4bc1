// Where the words of a bar or mark stand: within it, beside it where it is too narrow, or cut.
// @ts-check

import { cutText, textWidth } from "./svg.js";

const INSET = 8;
const LEAST_INSIDE = 30; // pixels

/**
 * @typedef {object} Words
 * @property {string} text
 * @property {number} size Of the font, in pixels.
 * @property {number} weight
 */

/**
 * Place the lines of words of a bar.
 * @param {Words[]} lines
 * @param {number} left Of the bar's part in view, in pixels.
 * @param {number} right
 * @param {number} limit Where the next bar of this row begins, or the drawing ends.
 * @returns {{x: number, texts: string[], isBeside: boolean}}
 */
export function placeWords(lines, left, right, limit) {
  const inside = right - left - 2 * INSET;
  const beside = limit - right - INSET - 4;
  const needed = Math.max(...lines.map((words) => textWidth(words.text, words.size, words.weight)));
  const isBeside = needed > inside && beside > Math.max(inside, LEAST_INSIDE) && beside >= Math.min(needed, 2 * inside);
  const room = isBeside ? beside : inside;
  const texts = lines.map((words) => (room < LEAST_INSIDE / 2 ? "" : cutText(words.text, room, words.size, words.weight)));
  return { x: isBeside ? right + INSET - 2 : left + INSET, texts, isBeside };
}

/**
 * Return for each shape where the next one of its row begins, in pixels.
 * @param {import("./shapes.js").Shape[]} shapes In order of time.
 * @param {(shape: import("./shapes.js").Shape) => string} rowOf
 * @param {(at: number) => number} x
 * @param {number} width Of the drawing.
 * @returns {Map<string, number>} By the shape's key.
 */
export function limitsOf(shapes, rowOf, x, width) {
  /** @type {Map<string, string>} */
  const last = new Map();
  /** @type {Map<string, number>} */
  const limits = new Map();
  for (const shape of shapes) {
    const row = rowOf(shape);
    const before = last.get(row);
    if (before !== undefined) limits.set(before, x(shape.from));
    last.set(row, shape.key);
    limits.set(shape.key, width);
  }
  return limits;
}
