// Reads the lines that the tests are fed with, which pytest writes: real ones of the demo's conversation.

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Timeline } from "../../../turnstile/inspector/page/timeline.js";

const ROOM = process.env.TURNSTILE_LINES ?? ".";

/** Return the lines of a session, parsed. */
export function linesOf(name) {
  return readFileSync(join(ROOM, `${name}.jsonl`), "utf8").trim().split("\n").map((line) => JSON.parse(line));
}

/** Return what pytest has written as JSON. */
export function jsonOf(name) {
  return JSON.parse(readFileSync(join(ROOM, `${name}.json`), "utf8"));
}

/** Return the timeline of some lines. */
export function timelineOf(lines, options) {
  const timeline = new Timeline(options);
  for (const line of lines) timeline.add(line);
  return timeline;
}

/** Return all spans of a kind, and all marks. */
export function drawn(timeline) {
  const { spans, marks } = timeline.within(0, 1e9);
  return { of: (kind) => [...spans, ...marks].filter((one) => one.kind === kind), spans, marks };
}

/** Return the first line of a session. */
export function head(more = {}) {
  return { turnstile: "0.1.0", format: 1, session: "s1", dialect: "component", level: "text", ...more };
}

/** Return a frame of upstream's. */
export function upstream(at, type, ids = {}, more = {}) {
  return { at, wire: "upstream", way: "in", link: 1, type, ids, size: 10, ...more };
}

/** Return a decision. */
export function decision(at, event, effects = []) {
  return { at, event, effects };
}

/** Return a note that requests are held. */
export function held(refs, waits, which = "") {
  return { "!": "Held", refs, reason: { "!": "Reason", waits, which } };
}

/** Return a note of the gate's. */
export function noted(kind, detail) {
  return { "!": "Noted", kind, detail };
}
