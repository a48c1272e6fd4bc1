// Server-sent events, in pieces of any length.
import assert from "node:assert/strict";
import test from "node:test";
import { EventParser, readEvents } from "../../../turnstile/inspector/page/event_reader.js";

const STREAM =
  ': on\n\nid: 1\ndata: {"at": 1, "type": "é: x"}\n\n: still here\n\nid: 2\ndata: no JSON\n\n' +
  "id: 3\ndata: [2]\n\nevent: end\ndata: {}\n\n";

function parsed(pieces) {
  const lines = [];
  const events = new EventParser((line, text) => lines.push([line, text]));
  for (const piece of pieces) events.add(piece);
  return { lines, isEnded: events.isEnded };
}

test("each line of the journal is told once, with its JSON, however the stream is cut", () => {
  const lines = [[{ at: 1, type: "é: x" }, '{"at": 1, "type": "é: x"}'], [[2], "[2]"]];
  for (const size of [1, 2, 7, STREAM.length]) {
    const pieces = STREAM.match(new RegExp(`.{1,${size}}`, "gs"));
    assert.deepEqual(parsed(pieces), { lines, isEnded: true });
  }
});

test("a stream that is cut off has not ended, and its last half line is not told", () => {
  assert.deepEqual(parsed(['data: {"at": 1}\n\ndata: {"at"']), { lines: [[{ at: 1 }, '{"at": 1}']], isEnded: false });
});

test("a body is read as UTF-8, and each of its pieces is a sign of life", async () => {
  const bytes = new TextEncoder().encode(STREAM);
  const body = new Blob([bytes.slice(0, 33), bytes.slice(33)]).stream();
  const lines = [];
  let signs = 0;
  assert.equal(await readEvents(body, { onLine: (line) => lines.push(line), onByte: () => (signs += 1) }), true);
  assert.deepEqual(lines, [{ at: 1, type: "é: x" }, [2]]);
  assert.ok(signs > 0);
});
