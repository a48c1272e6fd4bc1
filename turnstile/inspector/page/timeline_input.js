// What the keyboard, the mouse and fingers ask of a timeline.
// @ts-check

const STEP = 0.12; // of the window, for an arrow key
const ZOOM = 1.5; // for a key
const STILL = 5; // pixels: less is a click
const NEAR = 16; // pixels: a finger need not hit a mark more exactly

/**
 * What a timeline can be asked for.
 * @typedef {object} Moves
 * @property {(windows: number) => void} pan By so many windows.
 * @property {(factor: number, x?: number) => void} zoom Around a place in the drawing, in pixels.
 * @property {(pixels: number) => void} drag
 * @property {(isEnd: boolean) => void} jump To the begin or the end.
 * @property {() => void} fit
 * @property {() => void} follow
 * @property {() => void} focusSearch
 * @property {() => void} focusDrawing
 * @property {(words: string) => void} search
 * @property {(step: number) => void} stepFound
 * @property {(step: number) => void} stepEvent
 * @property {(element: Element | null) => void} choose
 */

/**
 * Take the keys of a timeline; those of its fields and buttons stay theirs.
 * @param {HTMLElement} root
 * @param {Moves} moves
 */
export function takeKeys(root, moves) {
  /** @type {Record<string, () => void>} */
  const keys = {
    ArrowLeft: () => moves.pan(-STEP),
    ArrowRight: () => moves.pan(STEP),
    PageUp: () => moves.pan(-0.9),
    PageDown: () => moves.pan(0.9),
    ArrowUp: () => moves.stepEvent(-1),
    ArrowDown: () => moves.stepEvent(1),
    "+": () => moves.zoom(ZOOM),
    "=": () => moves.zoom(ZOOM),
    "-": () => moves.zoom(1 / ZOOM),
    0: moves.fit,
    Home: () => moves.jump(false),
    End: () => moves.jump(true),
    " ": moves.follow,
    "/": moves.focusSearch,
    n: () => moves.stepFound(1),
    N: () => moves.stepFound(-1),
  };
  root.addEventListener("keydown", (event) => {
    const target = /** @type {Element} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || target.matches("input")) return;
    const isPress = event.key === " " || event.key === "Enter";
    if (isPress && target.matches("[data-kind]")) return press(event, () => moves.choose(target));
    if (isPress && target.matches("button, summary")) return;
    if (target.closest(".timeline-detail") && !["/", "n", "N"].includes(event.key)) return; // it scrolls by itself
    const move = keys[event.key];
    if (move) press(event, move);
  });
}

/** @param {Event} event @param {() => void} move */
function press(event, move) {
  event.preventDefault();
  move();
}

/** The mouse, its wheel, and fingers, on the drawing. */
export class PointerInput {
  /**
   * @param {SVGElement} drawing
   * @param {Moves} moves
   */
  constructor(drawing, moves) {
    this.drawing = drawing;
    this.moves = moves;
    /** @type {Map<number, {x: number, y: number}>} */
    this.down = new Map();
    this.moved = 0;
    drawing.addEventListener("pointerdown", (event) => this.#press(event));
    drawing.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of /** @type {const} */ (["pointerup", "pointercancel"])) {
      drawing.addEventListener(name, (event) => this.#release(event));
    }
    drawing.addEventListener("wheel", (event) => this.#turn(event), { passive: false });
  }

  /** @param {PointerEvent} event */
  #press(event) {
    if (event.button !== 0) return;
    if (this.down.size === 0) this.moved = 0;
    this.down.set(event.pointerId, { x: event.clientX, y: event.clientY });
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const last = this.down.get(event.pointerId);
    if (!last) return;
    const [other] = [...this.down].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    const next = { x: event.clientX, y: event.clientY };
    this.moved += Math.abs(next.x - last.x) + Math.abs(next.y - last.y);
    this.down.set(event.pointerId, next);
    if (this.moved < STILL) return;
    if (!this.drawing.hasPointerCapture(event.pointerId)) this.drawing.setPointerCapture(event.pointerId);
    if (other) {
      const factor = Math.max(Math.abs(next.x - other.x), 20) / Math.max(Math.abs(last.x - other.x), 20);
      this.moves.zoom(factor, (next.x + other.x) / 2 - this.#left());
    }
    this.moves.drag((last.x - next.x) / (other ? 2 : 1));
  }

  /** @param {PointerEvent} event */
  #release(event) {
    const last = this.down.get(event.pointerId);
    this.down.delete(event.pointerId);
    if (!last || event.type === "pointercancel" || this.moved >= STILL || this.down.size) return;
    this.moves.choose(this.#nearest(event));
  }

  /** @param {WheelEvent} event */
  #turn(event) {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.moves.zoom(Math.exp(-event.deltaY / 240), event.clientX - this.#left());
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      this.moves.drag(event.deltaX || event.deltaY);
    }
  }

  /** The mark under a pointer, or near it. @param {PointerEvent} event @returns {Element | null} */
  #nearest(event) {
    const hit = /** @type {Element} */ (event.target).closest("[data-lane] [data-kind]");
    if (hit) return hit;
    let [nearest, least] = [/** @type {Element | null} */ (null), NEAR];
    for (const mark of this.drawing.querySelectorAll("g.mark")) {
      const box = mark.getBoundingClientRect();
      const dx = Math.max(box.left - event.clientX, 0, event.clientX - box.right);
      const dy = Math.max(box.top - event.clientY, 0, event.clientY - box.bottom);
      if (Math.hypot(dx, dy) < least) [nearest, least] = [mark, Math.hypot(dx, dy)];
    }
    return nearest;
  }

  #left() {
    return this.drawing.getBoundingClientRect().left;
  }
}
