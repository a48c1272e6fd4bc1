// The model's bounds: any line is taken, much is found quickly, and the oldest lines go.

import assert from "node:assert/strict";
import { test } from "node:test";

import { decision, drawn, head, held, linesOf, noted, timelineOf, upstream } from "./lines.mjs";

/** A session in which a message is held for each response, of so many lines. */
function* long(lines) {
  yield head();
  for (let turn = 0, count = 1; count < lines; turn += 1) {
    const at = turn / 2;
    const response = `resp_${turn}`;
    yield upstream(at, "response.created", { response_id: response, conversation_id: "c" });
    const asked = { "!": "ConfigRequested", ref: turn, message: "UpdatePrompt" };
    yield decision(at + 0.1, asked, [held([turn], "response")]);
    for (let piece = 0; piece < 5; piece += 1) yield upstream(at + 0.2, "response.output_text.delta", {});
    yield upstream(at + 0.4, "response.done", { response_id: response, status: "completed" });
    const released = [noted("released", `#${turn}`)];
    yield decision(at + 0.41, { "!": "ResponseFinished", response_id: response }, released);
    yield { at: at + 0.3, wire: "client", way: "out", until: at + 0.39, audio: 480, frames: 3 };
    count += 10;
  }
}

test("a window of a session of 100,000 lines is found by looking at few of its elements", () => {
  const timeline = timelineOf(long(100_000));
  assert.ok(timeline.count >= 100_000);
  const { spans, marks } = timeline.within(2500, 2502);
  assert.equal(spans.filter(({ kind }) => kind === "hold").length, 4);
  assert.equal(marks.length, 29);
  assert.ok(timeline.looks < 400, `${timeline.looks} looks`);
});

test("a bar that lasts through a session is found in each window of it, without looking at those before", () => {
  const forever = decision(0, { "!": "ConfigRequested", ref: -1, message: "UpdatePrompt" }, [held([-1], "back-off")]);
  const [first, ...rest] = long(20_000);
  const timeline = timelineOf([first, forever, ...rest]);
  const { spans } = timeline.within(900, 900.05);
  assert.deepEqual(spans.filter(({ kind }) => kind === "hold").map(({ from, to }) => [from, to]), [[0, null]]);
  assert.ok(timeline.looks < 400, `${timeline.looks} looks`);
});

test("the oldest lines go, with what they made, and what lasts stays", () => {
  const timeline = timelineOf(long(5_000), { limit: 800 });
  assert.ok(timeline.count - timeline.dropped <= 800);
  assert.ok(timeline.count - timeline.dropped > 600);
  const { spans, marks } = timeline.within(0, 1e9);
  assert.ok(marks.every(({ line }) => line >= timeline.dropped));
  assert.ok(spans.every(({ lines }) => lines.at(-1) >= timeline.dropped));
  assert.equal(timeline.line(timeline.dropped - 1), null);
  assert.equal(timeline.line(timeline.count), null);
  assert.equal(timeline.head.session, "s1");
});

test("lines that take much room go before there are many of them", () => {
  const wide = { frame: { type: "x", text: "y".repeat(1000) } };
  const lines = Array.from({ length: 100 }, (_, turn) => upstream(turn, "x", {}, wide));
  const timeline = timelineOf([head(), ...lines], { room: 20_000 });
  assert.ok(timeline.count - timeline.dropped < 20);
});

test("sound is left out of a line's JSON", () => {
  const sound = { at: 1, wire: "client", way: "in", until: 2, audio: 3, frames: 1, pieces: ["AAAA"] };
  assert.match(timelineOf([head(), sound]).line(1).text, /"1 pieces of audio, not shown"/);
});

/** Numbers that look random, and are the same each time. */
function* numbers(seed) {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

const ODD = [
  null, undefined, true, -1, 0.5, 1e308, NaN, "", "x", "<img src=x onerror=alert(1)>", "__proto__", "constructor", "#1",
  [], {}, [[]], { of: "x" }, { of: [null, 7, {}] }, { "!": "text", of: [1, "a"] }, { "!": "__proto__" }, "#", "ts_1 #x",
];

/** Return a value like another, with some of its parts replaced by odd ones. */
function spoiled(value, random) {
  const drawn = random.next().value;
  if (drawn < 0.05) return ODD[Math.floor(random.next().value * ODD.length)];
  if (Array.isArray(value)) return value.map((one) => spoiled(one, random));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(() => random.next().value > 0.03)
      .map(([name, one]) => [random.next().value < 0.02 ? "__proto__" : name, spoiled(one, random)]),
  );
}

test("no line makes it fail, whatever is in it, and what is drawn can be drawn", () => {
  const real = ["gated_text", "ungated_text", "gated_events", "a_lost_link_is_replaced"].map(linesOf);
  for (let seed = 0; seed < 24; seed += 1) {
    const random = numbers(seed);
    const timeline = timelineOf(ODD);
    for (const line of real[seed % real.length]) timeline.add(spoiled(line, random));
    const { spans, marks } = drawn(timeline);
    for (const { from, to, lane, label, detail, lines, row, cause } of spans) {
      assert.ok(Number.isFinite(from) && (to === null || to >= from) && Number.isInteger(row));
      assert.ok(["client", "gate", "upstream"].includes(lane) && lines.every((line) => timeline.line(line)));
      assert.deepEqual([typeof label, typeof detail], ["string", "string"]);
      assert.ok(cause === null || (Number.isFinite(cause.at) && timeline.line(cause.line)));
    }
    for (const { at, label, detail, line } of marks) {
      assert.ok(Number.isFinite(at) && timeline.line(line));
      assert.deepEqual([typeof label, typeof detail], ["string", "string"]);
    }
    assert.ok(Number.isFinite(timeline.until) && Array.isArray(timeline.find("x")));
  }
});

test("bars of one row never overlap, however many there are at once, and all are found", () => {
  const random = numbers(7);
  const lines = [head()];
  for (let ref = 0; ref < 200; ref += 1) {
    lines.push(decision(random.next().value * 10, {}, [held([ref], "turn")]));
    if (ref % 2) lines.push(decision(random.next().value * 10 + 5, {}, [noted("released", `#${ref}`)]));
  }
  const timeline = timelineOf(lines);
  const { of } = drawn(timeline);
  assert.equal(of("hold").length, 200);
  const crowded = timeline.rows("gate") - 1;
  const ends = new Map();
  for (const { row, from, to } of of("hold").filter((hold) => hold.row < crowded)) {
    assert.ok((ends.get(row) ?? 0) <= from, `row ${row} at ${from}`);
    ends.set(row, to ?? Infinity);
  }
  assert.equal(ends.size, crowded);
});

test("what is drawn of a line is short, however long the line's texts are", () => {
  const long = "y".repeat(100_000);
  const ids = { response_id: long, event_id: long, item_id: long, code: long, about: long, status: long, reason: long };
  const types = ["response.created", "response.done", "error", "session.created", "session.updated", long];
  const frames = types.map((type) => upstream(1, type, ids));
  const update = upstream(0.5, "session.update", { event_id: long }, { way: "out" });
  const asked = { "!": "ConfigRequested", ref: 1, message: long };
  const effects = [held([1], long, long), noted("collided", long), noted("merged", `${long} #1`), noted(long, long)];
  const decisions = [decision(2, asked, effects), decision(3, { "!": "LinkLost", code: long, description: long })];
  const notes = ["closed", "took over", long].map((note) => ({ at: 4, wire: "upstream", note, detail: long, link: 1 }));
  const client = { at: 4, wire: "client", note: long, detail: long };
  const end = { at: 5, end: { code: 1000, reason: long, by: long } };
  const { spans, marks } = drawn(timelineOf([head(), update, ...frames, ...decisions, ...notes, client, end]));
  for (const { label, detail, outcome = "" } of [...spans, ...marks]) {
    assert.ok(`${label}${detail}${outcome}`.length < 1500, `${label.length} ${detail.length} ${outcome.length}`);
  }
});
