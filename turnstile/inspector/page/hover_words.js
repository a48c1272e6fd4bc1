// The words of what the mouse is over, which a narrow bar has no room for.
// @ts-check

import { html, write } from "./svg.js";

const GAP = 12; // pixels between the pointer and its words

/** Words beside the mouse; keys and screen readers have them as the label of each element. */
export class HoverWords {
  /**
   * @param {HTMLElement} frame What the words stay within.
   * @param {SVGElement} drawing
   */
  constructor(frame, drawing) {
    this.frame = frame;
    this.root = html("div", { class: "hover-words", "aria-hidden": "true", hidden: "" });
    frame.append(this.root);
    drawing.addEventListener("pointermove", (event) => this.#show(event));
    for (const name of ["pointerleave", "pointerdown"]) drawing.addEventListener(name, () => this.hide());
  }

  /** Show no words. */
  hide() {
    this.root.hidden = true;
  }

  /** @param {PointerEvent} event */
  #show(event) {
    const shape = /** @type {Element} */ (event.target).closest("[data-lane] [data-kind]");
    const words = shape?.getAttribute("aria-label");
    if (!words || event.pointerType !== "mouse" || event.buttons) return this.hide();
    write(this.root, words);
    this.root.hidden = false;
    const box = this.frame.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const { style } = this.root;
    // On the side where there is more room.
    style.left = x < box.width / 2 ? `${x + GAP}px` : "auto";
    style.right = x < box.width / 2 ? "auto" : `${box.width - x + GAP}px`;
    style.top = y < box.height / 2 ? `${y + GAP}px` : "auto";
    style.bottom = y < box.height / 2 ? "auto" : `${box.height - y + GAP}px`;
  }
}
