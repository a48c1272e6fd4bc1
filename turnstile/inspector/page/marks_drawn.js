// The signs of marks: frames as arrowheads in their direction, notable ones in forms and colours of their own.
// @ts-check

/** What each kind of notable mark is drawn as, around 0,0, within 14 pixels. */
const SIGNS = {
  collision: "M-5-5L5 5M5-5L-5 5",
  repair: "M-5.5 0.5L-1.5 4.5L5.5-4.5",
  "link-opened": "M0-5A5 5 0 1 1-0.01-5Z",
  "link-lost": "M0-5.5A5.5 5.5 0 1 1-0.01-5.5ZM-3.9 3.9L3.9-3.9",
  "link-renewed": "M4.6-2.4A5.2 5.2 0 1 0 5.2 1M5.4-6V-2.2H1.6",
  refused: "M0-6L6.2 5H-6.2ZM0-2.2V1.2M0 3V3.2",
  closed: "M-4.5-4.5H4.5V4.5H-4.5Z",
  lost: "M-5-5V5M-1.7-5V-2M-1.7 2V5M1.7-5V-2M1.7 2V5M5-5V5",
  end: "M-4-6V6M4-6V6",
};

/** The kinds of marks that stand in a row of their own, with their words beside them. */
export const NOTABLE = new Set(Object.keys(SIGNS));

/** Across all lanes a thin line shows when these happened. */
export const ACROSS = new Set(["collision", "link-lost", "link-renewed", "end"]);

/**
 * The path of a mark.
 * @param {string} kind
 * @param {string} lane
 * @param {string} [way] `in`: towards the proxy, `out`: from it.
 * @returns {string}
 */
export function signOf(kind, lane, way) {
  const sign = SIGNS[/** @type {keyof SIGNS} */ (kind)];
  if (sign) return sign;
  // The client's lane is above the gate, upstream's below.
  const isDown = (way === "in") === (lane === "client");
  return isDown ? "M-4.2-3.4H4.2L0 4.4Z" : "M-4.2 3.4H4.2L0-4.4Z";
}
