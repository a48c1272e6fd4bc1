// Where the words of a bar or mark stand: within it, beside it where it is too narrow, or cut.
// @ts-check

import { cutText, textWidth } from "./svg.js";

const INSET = 8;
const LEAST_INSIDE = 30; // pixels
const LEAST_ROOM = 15; // pixels

/**
 * @typedef {object} Words
 * @property {string} text
 * @property {number} size Of the font, in pixels.
 * @property {number} weight
 * @property {string} [short] Instead of the text, where that does not fit.
 * @property {boolean} [isWhole] It is left out rather than cut.
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
  const isBeside = needed > inside && beside > Math.max(1.4 * inside, LEAST_INSIDE);
  const room = isBeside ? beside : inside;
  const texts = lines.map((words) => (room < LEAST_ROOM ? "" : fitting(words, room)));
  return { x: isBeside ? right + INSET - 2 : left + INSET, texts, isBeside };
}

/** @param {Words} words @param {number} room In pixels. */
function fitting({ text, size, weight, short = text, isWhole = false }, room) {
  if (textWidth(text, size, weight) <= room) return text;
  if (!isWhole) return cutText(short, room, size, weight);
  return textWidth(short, size, weight) <= room ? short : "";
}
