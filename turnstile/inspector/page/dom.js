// Elements of the document. What is shown comes from clients: it is always text, never markup.

/**
 * Make an element.
 * @param {string} name Its tag.
 * @param {Record<string, string | number | boolean | ((event: any) => void)>} attributes By name; a function listens to
 *   the event of that name, and true and false say whether an attribute is there.
 * @param {...(Node | string)} children Nodes, and texts.
 * @returns {HTMLElement}
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (typeof value === "boolean") made.toggleAttribute(key, value);
    else made.setAttribute(key, String(value));
  }
  made.append(...children);
  return made;
}

/**
 * Change the text of an element, if it is another: what stays is not drawn, nor read aloud, again.
 * @param {Element} shown
 * @param {string} text
 */
export function setText(shown, text) {
  if (shown.textContent !== text) shown.textContent = text;
}
