// Reading a recorded file: in pieces, whatever is in it, and with what is wrong said in words.

import assert from "node:assert/strict";
import { test } from "node:test";

import { RecordingError, readRecording } from "../../../turnstile/inspector/page/recording_reader.js";
import { Timeline } from "../../../turnstile/inspector/page/timeline.js";
import { drawn, head, linesOf, timelineOf, upstream } from "./lines.mjs";

const END = { at: 9, end: { code: 1000, reason: "", by: "client" }, counts: {} };

/** Read a file of some text; return its timeline, what is wrong with it, and how often there was a pause. */
async function read(text, options = {}) {
  const timeline = new Timeline();
  let pauses = 0;
  const pause = async () => void (pauses += 1);
  const faults = await readRecording(new Blob([text]), timeline, { pause, ...options });
  return { timeline, faults, pauses };
}

const file = (...lines) => lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join("");

test("a recording shows what its lines show", async () => {
  const lines = linesOf("gated_text");
  const { timeline, faults } = await read(file(...lines));
  assert.deepEqual(faults, []);
  assert.deepEqual(drawn(timeline).spans, drawn(timelineOf(lines)).spans);
});

test("a long file is read with a pause after each piece, and letters stay whole across pieces", async () => {
  const words = "é—ß".repeat(60_000);
  const progress = [];
  const given = file(head(), upstream(1, "x", {}, { frame: { type: "x", text: words } }), END);
  const { timeline, faults, pauses } = await read(given, { onProgress: (bytes) => progress.push(bytes) });
  assert.deepEqual(faults, []);
  assert.equal(pauses, Math.ceil(new Blob([given]).size / (256 * 1024)));
  assert.deepEqual(progress.at(-1), new Blob([given]).size);
  assert.ok(timeline.line(1).text.includes("é—ßé—ß") && !timeline.line(1).text.includes("\ufffd"));
});

test("the stream of a session that curl has saved is read, too", async () => {
  const lines = [head(), upstream(1, "error"), END];
  const events = lines.map((line, place) => `id: ${place}\ndata: ${JSON.stringify(line)}\n`);
  const { timeline, faults } = await read(`: the journal\n\n${events.join("\n")}\nevent: end\ndata: {}\n\n`);
  assert.deepEqual([faults, drawn(timeline).of("refused").length, timeline.end.at], [[], 1, 9]);
});

test("a file that is cut is shown up to there", async () => {
  const { timeline, faults } = await read(file(head(), upstream(1, "error")) + '{"at": 2, "wi');
  assert.deepEqual(faults, [
    "Line 3 is cut: the file ends within it.",
    "It has no end: the session ran when this was copied, or its process was killed.",
  ]);
  assert.equal(timeline.count, 2);
});

test("lines that are none are left out, and the first of them is named", async () => {
  const { timeline, faults } = await read(file(head(), "not json", "[1]", upstream(1, "error"), END));
  assert.deepEqual(faults, ["Line 2 is not a JSON object, and is left out. There are 1 more of the kind."]);
  assert.equal(timeline.count, 3);
});

test("lines of other sessions are counted", async () => {
  const { faults } = await read(file(head(), head({ session: "s2" }), { ...END, session: "s2" }, END));
  assert.deepEqual(faults, ["2 lines are of other sessions, and are not shown: this is the first one."]);
});

test("what is no recording is refused with the line and the reason", async () => {
  const refused = [
    ["", /^The file is empty/],
    ["\n\n", /^The file is empty/],
    ["GIF89a", /^Line 1 is not a JSON object/],
    ["\u001f\u008bxyz", /^The file is compressed/],
    [file({ at: 1 }), /^Line 1 does not say whose session it is \("turnstile", "session"\)/],
    [file(head({ format: 2 })), /^Line 1 is of the format 2, and this page reads 1\./],
    [file(head({ format: undefined })), /^Line 1 is of the format \?,/],
  ];
  for (const [text, words] of refused) {
    await assert.rejects(read(text), (error) => error instanceof RecordingError && words.test(error.message));
  }
});

test("reading ends when it is not wanted any more", async () => {
  const wanted = new AbortController();
  const text = file(head(), ...Array.from({ length: 20_000 }, (_, at) => upstream(at, "error")));
  const { timeline, faults, pauses } = await read(text, { signal: wanted.signal, onProgress: () => wanted.abort() });
  assert.deepEqual([faults, pauses], [[], 1]);
  assert.ok(timeline.count < 20_000);
});
