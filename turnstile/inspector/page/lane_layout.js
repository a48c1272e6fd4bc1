// Where the three lanes, their rows and their marks stand, from top to bottom.
// @ts-check

export const LANES = /** @type {const} */ (["client", "gate", "upstream"]);
export const AXIS_HEIGHT = 30;
/** More rows than these are drawn in the last one. */
export const MOST_ROWS = 8;
/** The height of a bar, in pixels; those of the gate hold two lines. */
export const BAR_HEIGHTS = { client: 24, gate: 38, upstream: 24 };

const ROW_GAP = 5;
const PADDING = 9;
const HEAD = 18; // the lane's name, where it stands within the lane
const FRAMES = 22;
const NOTES = 20;
const GAPS = 18;

// Frames stand at the side of the gate, through which they go.
const OF_CLIENT = /** @type {const} */ (["rows", "gaps", "frames"]);
const OF_OTHERS = /** @type {const} */ (["frames", "notes", "rows"]);

/**
 * @typedef {object} LanePlace
 * @property {number} top
 * @property {number} height
 * @property {number} rows Where the first row begins.
 * @property {number} rowHeight
 * @property {number} gaps The middle of the row in which the time to first audio is measured.
 * @property {number} notes The middle of the row of notable marks.
 * @property {number} frames The middle of the row of frames.
 * @property {number} quiet Of frames that only repeat what others show.
 * @property {number} edge Where an arrow from this lane to the gate begins.
 */

/**
 * Place the lanes.
 * @param {Record<string, number[]>} rows The rows of each lane that have bars.
 * @param {Record<string, boolean>} notes Whether each lane has notable marks.
 * @param {boolean} isNarrow The lanes' names stand within them, not at their left.
 * @returns {{lanes: Record<string, LanePlace>, height: number}}
 */
export function placeLanes(rows, notes, isNarrow) {
  /** @type {Record<string, LanePlace>} */
  const lanes = {};
  let top = AXIS_HEIGHT;
  for (const lane of LANES) {
    lanes[lane] = placeLane(lane, top, Math.max(rows[lane].length, 1), notes[lane], isNarrow ? HEAD : PADDING);
    top += lanes[lane].height;
  }
  return { lanes, height: top };
}

/**
 * @param {"client" | "gate" | "upstream"} lane
 * @param {number} top
 * @param {number} rows
 * @param {boolean} hasNotes
 * @param {number} padding Above its first part.
 * @returns {LanePlace}
 */
function placeLane(lane, top, rows, hasNotes, padding) {
  const rowHeight = BAR_HEIGHTS[lane] + ROW_GAP;
  const heights = {
    frames: lane === "gate" ? 0 : FRAMES,
    notes: hasNotes && lane !== "client" ? NOTES : 0,
    rows: rows * rowHeight - ROW_GAP + 4,
    gaps: lane === "client" ? GAPS : 0,
  };
  const order = lane === "client" ? OF_CLIENT : OF_OTHERS;
  const starts = { frames: 0, notes: 0, rows: 0, gaps: 0 };
  let y = top + padding;
  for (const part of order) {
    starts[part] = y;
    y += heights[part];
  }
  const frames = starts.frames + 8;
  return {
    top,
    height: y + PADDING - 3 - top,
    rows: starts.rows,
    rowHeight,
    gaps: starts.gaps + GAPS / 2 - 1,
    notes: lane === "client" ? starts.gaps + GAPS / 2 - 1 : starts.notes + NOTES / 2 - 2,
    frames,
    quiet: frames + 11,
    edge: lane === "gate" ? top + 2 : frames,
  };
}
