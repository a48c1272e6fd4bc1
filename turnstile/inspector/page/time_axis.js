// The axis: at which times it has a line, and how times are written.
// @ts-check

import { set, svg, write } from "./svg.js";

const APART = 84; // pixels between two times, at least
const BELOW = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
const STEPS = [...BELOW, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600]; // seconds
const CLOCK_FROM = 600; // seconds: from here on minutes are written, too

/**
 * The times of the axis's lines.
 * @param {number} from Seconds.
 * @param {number} to Seconds.
 * @param {number} width Pixels.
 * @returns {{step: number, times: number[]}}
 */
export function axisTimes(from, to, width) {
  const least = ((to - from) * APART) / width;
  const step = STEPS.find((each) => each >= least) ?? Math.ceil(least / 3600) * 3600;
  const times = [];
  for (let n = Math.max(Math.ceil(from / step), 0); n * step <= to; n += 1) times.push(n * step);
  return { step, times };
}

/**
 * Write a time of the axis.
 * @param {number} at Seconds.
 * @param {number} step Seconds between two of the axis.
 * @returns {string}
 */
export function axisLabel(at, step) {
  if (at >= CLOCK_FROM && step >= 1) return clock(at);
  const digits = step >= 1 ? 0 : Math.ceil(-Math.log10(step) - 1e-9);
  return `${at.toFixed(digits)} s`;
}

/** @param {number} at Seconds. @returns {string} Hours, minutes, seconds. */
function clock(at) {
  const seconds = Math.round(at);
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours}:${two(minutes % 60)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** @param {number} at Seconds. @returns {string} With milliseconds. */
export function moment(at) {
  return `${at.toFixed(3)} s`;
}

/** @param {number} seconds @returns {string} In the unit that reads best. */
export function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  return seconds < 60 ? `${seconds.toFixed(2)} s` : clock(seconds);
}

/** The lines and times of the axis, whose elements are used again. */
export class TimeAxis {
  /** @param {number} height Of the row of times, in pixels. */
  constructor(height) {
    this.height = height;
    this.element = svg("g", { class: "axis", "aria-hidden": "true" });
    /** @type {{line: SVGElement, text: SVGElement}[]} */
    this.drawn = [];
  }

  /**
   * Draw it.
   * @param {import("./time_window.js").TimeWindow} view
   * @param {number} bottom Where its lines end, in pixels.
   */
  draw(view, bottom) {
    const { step, times } = axisTimes(view.from, view.to, view.width);
    while (this.drawn.length < times.length) this.#add();
    for (const { line, text } of this.drawn.splice(times.length)) {
      line.remove();
      text.remove();
    }
    times.forEach((at, index) => {
      const { line, text } = this.drawn[index];
      const x = Math.round(view.x(at)) + 0.5;
      set(line, { x1: x, x2: x, y1: this.height - 5, y2: bottom });
      set(text, { x: x + 5, y: this.height - 9 });
      write(text, axisLabel(at, step));
    });
  }

  #add() {
    const one = { line: svg("line", { class: "axis-line" }), text: svg("text", { class: "axis-text" }) };
    this.element.append(one.line, one.text);
    this.drawn.push(one);
  }
}
