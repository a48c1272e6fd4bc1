// What is drawn of the spans and marks in view: each alone, or merged with its neighbours where they would be too narrow.
// @ts-check

import { MOST_ROWS } from "./lane_layout.js";
import { duration, moment } from "./time_axis.js";

const NARROW = 5; // pixels: narrower spans are merged with their neighbours
const LEAST_SPAN = 10; // pixels that spans merged into one stand for, at least
const LEAST_MARK = 20; // pixels that marks merged into one stand for, at least
const MOST_SHAPES = 260; // each has up to four elements

/** The names of what is merged. */
const MANY = {
  response: "responses",
  hold: "held",
  "user-speech": "of the user's speech",
  "agent-speech": "of the agent's speech",
  update: "updates",
  "first-audio": "first answers",
  frame: "frames",
  collision: "collisions",
  repair: "repairs",
  "link-opened": "links opened",
  "link-lost": "links lost",
  "link-renewed": "links renewed",
  refused: "refusals",
  closed: "closed",
  lost: "gaps",
  end: "ends",
};

/**
 * @typedef {object} Shape
 * @property {string} key The same while it shows the same.
 * @property {"span" | "mark"} type
 * @property {string} lane
 * @property {string} kind
 * @property {number} from
 * @property {number} to
 * @property {number} row
 * @property {number} count How many it stands for.
 * @property {boolean} isOpen It lasts.
 * @property {any} item The span or mark; null where merged.
 */

/**
 * The shapes of what is in view, in order of time.
 * @param {{spans: any[], marks: any[]}} found
 * @param {number} scale Pixels a second.
 * @param {number} now Until when an open span is drawn, in seconds.
 * @returns {Shape[]}
 */
export function shapesOf({ spans, marks }, scale, now) {
  for (let coarse = 1; ; coarse *= 2) {
    const shapes = [
      ...mergeSpans(spans, scale, now, cellOf(LEAST_SPAN * coarse, scale), NARROW * coarse),
      ...mergeMarks(marks, cellOf(LEAST_MARK * coarse, scale)),
    ];
    if (shapes.length <= MOST_SHAPES || coarse > 64) return shapes.sort((one, other) => one.from - other.from);
  }
}

/**
 * Cells begin at whole multiples of their length, a power of two, so that what is merged stays so while the view moves.
 * @param {number} pixels
 * @param {number} scale
 * @returns {number} Seconds.
 */
function cellOf(pixels, scale) {
  return 2 ** Math.ceil(Math.log2(pixels / scale));
}

/**
 * @param {any[]} spans
 * @param {number} scale
 * @param {number} now
 * @param {number} cell
 * @param {number} narrow Pixels.
 * @returns {Shape[]}
 */
function mergeSpans(spans, scale, now, cell, narrow) {
  /** @type {Shape[]} */
  const shapes = [];
  /** @type {Map<string, Shape>} */
  const cells = new Map();
  for (const span of spans) {
    const to = span.to ?? Math.max(now, span.from);
    const row = Math.min(span.row ?? 0, MOST_ROWS - 1);
    const wide = (to - span.from) * scale >= narrow;
    const key = `${span.lane} ${row} ${wide ? span.id : Math.floor(span.from / cell)}`;
    const shape = wide ? undefined : cells.get(key);
    if (shape) {
      join(shape, span, to);
    } else {
      const one = alone("span", span, span.from, to, row, key);
      shapes.push(one);
      if (!wide) cells.set(key, one);
    }
  }
  return shapes;
}

/**
 * @param {any[]} marks
 * @param {number} cell
 * @returns {Shape[]}
 */
function mergeMarks(marks, cell) {
  /** @type {Map<string, Shape>} */
  const cells = new Map();
  for (const mark of marks) {
    const key = `${mark.lane} ${mark.kind === "frame" ? "f" : mark.kind} ${Math.floor(mark.at / cell)}`;
    const shape = cells.get(key);
    if (shape) join(shape, mark, mark.at);
    else cells.set(key, alone("mark", mark, mark.at, mark.at, 0, key));
  }
  return [...cells.values()];
}

/**
 * @param {"span" | "mark"} type
 * @param {any} item
 * @param {number} from
 * @param {number} to
 * @param {number} row
 * @param {string} key
 * @returns {Shape}
 */
function alone(type, item, from, to, row, key) {
  const isOpen = type === "span" && item.to === null;
  return { key: `${type} ${key}`, type, lane: item.lane, kind: item.kind, from, to, row, count: 1, isOpen, item };
}

/**
 * @param {Shape} shape
 * @param {any} item
 * @param {number} to
 */
function join(shape, item, to) {
  shape.count += 1;
  shape.item = null;
  shape.isOpen = false;
  shape.to = Math.max(shape.to, to);
  if (shape.kind !== item.kind) shape.kind = "mixed";
}

/**
 * Say a shape in words: label, detail and times.
 * @param {Shape} shape
 * @returns {string}
 */
export function wordsOf(shape) {
  if (!shape.item) {
    const what = MANY[/** @type {keyof MANY} */ (shape.kind)] ?? "events";
    return `${shape.count} ${what}, ${moment(shape.from)} to ${moment(shape.to)}`;
  }
  return itemWords(shape.item);
}

/**
 * Say a span or mark in words.
 * @param {any} item
 * @returns {string}
 */
export function itemWords(item) {
  const said = [item.label, item.detail].filter(Boolean).join(": ") || item.kind;
  if (item.at !== undefined) return `${said}, at ${moment(item.at)}`;
  if (item.to === null) return `${said}, since ${moment(item.from)}`;
  return `${said}, ${moment(item.from)} to ${moment(item.to)}, ${duration(item.to - item.from)}`;
}
