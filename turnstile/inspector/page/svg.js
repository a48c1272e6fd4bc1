// SVG elements: made once, changed only where a value differs, and texts cut to a width without asking for a layout.
// @ts-check

const NAMESPACE = "http://www.w3.org/2000/svg";
const WIDTHS_KEPT = 4000;

/** @type {WeakMap<Element, Record<string, string>>} What each element was last given. */
const given = new WeakMap();
/** @type {Map<string, number>} */
const widths = new Map();
/** @type {CanvasRenderingContext2D | null} */
let measure = null;
let family = "";

/**
 * Make an SVG element.
 * @param {string} name
 * @param {Record<string, string | number | null>} [attributes]
 * @param {Element[]} [children]
 * @returns {SVGElement}
 */
export function svg(name, attributes = {}, children = []) {
  const element = /** @type {SVGElement} */ (document.createElementNS(NAMESPACE, name));
  set(element, attributes);
  element.append(...children);
  return element;
}

/**
 * Make an HTML element.
 * @param {string} name
 * @param {Record<string, string | number | null>} [attributes]
 * @param {(Node | string)[]} [children]
 * @returns {HTMLElement}
 */
export function html(name, attributes = {}, children = []) {
  const element = document.createElement(name);
  set(element, attributes);
  element.append(...children);
  return element;
}

/**
 * Give an element attributes; null takes one away, and one that it has already is not touched.
 * @param {Element} element
 * @param {Record<string, string | number | null>} attributes
 */
export function set(element, attributes) {
  let last = given.get(element);
  if (!last) given.set(element, (last = {}));
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null) {
      if (name in last) element.removeAttribute(name);
      delete last[name];
    } else if (last[name] !== String(value)) {
      last[name] = String(value);
      element.setAttribute(name, last[name]);
    }
  }
}

/**
 * Give an element its text, which is never read as markup.
 * @param {Element} element
 * @param {string} text
 */
export function write(element, text) {
  let last = given.get(element);
  if (!last) given.set(element, (last = {}));
  if (last["#text"] === text) return;
  last["#text"] = text;
  element.textContent = text;
}

/**
 * The width of a text in CSS pixels.
 * @param {string} text
 * @param {number} size Of the font, in CSS pixels.
 * @param {number} [weight]
 * @returns {number}
 */
export function textWidth(text, size, weight = 400) {
  const key = `${size} ${weight} ${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    measure ??= document.createElement("canvas").getContext("2d");
    family ||= getComputedStyle(document.body).fontFamily || "sans-serif";
    if (!measure) return text.length * size * 0.6;
    measure.font = `${weight} ${size}px ${family}`;
    width = measure.measureText(text).width;
    if (widths.size > WIDTHS_KEPT) widths.clear();
    widths.set(key, width);
  }
  return width;
}

/**
 * Cut a text to a width, with an ellipsis; "" where not even three letters fit.
 * @param {string} text
 * @param {number} room In CSS pixels.
 * @param {number} size Of the font, in CSS pixels.
 * @param {number} [weight]
 * @returns {string}
 */
export function cutText(text, room, size, weight = 400) {
  const width = textWidth(text, size, weight);
  if (width <= room) return text;
  const letters = [...text];
  let kept = Math.min(letters.length, Math.floor((letters.length * room) / width));
  for (; kept >= 3; kept -= 1) {
    const cut = `${letters.slice(0, kept - 1).join("").replace(/[\s.,(]+$/, "")}…`;
    if (textWidth(cut, size, weight) <= room) return cut;
  }
  return "";
}
