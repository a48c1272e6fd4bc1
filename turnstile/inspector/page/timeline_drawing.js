// The drawing: three lanes with bars and marks, what crosses them, the axis and the line of now.
// @ts-check

import { Arrows } from "./arrows.js";
import { AXIS_HEIGHT, LANES, placeLanes } from "./lane_layout.js";
import { NOTABLE } from "./marks_drawn.js";
import { ShapeNode } from "./shape_nodes.js";
import { placeShapes } from "./shape_places.js";
import { shapesOf } from "./shapes.js";
import { set, svg } from "./svg.js";
import { TimeAxis } from "./time_axis.js";

const SPARE = 150; // groups of elements kept to be used again

/** How many drawings there were: their patterns need ids of their own. */
let drawings = 0;

/** @typedef {import("./shapes.js").Shape} Shape */
/** @typedef {import("./time_window.js").TimeWindow} TimeWindow */

/** One session, drawn in three lanes. */
export class TimelineDrawing {
  constructor() {
    drawings += 1;
    this.pattern = `held-${drawings}`;
    /** @type {Record<string, number[]>} The rows that each lane has had bars in. */
    this.rows = { client: [], gate: [], upstream: [] };
    /** @type {Record<string, boolean>} Which lanes have had notable marks. */
    this.notes = {};
    this.places = placeLanes(this.rows, this.notes, false);
    this.axis = new TimeAxis(AXIS_HEIGHT);
    this.arrows = new Arrows(`arrow-${drawings}`);
    this.now = svg("line", { class: "now", "aria-hidden": "true" });
    this.grounds = LANES.map((lane) => svg("rect", { class: `lane-ground lane-${lane}`, x: 0 }));
    /** @type {Record<string, SVGElement>} */
    this.lanes = Object.fromEntries(LANES.map((lane) => [lane, makeLane(lane)]));
    /** @type {Map<string, ShapeNode>} */
    this.nodes = new Map();
    /** @type {ShapeNode[]} */
    this.spare = [];
    const definitions = svg("defs", {}, [makeHatching(this.pattern), this.arrows.head]);
    const behind = [definitions, ...this.grounds, this.axis.element, this.arrows.lines];
    const before = [...LANES.map((lane) => this.lanes[lane]), this.arrows.root, this.now];
    this.root = svg("svg", { class: "timeline-drawing", role: "group", tabindex: 0 }, [...behind, ...before]);
  }

  /**
   * Draw what is in view.
   * @param {{spans: any[], marks: any[]}} found
   * @param {TimeWindow} view
   * @param {{now: number, isLive: boolean, isNarrow: boolean, selected: string, found: Set<string>}} shown
   */
  draw(found, view, shown) {
    const shapes = shapesOf(found, view.scale, shown.now);
    this.#placeLanes(shapes, view.width, shown.isNarrow);
    this.#keep(shapes);
    const places = placeShapes(shapes, view, shown.now);
    for (const shape of shapes) {
      let node = this.nodes.get(shape.key);
      if (!node) this.nodes.set(shape.key, (node = this.spare.pop() ?? new ShapeNode()));
      const rows = this.rows[shape.lane];
      const place = /** @type {import("./shape_places.js").Place} */ (places.get(shape.key));
      node.show(shape, place, this.places.lanes[shape.lane], { ...shown, pattern: this.pattern, rows });
    }
    this.#order(shapes);
    this.arrows.draw(shapes, view, this.places, this.rows.gate);
    this.axis.draw(view, this.places.height);
    const x = Math.round(view.x(shown.now)) + 0.5;
    const visibility = shown.isLive ? null : "hidden";
    set(this.now, { x1: x, x2: x, y1: AXIS_HEIGHT - 8, y2: this.places.height, visibility });
    const window = `${view.from.toFixed(2)} to ${view.to.toFixed(2)} seconds`;
    set(this.root, { width: view.width, height: this.places.height, "aria-label": `Timeline from ${window}` });
  }

  /** @param {Element} element @returns {Shape | null} What an element of the drawing shows. */
  shapeOf(element) {
    for (const node of this.nodes.values()) if (node.root === element) return node.shape;
    return null;
  }

  /**
   * The element of the event after another, or before it, in order of time.
   * @param {string} id
   * @param {number} step 1 or -1.
   * @returns {SVGElement | undefined}
   */
  neighbour(id, step) {
    const start = (/** @type {ShapeNode} */ node) => node.shape?.from ?? 0;
    const alone = [...this.nodes.values()].filter(({ shape }) => shape?.item);
    alone.sort((one, other) => start(one) - start(other));
    const index = alone.findIndex(({ shape }) => shape?.item.id === id);
    if (index < 0) return alone.at(step > 0 ? 0 : -1)?.root;
    return alone[Math.min(Math.max(index + step, 0), alone.length - 1)].root;
  }

  /**
   * Place the lanes; one that has had a row keeps it, so that nothing jumps while the view moves.
   * @param {Shape[]} shapes
   * @param {number} width
   * @param {boolean} isNarrow
   */
  #placeLanes(shapes, width, isNarrow) {
    for (const { type, lane, kind, row } of shapes) {
      const rows = this.rows[lane];
      if (type === "span" && kind !== "first-audio" && !rows.includes(row)) rows.push(row);
      else if (NOTABLE.has(kind)) this.notes[lane] = true;
    }
    for (const rows of Object.values(this.rows)) rows.sort((one, other) => one - other);
    this.places = placeLanes(this.rows, this.notes, isNarrow);
    LANES.forEach((lane, index) => {
      const { top, height } = this.places.lanes[lane];
      set(this.grounds[index], { y: top, width, height });
    });
  }

  /** Keep the elements of what is still in view; the others may show something else. @param {Shape[]} shapes */
  #keep(shapes) {
    const before = this.nodes;
    this.nodes = new Map();
    for (const { key } of shapes) {
      const node = before.get(key);
      if (node) this.nodes.set(key, node);
      before.delete(key);
    }
    for (const node of before.values()) {
      if (node.root === document.activeElement) this.root.focus({ preventScroll: true });
      node.root.remove();
      node.shape = null;
      if (this.spare.length < SPARE) this.spare.push(node);
    }
  }

  /** Bring elements into the order of time, which is that of the Tab key; what is in it is not touched. */
  #order(/** @type {Shape[]} */ shapes) {
    /** @type {Record<string, Node | null>} */
    const next = Object.fromEntries(LANES.map((lane) => [lane, this.lanes[lane].firstChild]));
    for (const { key, lane } of shapes) {
      const { root } = /** @type {ShapeNode} */ (this.nodes.get(key));
      if (next[lane] === root) next[lane] = root.nextSibling;
      else this.lanes[lane].insertBefore(root, next[lane]);
    }
  }
}

/** @param {string} lane @returns {SVGElement} */
function makeLane(lane) {
  return svg("g", { class: `lane lane-${lane}`, "data-lane": lane, role: "group", "aria-label": `Lane ${lane}` });
}

/** What the bars of held requests are filled with. @param {string} id @returns {SVGElement} */
function makeHatching(id) {
  const ground = svg("rect", { class: "held-ground", width: 7, height: 7 });
  const line = svg("rect", { class: "held-line", width: 2, height: 7 });
  const size = { width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" };
  return svg("pattern", { id, ...size }, [ground, line]);
}
