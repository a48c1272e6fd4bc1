// What is drawn of the spans and marks in view: alone, or merged with their neighbours where they are too narrow.
// @ts-check

import { LANES, MOST_ROWS } from "./lane_layout.js";
import { duration, moment } from "./time_axis.js";

const NARROW = 5; // pixels: narrower spans are merged with their neighbours
const LEAST_SPAN = 10; // pixels that spans merged into one stand for, at least
const LEAST_MARK = 20; // pixels that marks merged into one stand for, at least
const MOST_SHAPES = 220; // each has up to five elements
const COARSEST = 64; // times what is usual

/** The names of what is merged. */
const MANY = {
  response: "responses",
  hold: "requests held",
  "user-speech": "times the user speaks",
  "agent-speech": "times the agent speaks",
  update: "updates",
  "first-audio": "times to first audio",
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
 * @property {number} longest The length of the longest of them, in seconds.
 * @property {boolean} isOpen It lasts.
 * @property {boolean} isQuiet Frames that only repeat what others show.
 * @property {boolean} isCause A frame that let a held request go.
 * @property {any} item The span or mark; null where merged.
 * @property {boolean} isMixed Merged of several kinds; `kind` is that of the longest.
 */

/**
 * The shapes of what is in view, in order of time.
 * @param {{spans: any[], marks: any[]}} found
 * @param {number} scale Pixels a second.
 * @param {number} now Until when an open span is drawn, in seconds.
 * @returns {Shape[]}
 */
export function shapesOf({ spans, marks }, scale, now) {
  const isFew = spans.length < MOST_SHAPES;
  const least = NARROW / scale;
  const released = isFew ? spans.filter(({ cause, from, to }) => cause && to - from >= least) : [];
  const causes = new Set(released.map(({ cause }) => cause.line));
  let bars = mergeSpans(spans, scale, now, 1);
  let signs = mergeMarks(marks, scale, causes, 1);
  for (let coarse = 2; bars.length + signs.length > MOST_SHAPES && coarse <= COARSEST; coarse *= 2) {
    bars = mergeSpans(bars, scale, now, coarse);
    signs = mergeMarks(signs, scale, causes, coarse);
  }
  return [...bars, ...signs].sort((one, other) => one.from - other.from);
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
 * Merge narrow spans of the same row and cell; those of an hour are many, so there is one look at each, and no search.
 * @param {any[]} spans Or shapes of them, in order of time.
 * @param {number} scale
 * @param {number} now
 * @param {number} coarse How many times as narrow as usual is still too narrow.
 * @returns {Shape[]}
 */
function mergeSpans(spans, scale, now, coarse) {
  const cell = cellOf(LEAST_SPAN * coarse, scale);
  const narrow = (NARROW * coarse) / scale;
  /** @type {Shape[]} */
  const shapes = [];
  /** @type {{shape: Shape, cell: number}[]} The last narrow one of each row. */
  const last = [];
  for (const span of spans) {
    const to = span.to ?? Math.max(now, span.from);
    const row = Math.min(span.row ?? 0, MOST_ROWS - 1);
    if (to - span.from >= narrow) {
      shapes.push(span.key ? span : alone("span", span, span.from, to, row, span.id));
      continue;
    }
    const series = (LANES.indexOf(span.lane) * MOST_ROWS + row) * 2 + (span.kind === "first-audio" ? 1 : 0);
    const place = Math.floor(span.from / cell);
    if (last[series]?.cell === place) {
      join(last[series].shape, span, to);
    } else {
      const shape = span.key ? span : alone("span", span, span.from, to, row, span.id);
      shapes.push(shape);
      last[series] = { shape, cell: place };
    }
  }
  return shapes;
}

/**
 * Merge marks of the same kind and cell.
 * @param {any[]} marks Or shapes of them, in order of time.
 * @param {number} scale
 * @param {Set<number>} causes The lines of frames that let something go: they stand alone.
 * @param {number} coarse
 * @returns {Shape[]}
 */
function mergeMarks(marks, scale, causes, coarse) {
  const cell = cellOf(LEAST_MARK * coarse, scale);
  /** @type {Shape[]} */
  const shapes = [];
  /** @type {Map<string, {shape: Shape, cell: number}>[]} By lane, and whether they are quiet: the last of each kind. */
  const last = Array.from({ length: LANES.length * 2 }, () => new Map());
  for (const mark of marks) {
    const at = mark.from ?? mark.at;
    const isCause = mark.isCause ?? (mark.kind === "frame" && causes.has(mark.line));
    const place = Math.floor(at / cell);
    const series = last[LANES.indexOf(mark.lane) * 2 + (mark.isQuiet ? 1 : 0)];
    const before = isCause ? undefined : series.get(mark.kind);
    if (before?.cell === place) {
      join(before.shape, mark, mark.to ?? at);
      continue;
    }
    const shape = mark.key ? mark : alone("mark", mark, at, at, 0, mark.id);
    shape.isQuiet = Boolean(mark.isQuiet);
    shape.isCause = isCause;
    shapes.push(shape);
    if (!isCause) series.set(mark.kind, { shape, cell: place });
  }
  return shapes;
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
  const { lane, kind } = item;
  const known = { type, lane, kind, from, to, row, item };
  const isOpen = type === "span" && item.to === null;
  return { key, ...known, count: 1, longest: to - from, isMixed: false, isOpen, isQuiet: false, isCause: false };
}

/**
 * @param {Shape} shape
 * @param {any} other A span, a mark, or a shape of some.
 * @param {number} to
 */
function join(shape, other, to) {
  shape.count += other.count ?? 1;
  shape.item = null;
  shape.isOpen = false;
  if (to > shape.to) shape.to = to;
  if (shape.kind !== other.kind || other.isMixed) shape.isMixed = true;
  const longest = other.longest ?? to - (other.from ?? to);
  if (longest > shape.longest) [shape.longest, shape.kind] = [longest, other.kind];
}

/**
 * Say a shape in words: label, detail and times.
 * @param {Shape} shape
 * @returns {string}
 */
export function wordsOf(shape) {
  if (!shape.item) {
    const what = (!shape.isMixed && MANY[/** @type {keyof MANY} */ (shape.kind)]) || "events";
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
