// The drawing: three lanes with bars and marks, the arrows of what was let go, the axis and the line of now.
// @ts-check

import { AXIS_HEIGHT, BAR_HEIGHTS, LANES, placeLanes } from "./lane_layout.js";
import { ACROSS, NOTABLE } from "./marks_drawn.js";
import { ShapeNode } from "./shape_nodes.js";
import { placeShapes } from "./shape_places.js";
import { shapesOf } from "./shapes.js";
import { set, svg } from "./svg.js";
import { TimeAxis } from "./time_axis.js";

const MOST_CAUSES = 40;
const MOST_ACROSS = 24;
const SPARE = 150; // elements kept to be used again

/** How many drawings there were: their patterns need ids of their own. */
let drawings = 0;

/** One session, drawn in three lanes. */
export class TimelineDrawing {
  constructor() {
    drawings += 1;
    this.pattern = `held-${drawings}`;
    this.arrow = `arrow-${drawings}`;
    /** @type {Record<string, number[]>} The rows that each lane has had bars in. */
    this.rows = { client: [], gate: [], upstream: [] };
    this.notes = { client: false, gate: false, upstream: false };
    /** @type {{lanes: Record<string, import("./lane_layout.js").LanePlace>, height: number}} */
    this.places = placeLanes(this.rows, this.notes, false);
    this.axis = new TimeAxis(AXIS_HEIGHT);
    this.now = svg("line", { class: "now", "aria-hidden": "true" });
    this.across = svg("g", { class: "across", "aria-hidden": "true" });
    this.causes = svg("g", { class: "causes" });
    /** @type {Record<string, {root: SVGElement, ground: SVGElement}>} */
    this.lanes = Object.fromEntries(LANES.map((lane) => [lane, makeLane(lane)]));
    /** @type {Map<string, ShapeNode>} */
    this.nodes = new Map();
    /** @type {ShapeNode[]} */
    this.spare = [];
    const lanes = LANES.map((lane) => this.lanes[lane].root);
    this.root = svg("svg", { class: "timeline-drawing", role: "group", tabindex: 0 }, [
      this.#definitions(), ...LANES.map((lane) => this.lanes[lane].ground),
      this.axis.element, this.across, ...lanes, this.causes, this.now,
    ]);
  }

  /**
   * Draw what is in view.
   * @param {{spans: any[], marks: any[]}} found
   * @param {import("./time_window.js").TimeWindow} view
   * @param {{now: number, isLive: boolean, isNarrow: boolean, selected: string, found: Set<string>}} shown
   */
  draw(found, view, shown) {
    const shapes = shapesOf(found, view.scale, shown.now);
    this.#place(shapes, view, shown.isNarrow);
    const places = placeShapes(shapes, view, shown.now);
    const before = this.nodes;
    this.nodes = new Map();
    for (const { key } of shapes) {
      const node = before.get(key);
      if (node) this.nodes.set(key, node);
      before.delete(key);
    }
    this.#release(before.values());
    for (const shape of shapes) {
      let node = this.nodes.get(shape.key);
      if (!node) this.nodes.set(shape.key, (node = this.spare.pop() ?? new ShapeNode()));
      const rows = this.rows[shape.lane];
      const place = /** @type {import("./shape_places.js").Place} */ (places.get(shape.key));
      node.show(shape, place, this.places.lanes[shape.lane], { ...shown, pattern: this.pattern, rows });
    }
    this.#order(shapes);
    this.#drawCauses(shapes, view);
    this.#drawAcross(shapes, view);
    this.axis.draw(view, this.places.height);
    const x = Math.round(view.x(shown.now)) + 0.5;
    set(this.now, { x1: x, x2: x, y1: AXIS_HEIGHT - 8, y2: this.places.height, visibility: shown.isLive ? null : "hidden" });
  }

  /** How many elements it has. */
  get size() {
    return this.root.querySelectorAll("*").length;
  }

  /** The shape that an element of the drawing shows. @param {Element} element */
  shapeOf(element) {
    for (const node of this.nodes.values()) if (node.root === element) return node.shape;
    return null;
  }

  /**
   * The element of the event after another, or before it, in order of time.
   * @param {string} id
   * @param {number} step 1 or -1.
   * @returns {Element | undefined}
   */
  neighbour(id, step) {
    const alone = [...this.nodes.values()].filter((node) => node.shape?.item);
    alone.sort((one, other) => (one.shape?.from ?? 0) - (other.shape?.from ?? 0));
    const index = alone.findIndex((node) => node.shape?.item.id === id);
    return alone.at(index < 0 ? (step > 0 ? 0 : -1) : Math.min(Math.max(index + step, 0), alone.length - 1))?.root;
  }

  /** Place the lanes; one that has had a row keeps it, so that nothing jumps while the view moves. */
  #place(/** @type {import("./shapes.js").Shape[]} */ shapes, /** @type {any} */ view, /** @type {boolean} */ isNarrow) {
    for (const { type, lane, kind, row } of shapes) {
      const rows = this.rows[lane];
      if (type === "span" && kind !== "first-audio" && !rows.includes(row)) rows.push(row);
      else if (NOTABLE.has(kind)) this.notes[/** @type {"gate"} */ (lane)] = true;
    }
    for (const rows of Object.values(this.rows)) rows.sort((one, other) => one - other);
    this.places = placeLanes(this.rows, this.notes, isNarrow);
    set(this.root, { width: view.width, height: this.places.height });
    for (const lane of LANES) {
      const { top, height } = this.places.lanes[lane];
      set(this.lanes[lane].ground, { x: 0, y: top, width: view.width, height });
    }
  }

  /** @param {Iterable<ShapeNode>} nodes */
  #release(nodes) {
    for (const node of nodes) {
      if (node.root === document.activeElement) /** @type {any} */ (this.root).focus({ preventScroll: true });
      node.root.remove();
      node.shape = null;
      if (this.spare.length < SPARE) this.spare.push(node);
    }
  }

  /** Bring the elements into the order of time, which is that of the Tab key; what is in order is not touched. */
  #order(/** @type {import("./shapes.js").Shape[]} */ shapes) {
    /** @type {Record<string, Node | null>} */
    const next = Object.fromEntries(LANES.map((lane) => [lane, this.lanes[lane].root.firstChild]));
    for (const shape of shapes) {
      const { root } = /** @type {ShapeNode} */ (this.nodes.get(shape.key));
      if (next[shape.lane] === root) next[shape.lane] = root.nextSibling;
      else this.lanes[shape.lane].root.insertBefore(root, next[shape.lane]);
    }
  }

  /** Draw an arrow from the event that let a held request go to the end of its bar. */
  #drawCauses(/** @type {import("./shapes.js").Shape[]} */ shapes, /** @type {any} */ view) {
    const held = shapes.filter(({ kind, item }) => kind === "hold" && item?.cause && item.to !== null);
    const seen = held.filter(({ item }) => item.to >= view.from && item.to <= view.to).slice(-MOST_CAUSES);
    this.#fill(this.causes, seen.length, "path");
    seen.forEach((shape, index) => {
      const { item, row } = shape;
      const gate = this.places.lanes.gate;
      const from = this.places.lanes[item.cause.lane] ?? gate;
      const isAbove = from.top < gate.top || from === gate;
      const top = gate.rows + this.rows.gate.indexOf(row) * gate.rowHeight;
      const [x, y] = [view.x(item.cause.at), from.edge];
      const [endX, endY] = [Math.max(view.x(item.to), view.x(item.from) + 3) - 0.5, isAbove ? top - 2 : top + BAR_HEIGHTS.gate + 2];
      const middle = (y + endY) / 2;
      set(this.causes.children[index], {
        d: `M${x.toFixed(1)} ${y}C${x.toFixed(1)} ${middle} ${endX.toFixed(1)} ${middle} ${endX.toFixed(1)} ${endY}`,
        "marker-end": `url(#${this.arrow})`,
        "data-kind": "cause",
        role: "img",
        "aria-label": `${item.label} was let go at ${item.cause.at.toFixed(3)} s by what happened on the lane ${item.cause.lane}`,
      });
    });
  }

  /** Draw a thin line across all lanes where something notable happened. */
  #drawAcross(/** @type {import("./shapes.js").Shape[]} */ shapes, /** @type {any} */ view) {
    const seen = shapes.filter(({ kind }) => ACROSS.has(kind)).slice(-MOST_ACROSS);
    this.#fill(this.across, seen.length, "line");
    seen.forEach(({ kind, from }, index) => {
      const x = Math.round(view.x(from)) + 0.5;
      set(this.across.children[index], { class: kind, x1: x, x2: x, y1: AXIS_HEIGHT, y2: this.places.height });
    });
  }

  /** @param {Element} group @param {number} count @param {string} name */
  #fill(group, count, name) {
    while (group.children.length < count) group.append(svg(name));
    while (group.children.length > count) group.lastChild?.remove();
  }

  #definitions() {
    const size = { width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" };
    const hatched = svg("pattern", { id: this.pattern, ...size }, [
      svg("rect", { class: "held-ground", width: 7, height: 7 }), svg("rect", { class: "held-line", width: 2, height: 7 }),
    ]);
    const box = { viewBox: "0 0 8 8", refX: 6.5, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto" };
    const head = svg("path", { class: "arrow-head", d: "M0 0.6L7 4L0 7.4Z" });
    return svg("defs", {}, [hatched, svg("marker", { id: this.arrow, markerUnits: "userSpaceOnUse", ...box }, [head])]);
  }
}

/** @param {"client" | "gate" | "upstream"} lane */
function makeLane(lane) {
  const root = svg("g", { class: `lane lane-${lane}`, "data-lane": lane, role: "group", "aria-label": `Lane ${lane}` });
  return { root, ground: svg("rect", { class: `lane-ground lane-${lane}` }) };
}
