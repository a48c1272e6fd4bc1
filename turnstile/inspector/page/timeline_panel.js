// One session as a timeline: the drawing, the tools above it, and what is known of the chosen event below.
// @ts-check

import { DetailPane, startOf } from "./detail_pane.js";
import { LiveClock } from "./live_clock.js";
import { LANES } from "./lane_layout.js";
import { html, set } from "./svg.js";
import { TimelineDrawing } from "./timeline_drawing.js";
import { PointerInput, takeKeys } from "./timeline_input.js";
import { makeLegend, TimelineTools } from "./timeline_tools.js";
import { TimeWindow } from "./time_window.js";

const NARROW = 560; // pixels: from here on lanes are named at their left
const HEAVY = 20_000; // spans and marks in view: more are not drawn for each line that comes
const CLOSE = 6; // seconds shown around what was found, at most

/** A session's timeline, drawn from a `Timeline`. */
export class TimelinePanel {
  /**
   * @param {HTMLElement} parent
   * @param {any} timeline
   * @param {{live?: boolean, title?: string}} [options] live: more lines come, and the newest is followed.
   */
  constructor(parent, timeline, { live = false, title = "" } = {}) {
    this.timeline = timeline;
    this.view = new TimeWindow();
    this.clock = new LiveClock(() => this.#draw());
    this.isFollowing = live;
    this.draws = 0;
    this.found = { words: "", items: /** @type {any[]} */ ([]), ids: new Set(), index: -1 };
    this.chosen = /** @type {any} */ (null);
    this.drawing = new TimelineDrawing();
    this.pane = new DetailPane(timeline, (item) => this.#reveal(item));
    const moves = this.#moves();
    this.tools = new TimelineTools(title, {
      follow: moves.follow, zoom: moves.zoom, fit: moves.fit, step: moves.stepFound, search: (words) => this.#search(words),
    });
    this.names = LANES.map((lane) => html("div", { class: `lane-name lane-${lane}`, "aria-hidden": "true" }, [lane]));
    this.frame = html("div", { class: "timeline-frame" }, [html("div", { class: "lane-names" }, this.names), this.drawing.root]);
    this.root = html("section", { class: "timeline", "aria-label": title || "Timeline" }, [
      this.tools.root, this.frame, makeLegend(this.drawing.pattern), this.pane.root,
    ]);
    takeKeys(this.root, moves);
    new PointerInput(this.drawing.root, moves);
    this.pane.details.addEventListener("toggle", () => this.clock.ask());
    parent.append(this.root);
    this.#isRecording = !live;
    this.live = live;
    this.sizes = new ResizeObserver(() => this.clock.ask());
    this.sizes.observe(this.frame);
    this.clock.watch(this.frame);
  }

  /** Until somebody moves it, a recording is shown as a whole, and a young session as close as may be. */
  #scalesItself = true;
  #isRecording;
  #isLive = false;

  /** Whether more lines may come. */
  get live() {
    return this.#isLive;
  }

  set live(live) {
    this.#isLive = live;
    if (!live) this.isFollowing = false;
    this.clock.ask();
  }

  /** Lines were added to the timeline: draw them in the next frame, if it can be seen. */
  changed() {
    this.clock.note(this.timeline.until);
  }

  /** Show from one moment to another, in seconds. @param {number} from @param {number} to */
  show(from, to) {
    this.isFollowing = false;
    this.#scalesItself = false;
    this.view.show(from, to);
    this.clock.ask();
  }

  /** Remove it, and stop all that it does. */
  destroy() {
    this.sizes.disconnect();
    this.clock.stop();
    this.root.remove();
  }

  /** @returns {import("./timeline_input.js").Moves} */
  #moves() {
    const { view } = this;
    const move = (/** @type {() => void} */ change, staysLive = false) => {
      if (!staysLive) this.isFollowing = false;
      this.#scalesItself = false;
      change();
      this.clock.ask();
    };
    return {
      pan: (windows) => move(() => view.pan(view.span * windows)),
      zoom: (factor, x) => move(() => view.zoom(factor, x === undefined ? this.#anchor() : view.at(x)), true),
      drag: (pixels) => move(() => view.pan(pixels / view.scale)),
      jump: (isEnd) => (isEnd && this.live ? this.#follow(true) : move(() => view.pan(isEnd ? view.until : -view.until - view.span))),
      fit: () => move(() => view.fit()),
      follow: () => this.live && this.#follow(!this.isFollowing),
      search: () => this.tools.search.focus(),
      stepFound: (step) => this.#stepFound(step),
      stepEvent: (step) => this.#stepEvent(step),
      choose: (element) => this.#choose(element),
    };
  }

  /** @param {boolean} isFollowing */
  #follow(isFollowing) {
    this.isFollowing = isFollowing;
    this.clock.ask();
  }

  /** What stays in its place when a key or button zooms: what is chosen, now, or the middle. */
  #anchor() {
    const at = this.chosen ? startOf(this.chosen) : this.isFollowing ? this.clock.now : NaN;
    return at >= this.view.from && at <= this.view.to ? at : (this.view.from + this.view.to) / 2;
  }

  #draw() {
    const { view, clock } = this;
    const width = this.frame.clientWidth;
    const isNarrow = width < NARROW;
    const names = isNarrow ? 0 : /** @type {HTMLElement} */ (this.frame.firstElementChild).offsetWidth;
    if (!width) return;
    view.resize(width - names);
    const isLive = this.live && !this.timeline.end;
    const now = isLive ? clock.now : this.timeline.until;
    view.since = this.timeline.since ?? 0;
    view.until = Math.max(now, this.timeline.until);
    if (this.#scalesItself && this.#isRecording) view.fit();
    if (isLive && this.isFollowing) {
      if (this.#scalesItself) view.liveScale();
      view.follow(now, clock.isReduced);
    }
    const found = this.timeline.within(view.from, view.to);
    this.draws += 1;
    this.drawing.draw(found, view, {
      now, isLive, isNarrow, selected: this.chosen?.id ?? "", found: this.found.ids,
    });
    this.#showNames(isNarrow);
    this.tools.showFollowing(isLive, this.isFollowing);
    const chosen = this.chosen && [...found.spans, ...found.marks].find(({ id }) => id === this.chosen.id);
    this.pane.show(chosen ?? this.chosen);
    this.pane.writeList(found);
    const isMoving = isLive && (this.isFollowing || now <= view.to);
    clock.isHeavy = found.spans.length + found.marks.length > HEAVY;
    clock.run(isMoving, found.spans.some(({ to }) => to === null));
  }

  /** @param {boolean} isNarrow */
  #showNames(isNarrow) {
    this.root.classList.toggle("narrow", isNarrow);
    set(this.drawing.root, { "aria-label": `Timeline from ${this.view.from.toFixed(2)} to ${this.view.to.toFixed(2)} seconds` });
    LANES.forEach((lane, index) => {
      const { top, height } = this.drawing.places.lanes[lane];
      const { style } = this.names[index];
      style.top = `${top}px`;
      style.height = `${height}px`;
    });
  }

  /** @param {Element | null} element */
  #choose(element) {
    const shape = element && this.drawing.shapeOf(element);
    if (!shape) this.chosen = null;
    else if (shape.item) this.chosen = shape.item;
    else return this.show(shape.from - 0.1 * (shape.to - shape.from), shape.to + 0.1 * (shape.to - shape.from));
    this.clock.ask();
  }

  /** @param {string} words */
  #search(words) {
    const isNew = words.trim() !== this.found.words;
    if (!isNew && this.found.items.length) return this.#stepFound(1);
    const items = words.trim() ? this.timeline.find(words.trim()) : [];
    this.found = { words: words.trim(), items, ids: new Set(items.map(({ id }) => id)), index: -1 };
    this.#stepFound(1);
  }

  /** @param {number} step */
  #stepFound(step) {
    const { items } = this.found;
    if (items.length) {
      this.found.index = (this.found.index + step + items.length) % items.length;
      this.#reveal(items[this.found.index]);
    }
    this.tools.showFound(this.found.index, items.length, this.found.words);
    this.clock.ask();
  }

  /** Choose the next event in view, or the one before. @param {number} step */
  #stepEvent(step) {
    const element = this.drawing.neighbour(this.chosen?.id ?? "", step);
    if (!element) return;
    /** @type {any} */ (element).focus({ preventScroll: true });
    this.chosen = this.drawing.shapeOf(element)?.item ?? null;
    this.clock.ask();
  }

  /** Choose an event, and bring it into view. @param {any} item */
  #reveal(item) {
    const at = startOf(item);
    const span = Math.min(this.view.span, Math.max(CLOSE, ((item.to ?? at) - at) * 1.5));
    if (at < this.view.from || at > this.view.to || span < this.view.span) this.show(at - span / 3, at + (span * 2) / 3);
    this.chosen = item;
    this.clock.ask();
  }
}
