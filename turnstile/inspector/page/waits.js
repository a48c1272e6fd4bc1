// What a held request waits for, in words: those of `turnstile.session.waits`, by the word that the journal has.

/** @type {Readonly<Record<string, string>>} */
export const WAITS = Object.freeze({
  link: "the upstream link, which is not open",
  renewal: "another upstream link, which takes over",
  response: "the end of a response",
  create: "the response that was asked for to begin",
  turn: "the end of the user's turn, and the response to it",
  update: "upstream's answer to a session.update",
  configuration: "the configuration to be in force",
  items: "items on their way into the conversation",
  "back-off": "the next try, since upstream has refused or failed one",
  capacity: "others of its kind, since as many are under way as may be",
});

/**
 * Return what a reason of the journal's waits for, in words.
 *
 * @param {string} waits The kind of thing, such as `response`.
 * @param {string} which Its id; "" where it has none.
 */
export function waitInWords(waits, which) {
  const words = Object.hasOwn(WAITS, waits) ? WAITS[waits] : waits || "a reason that is not shown";
  return which ? `${words} (${which.replace(/^\(|\)$/g, "")})` : words;
}
