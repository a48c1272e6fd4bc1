// One session as a timeline: the drawing, the tools above it, and what is known of the chosen event below.
// @ts-check

import { DetailPane, startOf } from "./detail_pane.js";
import { FoundEvents } from "./found_events.js";
import { HoverWords } from "./hover_words.js";
import { LANES } from "./lane_layout.js";
import { LiveClock } from "./live_clock.js";
import { html } from "./svg.js";
import { TimeWindow } from "./time_window.js";
import { TimelineDrawing } from "./timeline_drawing.js";
import { PointerInput, takeKeys } from "./timeline_input.js";
import { makeLegend, TimelineTools } from "./timeline_tools.js";

const NARROW = 560; // pixels: from here on lanes are named at their left
const HEAVY = 20_000; // spans and marks in view: more are not drawn for each line that comes
const CLOSE = 6; // seconds shown around what was found, at most
const LIST_STEP = 1; // seconds between two lists of what is in view, while that moves

/** A session's timeline, drawn from a `Timeline`. */
export class TimelinePanel {
  /** Until somebody moves it, a recording is shown as a whole, and a young session as close as may be. */
  #scalesItself = true;
  #isRecording;
  #isLive;
  #listedAt = -Infinity;

  /**
   * @param {HTMLElement} parent
   * @param {any} timeline
   * @param {{live?: boolean, title?: string}} [options] live: more lines come, and the newest is followed.
   */
  constructor(parent, timeline, { live = false, title = "" } = {}) {
    this.timeline = timeline;
    this.view = new TimeWindow();
    this.clock = new LiveClock(() => this.#draw());
    this.#isLive = this.isFollowing = live;
    this.#isRecording = !live;
    /** How often it was drawn. */
    this.draws = 0;
    this.found = new FoundEvents(timeline);
    this.chosen = /** @type {any} */ (null);
    this.drawing = new TimelineDrawing();
    this.pane = new DetailPane(timeline, (item) => this.#reveal(item));
    const moves = this.#moves();
    this.tools = new TimelineTools(title, moves);
    const name = (/** @type {string} */ lane) => html("div", { class: `lane-name lane-${lane}` }, [lane]);
    this.names = html("div", { class: "lane-names", "aria-hidden": "true" }, LANES.map(name));
    this.frame = html("div", { class: "timeline-frame" }, [this.names, this.drawing.root]);
    const parts = [this.tools.root, this.frame, makeLegend(this.drawing.pattern), this.pane.root];
    this.root = html("section", { class: "timeline", "aria-label": title || "Timeline" }, parts);
    this.hover = new HoverWords(this.frame, this.drawing.root);
    takeKeys(this.root, moves);
    new PointerInput(this.drawing.root, moves);
    this.pane.details.addEventListener("toggle", () => this.clock.ask());
    parent.append(this.root);
    this.clock.watch(this.frame);
  }

  /** Whether more lines may come. */
  get live() {
    return this.#isLive;
  }

  set live(live) {
    this.#isLive = this.isFollowing = live;
    this.clock.ask();
  }

  /** Lines were added to the timeline: draw them in the next frame, if it can be seen. */
  changed() {
    this.clock.note(this.timeline.until);
  }

  /** Show from one moment to another, in seconds. @param {number} from @param {number} to */
  show(from, to) {
    this.#move(() => this.view.show(from, to));
  }

  /** Remove it, and stop all that it does. */
  destroy() {
    this.clock.stop();
    this.root.remove();
  }

  /** @returns {import("./timeline_input.js").Moves} */
  #moves() {
    const { view } = this;
    const anchor = (/** @type {number | undefined} */ x) => (x === undefined ? this.#anchor() : view.at(x));
    return {
      pan: (windows) => this.#move(() => view.pan(view.span * windows)),
      zoom: (factor, x) => this.#move(() => view.zoom(factor, anchor(x)), this.isFollowing),
      drag: (pixels) => this.#move(() => view.pan(pixels / view.scale)),
      jump: (isEnd) => {
        if (isEnd && this.live) this.#follow(true);
        else this.#move(() => view.pan(isEnd ? view.until : -view.until - view.span));
      },
      fit: () => this.#move(() => view.fit()),
      follow: () => this.live && this.#follow(!this.isFollowing),
      focusSearch: () => this.tools.search.focus(),
      focusDrawing: () => this.drawing.root.focus(),
      search: (words) => this.#show(this.found.search(words)),
      stepFound: (step) => this.#show(this.found.step(step)),
      stepEvent: (step) => this.#stepEvent(step),
      choose: (element) => this.#choose(element),
    };
  }

  /** @param {() => void} change @param {boolean} [isFollowing] */
  #move(change, isFollowing = false) {
    this.isFollowing = isFollowing;
    this.#scalesItself = false;
    change();
    this.hover.hide();
    this.clock.ask();
  }

  /** @param {boolean} isFollowing */
  #follow(isFollowing) {
    this.isFollowing = isFollowing;
    this.clock.ask();
  }

  /** What stays in its place when a key or button zooms: now, what is chosen, or the middle. */
  #anchor() {
    const at = this.isFollowing ? this.clock.now : this.chosen ? startOf(this.chosen) : NaN;
    return at >= this.view.from && at <= this.view.to ? at : (this.view.from + this.view.to) / 2;
  }

  #draw() {
    const { view, clock, timeline } = this;
    const width = this.frame.clientWidth;
    if (!width) return;
    const isNarrow = width < NARROW;
    this.root.classList.toggle("narrow", isNarrow);
    view.resize(isNarrow ? width : width - this.names.offsetWidth);
    const isLive = this.live && !timeline.end;
    const now = isLive ? clock.now : timeline.until;
    view.since = timeline.since ?? 0;
    view.until = Math.max(now, timeline.until);
    if (this.#scalesItself && this.#isRecording) view.fit();
    if (isLive && this.isFollowing) {
      if (this.#scalesItself) view.liveScale();
      view.follow(now, clock.isReduced);
    }
    const found = timeline.within(view.from, view.to);
    this.draws += 1;
    const selected = this.chosen?.id ?? "";
    this.drawing.draw(found, view, { now, isLive, isNarrow, selected, found: this.found.ids });
    const isMoving = isLive && now <= view.to;
    this.#describe(found, isLive, isMoving);
    clock.isHeavy = found.spans.length + found.marks.length > HEAVY;
    clock.run(isMoving, found.spans.some(({ to }) => to === null));
  }

  /**
   * Bring what stands around the drawing up to date.
   * @param {{spans: any[], marks: any[]}} found
   * @param {boolean} isLive
   * @param {boolean} isMoving
   */
  #describe(found, isLive, isMoving) {
    LANES.forEach((lane, index) => {
      const { top, height } = this.drawing.places.lanes[lane];
      const { style } = /** @type {HTMLElement} */ (this.names.children[index]);
      style.top = `${top}px`;
      style.height = `${height}px`;
    });
    this.tools.showFollowing(isLive, this.isFollowing);
    this.tools.showFound(this.found);
    this.pane.show(this.chosen);
    const { until } = this.view;
    if (isMoving && this.isFollowing && until - this.#listedAt < LIST_STEP) return;
    this.#listedAt = until;
    this.pane.writeList(found);
  }

  /** @param {Element | null} element */
  #choose(element) {
    const shape = element && this.drawing.shapeOf(element);
    this.chosen = shape?.item ?? null;
    const margin = shape ? Math.max((shape.to - shape.from) * 0.1, 0.01) : 0;
    if (shape && !shape.item) this.show(shape.from - margin, shape.to + margin);
    this.clock.ask();
  }

  /** Choose the next event in view, or the one before. @param {number} step */
  #stepEvent(step) {
    const element = this.drawing.neighbour(this.chosen?.id ?? "", step);
    element?.focus({ preventScroll: true });
    if (element) this.#choose(element);
  }

  /** @param {any} item What was found, or null. */
  #show(item) {
    if (item) this.#reveal(item);
    this.clock.ask();
  }

  /** Choose an event, and bring it into view. @param {any} item */
  #reveal(item) {
    const { view } = this;
    const at = startOf(item);
    const span = Math.min(view.span, Math.max(CLOSE, ((item.to ?? at) - at) * 1.5));
    const isSeen = at >= view.from && at <= view.to && span === view.span;
    this.#move(() => isSeen || view.show(at - span / 3, at + (span * 2) / 3));
    this.chosen = item;
  }
}
