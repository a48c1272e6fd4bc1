// A long list, of which only the rows in sight, and a few around them, are in the document.

/** Rows above and below those in sight, so that the next ones are there before they are scrolled to. */
const AROUND = 8;

/**
 * @template Item
 */
export class WindowedRows {
  #parent;
  #options;
  #items = [];
  #rows = new Map();
  #height = 0;
  #frame = 0;

  /**
   * @param {HTMLElement} parent Holds the rows; they stand at places of their own in it.
   * @param {object} options
   * @param {(item: Item) => string} options.keyOf Names an item.
   * @param {() => HTMLElement} options.make Makes an empty row; its first link is what the keyboard goes to.
   * @param {(row: HTMLElement, item: Item) => void} options.update Writes an item into a row, where it has changed.
   */
  constructor(parent, options) {
    this.#parent = parent;
    this.#options = options;
    parent.addEventListener("keydown", this.#move);
    addEventListener("scroll", this.#later, { passive: true });
    addEventListener("resize", this.#resized);
  }

  /**
   * Show these items, in this order.
   * @param {Item[]} items
   */
  show(items) {
    this.#items = items;
    this.#draw();
  }

  /** Remove all that is around the rows. */
  destroy() {
    cancelAnimationFrame(this.#frame);
    this.#parent.removeEventListener("keydown", this.#move);
    removeEventListener("scroll", this.#later);
    removeEventListener("resize", this.#resized);
  }

  #later = () => {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#draw());
  };

  #resized = () => {
    this.#height = 0;
    this.#later();
  };

  #draw() {
    // An empty list is hidden: no row has a height there.
    const height = `${this.#items.length && this.#items.length * this.#rowHeight()}px`;
    if (this.#parent.style.height !== height) this.#parent.style.height = height;
    const [first, last] = this.#inSight();
    const focused = this.#parent.contains(document.activeElement) ? document.activeElement : null;
    const wanted = new Map();
    this.#items.forEach((item, index) => {
      const key = this.#options.keyOf(item);
      const isFocused = focused !== null && this.#rows.get(key)?.row.contains(focused);
      if ((index >= first && index < last) || isFocused) wanted.set(key, index);
    });
    for (const [key, { row }] of this.#rows) {
      if (wanted.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    let before = this.#parent.firstElementChild;
    for (const [key, index] of wanted) {
      const row = this.#place(key, index);
      if (row === before) before = before.nextElementSibling;
      else this.#parent.insertBefore(row, before);
    }
  }

  /** Return the row of an item at its place; written only if something has changed, since scrolling changes nothing. */
  #place(key, index) {
    const item = this.#items[index];
    const placed = this.#rows.get(key) ?? { row: this.#options.make(), item: null, top: -1 };
    this.#rows.set(key, placed);
    if (placed.item !== item) this.#options.update(placed.row, item);
    const top = index * this.#height;
    if (placed.top !== top) {
      placed.row.style.transform = `translateY(${top}px)`;
      placed.row.setAttribute("aria-rowindex", String(index + 2));
    }
    Object.assign(placed, { item, top });
    return placed.row;
  }

  /** Return how high a row is, as its style has it at this width. */
  #rowHeight() {
    if (this.#height === 0) {
      const row = this.#options.make();
      this.#parent.append(row);
      this.#height = row.getBoundingClientRect().height || 1;
      row.remove();
    }
    return this.#height;
  }

  #inSight() {
    const { top } = this.#parent.getBoundingClientRect();
    const first = Math.floor(-top / this.#height) - AROUND;
    return [Math.max(0, first), Math.ceil((innerHeight - top) / this.#height) + AROUND];
  }

  /** Go to another row by the keyboard. */
  #move = (event) => {
    const at = this.#items.findIndex((item) => this.#rowOf(item)?.contains(event.target));
    const last = this.#items.length - 1;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: last }[event.key];
    if (at < 0 || to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.#focus(Math.min(last, Math.max(0, to)));
  };

  #focus(index) {
    const top = this.#parent.getBoundingClientRect().top + index * this.#height;
    const margin = 2 * this.#height; // what sticks to the top of the window
    if (top < margin) scrollBy(0, top - margin);
    else if (top + margin > innerHeight) scrollBy(0, top + margin - innerHeight);
    this.#draw();
    this.#rowOf(this.#items[index])?.querySelector("a")?.focus({ preventScroll: true });
  }

  #rowOf(item) {
    return this.#rows.get(this.#options.keyOf(item))?.row;
  }
}
