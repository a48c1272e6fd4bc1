// The spans and marks of a timeline in order of time, found by binary search.

// How many rows of a lane hold spans that do not overlap; what finds no room in them is in one more.
const ROWS = 32;
const LANES = ["client", "gate", "upstream"];

/**
 * Return the first place in an ordered list whose value is not below `wanted`.
 *
 * @param {Array<object>} list In order of `value`.
 * @param {number} wanted A moment, in seconds.
 * @param {(one: object) => number} value What the list is ordered by.
 * @param {{looks: number}} [work] Counts what is looked at.
 */
export function firstFrom(list, wanted, value, work = { looks: 0 }) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    work.looks += 1;
    if (value(list[middle]) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

const begin = (span) => span.from;
const finish = (span) => span.to ?? Infinity;
const moment = (mark) => mark.at;
// Behind all of the same moment.
const behind = (time) => time + 1e-9;

function insert(list, one, value) {
  const last = list[list.length - 1];
  if (last === undefined || value(last) <= value(one)) list.push(one);
  else list.splice(firstFrom(list, behind(value(one)), value), 0, one);
}

/** The rows of one lane: spans in the same row do not overlap, so that their ends are in order, too. */
class Lane {
  constructor() {
    this.rows = [];
    this.crowded = [];
  }

  /** Put a span into the first row with room for it, from `lowest` on. */
  place(span, lowest) {
    for (let row = lowest; row < ROWS; row += 1) {
      while (this.rows.length <= row) this.rows.push([]);
      const spans = this.rows[row];
      const place = firstFrom(spans, behind(span.from), finish);
      if (place === spans.length || spans[place].from >= finish(span)) {
        spans.splice(place, 0, span);
        span.row = row;
        return;
      }
    }
    span.row = ROWS;
    insert(this.crowded, span, begin);
  }

  remove(span) {
    const spans = span.row === ROWS ? this.crowded : this.rows[span.row];
    let place = firstFrom(spans, span.from, begin);
    while (place < spans.length && spans[place] !== span) place += 1;
    if (place < spans.length) spans.splice(place, 1);
  }

  /** Whether a span could last until `to` in its row. */
  hasRoom(span, to) {
    if (span.row === ROWS) return true;
    const spans = this.rows[span.row];
    const next = spans[firstFrom(spans, behind(span.from), begin)];
    return next === undefined || next.from >= to;
  }

  within(from, to, found, work) {
    for (const spans of this.rows) {
      for (let place = firstFrom(spans, from, finish, work); place < spans.length; place += 1) {
        work.looks += 1;
        if (spans[place].from > to) break;
        found.push(spans[place]);
      }
    }
    for (const span of this.crowded) {
      work.looks += 1;
      if (span.from <= to && finish(span) >= from) found.push(span);
    }
  }

  *all() {
    for (const spans of this.rows) yield* spans;
    yield* this.crowded;
  }

  forget(isOver) {
    const isKept = (span) => !isOver(span);
    this.rows = this.rows.map((spans) => spans.filter(isKept));
    this.crowded = this.crowded.filter(isKept);
  }
}

/** The spans and marks of one timeline. */
export class Elements {
  #lanes = Object.fromEntries(LANES.map((lane) => [lane, new Lane()]));
  #marks = [];
  #count = 0;

  /** What the last `within` looked at. */
  looks = 0;

  /**
   * Add a span.
   *
   * @param {object} span What of it is known: `lane`, `kind`, `from` and `line` at least.
   * @param {number} lowest The first row that it may be in.
   */
  span({ line, ...known }, lowest = 0) {
    this.#count += 1;
    const id = `${known.kind} ${this.#count}`;
    const span = { id, to: null, label: "", detail: "", row: 0, lines: [line], cause: null, ...known };
    this.#lanes[span.lane].place(span, lowest);
    return span;
  }

  /** End a span, or have it end later than it did. */
  end(span, at, line = null) {
    const to = Math.max(at, span.from);
    const lane = this.#lanes[span.lane];
    if (lane.hasRoom(span, to)) span.to = to;
    else {
      lane.remove(span);
      span.to = to;
      lane.place(span, span.row);
    }
    if (line !== null) note(span, line);
  }

  /** Have a span last again that was over. */
  reopen(span) {
    const lane = this.#lanes[span.lane];
    const isAlone = lane.hasRoom(span, Infinity);
    if (!isAlone) lane.remove(span);
    span.to = null;
    if (!isAlone) lane.place(span, span.row);
  }

  /** Put a span into another row, from `lowest` on. */
  move(span, lowest) {
    this.#lanes[span.lane].remove(span);
    this.#lanes[span.lane].place(span, lowest);
  }

  /** Add a mark: `lane`, `kind`, `at`, `label`, `detail` and `line`. */
  mark(mark) {
    this.#count += 1;
    const made = { id: `${mark.kind} ${this.#count}`, detail: "", ...mark };
    insert(this.#marks, made, moment);
    return made;
  }

  /** Return what touches a window of time. */
  within(from, to) {
    const work = { looks: 0 };
    const spans = [];
    for (const lane of LANES) this.#lanes[lane].within(from, to, spans, work);
    spans.sort((one, other) => one.from - other.from);
    const first = firstFrom(this.#marks, from, moment, work);
    const marks = this.#marks.slice(first, firstFrom(this.#marks, behind(to), moment, work));
    this.looks = work.looks + marks.length;
    return { spans, marks };
  }

  /** Return all spans that have no end yet. */
  open() {
    return this.#spans().filter((span) => span.to === null);
  }

  /** Return all of them for which `fits` is true, in order of time. */
  matching(fits) {
    const time = (one) => one.at ?? one.from;
    return [...this.#spans(), ...this.#marks].filter(fits).sort((one, other) => time(one) - time(other));
  }

  /** How many rows a lane has. */
  rows(lane) {
    const { rows, crowded } = this.#lanes[lane];
    return crowded.length ? ROWS + 1 : rows.length;
  }

  /** Forget what came before a line: marks, and the spans that are over. */
  forget(line) {
    this.#marks = this.#marks.filter((mark) => mark.line >= line);
    const isOver = (span) => span.to !== null && span.lines[span.lines.length - 1] < line;
    for (const lane of LANES) this.#lanes[lane].forget(isOver);
  }

  #spans() {
    return LANES.flatMap((lane) => [...this.#lanes[lane].all()]);
  }
}

const LINES = 64;

/** Note one more line that made a span. */
export function note(span, line) {
  if (span.lines.length >= LINES) span.lines.pop();
  span.lines.push(line);
}
