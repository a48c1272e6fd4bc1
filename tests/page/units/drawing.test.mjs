// What the drawing shows of a window of time: where it moves to, what is merged in it, and how its times are written.

import assert from "node:assert/strict";
import { test } from "node:test";

import { shapesOf, wordsOf } from "../../../turnstile/inspector/page/shapes.js";
import { axisLabel, axisTimes, duration } from "../../../turnstile/inspector/page/time_axis.js";
import { TimeWindow } from "../../../turnstile/inspector/page/time_window.js";

const RESPONSE = { lane: "upstream", kind: "response", row: 0, lines: [], cause: null };
const span = (known) => ({ ...RESPONSE, label: known.id, ...known });
const frame = (id, at, known) => ({ id, lane: "upstream", kind: "frame", at, label: id, line: at, ...known });

/** A window that shows all of so many seconds in 1000 pixels. */
function windowOf(seconds) {
  const view = new TimeWindow();
  view.until = seconds;
  view.resize(1000);
  view.fit();
  return view;
}

test("zooming keeps the moment under the pointer where it is", () => {
  const view = windowOf(100);
  const at = view.at(300);
  view.zoom(4, at);
  assert.ok(Math.abs(view.x(at) - 300) < 1e-6);
});

test("a window does not leave the session, nor does it become longer than that", () => {
  const view = windowOf(100);
  view.show(40, 50);
  view.pan(-1000);
  assert.ok(view.from > -1 && view.from <= 0);
  view.pan(1000);
  assert.ok(view.from < 100);
  view.zoom(1e-6, 50);
  assert.ok(view.span <= 130);
});

test("what is asked for is shown from its beginning, also where the first line came later", () => {
  const view = windowOf(100);
  view.since = 5;
  view.show(0, 20);
  assert.deepEqual([view.from, view.to], [0, 20]);
});

test("the newest stands still at its place while it is followed", () => {
  const view = windowOf(100);
  view.show(80, 90);
  view.follow(100, false);
  const place = view.x(100);
  view.follow(101.5, false);
  assert.ok(Math.abs(view.x(101.5) - place) < 1e-6);
});

test("without motion the window stands still until the newest would leave it, then goes on by a page", () => {
  const view = windowOf(100);
  view.show(90, 100);
  view.follow(99, true);
  const { from } = view;
  view.follow(99.5, true);
  assert.equal(view.from, from);
  view.follow(100.5, true);
  assert.ok(view.from > from + 3);
});

test("a young session is shown close, and twice as much each time that it has outgrown that", () => {
  const view = new TimeWindow();
  view.resize(1000);
  const spans = [0.5, 1.5, 2.5, 60].map((until) => {
    view.until = until;
    view.liveScale();
    return view.span;
  });
  assert.deepEqual(spans, [2, 2, 4, 16]);
});

test("narrow neighbours are one shape that says how many they are, and a long one stays alone", () => {
  const spans = [0, 1, 2].map((from) => span({ id: `short ${from}`, from, to: from + 0.5 }));
  spans.push(span({ id: "long", from: 3, to: 60 }));
  const shapes = shapesOf({ spans, marks: [] }, 1, 60);
  assert.deepEqual(shapes.map(({ count, item }) => [count, item?.id]), [[3, undefined], [1, "long"]]);
  assert.equal(wordsOf(shapes[0]), "3 responses, 0.000 s to 2.500 s");
});

test("what is merged of several kinds has the colour of the longest, and is called events", () => {
  const spans = [span({ id: "r", from: 0, to: 0.5 }), span({ id: "u", kind: "update", from: 0.6, to: 0.7 })];
  const [shape] = shapesOf({ spans, marks: [] }, 1, 60);
  assert.deepEqual([shape.kind, shape.isMixed], ["response", true]);
  assert.equal(wordsOf(shape), "2 events, 0.000 s to 0.700 s");
});

test("a frame that let a request go is not merged with the others", () => {
  const cause = { lane: "upstream", at: 5, line: 5 };
  const hold = span({ id: "h", lane: "gate", kind: "hold", from: 0, to: 5, cause });
  const marks = [frame("a", 4), frame("b", 4.5), frame("c", 5)];
  const shapes = shapesOf({ spans: [hold], marks }, 2, 60).filter(({ type }) => type === "mark");
  assert.deepEqual(shapes.map(({ count, isCause }) => [count, isCause]), [[2, false], [1, true]]);
});

test("however much there is, there are only so many shapes, and they stand for all of it", () => {
  const spans = Array.from({ length: 30_000 }, (_, n) => span({ id: `s${n}`, from: n, to: n + 0.5, row: n % 7 }));
  const marks = Array.from({ length: 30_000 }, (_, n) => frame(`m${n}`, n, { isQuiet: n % 2 === 0 }));
  const shapes = shapesOf({ spans, marks }, 1000 / 30_000, 30_000);
  assert.ok(shapes.length <= 220);
  assert.equal(shapes.reduce((sum, { count }) => sum + count, 0), 60_000);
});

test("a span that lasts is drawn until now", () => {
  const [shape] = shapesOf({ spans: [span({ id: "r", from: 1, to: null })], marks: [] }, 100, 7);
  assert.deepEqual([shape.to, shape.isOpen], [7, true]);
  assert.equal(wordsOf(shape), "r, since 1.000 s");
});

test("the axis has round times that are far enough apart, in seconds, and of a long session in minutes", () => {
  assert.deepEqual(axisTimes(0, 10, 1000), { step: 1, times: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10] });
  assert.equal(axisTimes(-1, 1, 500).times[0], 0);
  assert.equal(axisTimes(0, 3600, 1000).step, 600);
  assert.deepEqual([axisLabel(0.25, 0.05), axisLabel(90, 30), axisLabel(3725, 5)], ["0.25 s", "90 s", "1:02:05"]);
  assert.deepEqual([duration(0.0124), duration(2.5), duration(75)], ["12 ms", "2.50 s", "1:15"]);
});
