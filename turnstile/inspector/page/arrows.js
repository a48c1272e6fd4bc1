// What crosses the lanes: the arrows to what was let go, and a thin line where something notable happened.
// @ts-check

import { AXIS_HEIGHT, BAR_HEIGHTS } from "./lane_layout.js";
import { ACROSS } from "./marks_drawn.js";
import { set, svg } from "./svg.js";
import { moment } from "./time_axis.js";

const MOST_CAUSES = 40;
const MOST_ACROSS = 24;
const LEAST_WIDTH = 3; // pixels, of a bar

/** @typedef {import("./shapes.js").Shape} Shape */
/** @typedef {import("./time_window.js").TimeWindow} TimeWindow */
/** @typedef {{lanes: Record<string, import("./lane_layout.js").LanePlace>, height: number}} Places */

/** The arrows and lines of a drawing, whose elements are used again. */
export class Arrows {
  /** @param {string} id Of the arrow's head, in this document. */
  constructor(id) {
    this.id = id;
    this.lines = svg("g", { class: "across", "aria-hidden": "true" });
    this.root = svg("g", { class: "causes" });
    const box = { viewBox: "0 0 8 8", refX: 6.5, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto" };
    const head = svg("path", { class: "arrow-head", d: "M0 0.6L7 4L0 7.4Z" });
    this.head = svg("marker", { id, markerUnits: "userSpaceOnUse", ...box }, [head]);
  }

  /**
   * Draw them.
   * @param {Shape[]} shapes In order of time.
   * @param {TimeWindow} view
   * @param {Places} places
   * @param {number[]} rows Those of the gate, from top to bottom.
   */
  draw(shapes, view, places, rows) {
    const isSeen = (/** @type {number} */ at) => at >= view.from && at <= view.to;
    const held = shapes.filter(({ kind, item }) => kind === "hold" && item?.cause && item.to !== null);
    const released = held.filter(({ item }) => isSeen(item.to)).slice(-MOST_CAUSES);
    fill(this.root, released.length, "path");
    released.forEach((shape, index) => {
      const { label, cause } = shape.item;
      set(this.root.children[index], {
        d: pathOf(shape, view, places, rows.indexOf(shape.row)),
        "marker-end": `url(#${this.id})`,
        "data-kind": "cause",
        role: "img",
        "aria-label": `${label} was let go by what came at ${moment(cause.at)} in the lane ${cause.lane}`,
      });
    });
    const notable = shapes.filter(({ kind }) => ACROSS.has(kind)).slice(-MOST_ACROSS);
    fill(this.lines, notable.length, "line");
    notable.forEach(({ kind, from }, index) => {
      const x = Math.round(view.x(from)) + 0.5;
      set(this.lines.children[index], { class: kind, x1: x, x2: x, y1: AXIS_HEIGHT, y2: places.height });
    });
  }
}

/**
 * The path from the lane of what let a request go to the end of its bar.
 * @param {Shape} shape
 * @param {TimeWindow} view
 * @param {Places} places
 * @param {number} row
 */
function pathOf({ item }, view, { lanes }, row) {
  const { gate } = lanes;
  const from = lanes[item.cause.lane] ?? gate;
  const top = gate.rows + row * gate.rowHeight;
  const [x, y] = [view.x(item.cause.at), from.edge];
  const endX = Math.max(view.x(item.to), view.x(item.from) + LEAST_WIDTH) - 0.5;
  const endY = from.top <= gate.top ? top - 2 : top + BAR_HEIGHTS.gate + 2;
  const [left, middle, right] = [x.toFixed(1), (y + endY) / 2, endX.toFixed(1)];
  return `M${left} ${y}C${left} ${middle} ${right} ${middle} ${right} ${endY}`;
}

/** @param {Element} group @param {number} count @param {string} name */
function fill(group, count, name) {
  while (group.children.length < count) group.append(svg(name));
  while (group.children.length > count) group.lastChild?.remove();
}
