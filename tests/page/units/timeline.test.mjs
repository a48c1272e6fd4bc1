// The model of the timeline: what it makes of the lines of a journal.

import assert from "node:assert/strict";
import { test } from "node:test";

import { WAITS, waitInWords } from "../../../turnstile/inspector/page/waits.js";
import { decision, drawn, head, held, jsonOf, linesOf, noted, timelineOf, upstream } from "./lines.mjs";

test("the reasons are those of the gate, in its words", () => {
  assert.deepEqual({ ...WAITS }, jsonOf("waits"));
  assert.equal(waitInWords("response", "(unnamed)"), `${WAITS.response} (unnamed)`);
});

for (const level of ["events", "text", "all"]) {
  test(`held updates end at their release, with the reason and the response's end as cause, at ${level}`, () => {
    const timeline = timelineOf(linesOf(`gated_${level}`));
    const { of } = drawn(timeline);
    const holds = of("hold");
    const updates = ["Settings", "UpdatePrompt", "UpdateSpeak", "UpdateListen", "UpdateSpeak", "UpdatePrompt"];
    assert.deepEqual(holds.map(({ label }) => label).filter((label) => label !== "InjectUserMessage"), updates);
    assert.ok(holds.every(({ outcome, cause }) => outcome === "released" && cause));
    const [, prompt, speak, message] = holds;
    assert.match(prompt.detail, /^waited for the end of a response \(\.\.\.\w{4}\)$/);
    assert.match(message.detail, /the end of a response .*, then for upstream's answer to a session.update/);
    const done = JSON.parse(timeline.line(prompt.cause.line).text);
    assert.deepEqual([done.type, done.at, prompt.cause.lane], ["response.done", prompt.cause.at, "upstream"]);
    assert.equal(JSON.parse(timeline.line(message.cause.line).text).type, "session.updated");
    assert.ok(prompt.from < prompt.cause.at && prompt.cause.at <= prompt.to);
    assert.deepEqual([prompt.row, speak.row, message.row], [0, 1, 2]);
    assert.deepEqual(of("response").map(({ outcome, row }) => [outcome, row]), Array(5).fill(["completed", 0]));
    assert.deepEqual(
      of("update").map(({ detail }) => detail),
      [
        "in force for Settings",
        "in force for UpdatePrompt, UpdateSpeak",
        "in force for UpdateListen, UpdateSpeak, UpdatePrompt",
      ],
    );
    assert.ok(of("agent-speech").length >= 4);
    assert.equal(of("first-audio").length, 4);
    assert.deepEqual([of("collision"), of("refused"), of("repair"), of("lost")], [[], [], [], []]);
    assert.deepEqual([of("link-opened").length, of("end").length, timeline.end.code], [1, 1, 1000]);
    assert.deepEqual([timeline.level, timeline.head.dialect, timeline.dropped], [level, "component", 0]);
  });
}

test("without the gate nothing is held, updates land in a response, and a reply is lost", () => {
  const { of } = drawn(timelineOf(linesOf("ungated_text")));
  assert.deepEqual(of("hold"), []);
  const [collision, ...more] = of("collision");
  assert.deepEqual(more, []);
  assert.match(collision.detail, /^response.create \S+ was refused, since a response was running \(try 1\)$/);
  assert.deepEqual(of("repair"), []);
  const [during] = of("response");
  const updates = of("update").filter(({ from }) => from > during.from && from < during.to);
  const details = updates.map(({ detail }) => detail);
  assert.deepEqual(details, ["in force for UpdatePrompt", "refused: invalid_value for UpdateSpeak"]);
  assert.ok(updates.every(({ row }) => row > during.row));
  const refused = of("refused").map(({ label }) => label);
  assert.deepEqual(refused, ["invalid_value", "conversation_already_has_active_response"]);
});

test("the time to first audio is from the end of the user's turn", () => {
  const { of } = drawn(
    timelineOf([
      head(),
      upstream(1, "input_audio_buffer.speech_started"),
      upstream(2, "input_audio_buffer.speech_stopped"),
      upstream(2.1, "input_audio_buffer.committed"),
      upstream(2.2, "response.created", { response_id: "r1", conversation_id: "c" }),
      { at: 2.412, wire: "upstream", way: "in", link: 1, until: 2.6, audio: 480, frames: 2 },
      { at: 2.413, wire: "client", way: "out", until: 2.6, audio: 480, frames: 2 },
      { at: 2.8, wire: "client", way: "out", until: 3, audio: 480, frames: 2 },
      { at: 3.4, wire: "client", way: "out", until: 3.5, audio: 480, frames: 2 },
    ]),
  );
  const [user] = of("user-speech");
  const [gap] = of("first-audio");
  assert.deepEqual([user.from, user.to, user.lane], [1, 2, "client"]);
  assert.deepEqual([gap.from, gap.to, gap.label], [2, 2.412, "412 ms"]);
  assert.deepEqual(of("agent-speech").map(({ from, to }) => [from, to]), [[2.413, 3], [3.4, 3.5]]);
});

test("the agent's speech to a Realtime client is in its events", () => {
  const told = (at, type, more) => ({ at, wire: "client", way: "out", type, ids: {}, size: 600, ...more });
  const { of } = drawn(
    timelineOf([
      head({ dialect: "realtime", id_prefix: "ts_" }),
      upstream(0.9, "response.create", { event_id: "ts_0" }, { way: "out" }),
      upstream(1, "response.created", { response_id: "r1", conversation_id: "c" }),
      upstream(1.1, "response.output_audio.delta", { response_id: "r1" }),
      told(1.1, "response.output_audio.delta", { frame: { delta: { bytes: 480 } } }),
      told(1.2, "response.output_audio.delta", { frame: { delta: { bytes: 480 } } }),
      told(2, "response.audio.delta", { until: 2.5, frames: 9 }),
    ]),
  );
  assert.deepEqual(
    of("agent-speech").map(({ from, to, detail }) => [from, to, detail]),
    [[1.1, 1.2, "960 bytes of audio"], [2, 2.5, "audio"]],
  );
  assert.deepEqual(of("first-audio").map(({ label }) => label), ["200 ms"]);
});

test("a response out of band has a row of its own", () => {
  const { of } = drawn(
    timelineOf([
      head(),
      upstream(1, "response.created", { response_id: "aside" }),
      decision(1.01, { "!": "AsideStarted", response_id: "aside" }),
      upstream(1.1, "response.created", { response_id: "r1", conversation_id: "c" }),
      upstream(1.2, "response.done", { response_id: "aside", status: "completed" }),
      upstream(1.3, "response.done", { response_id: "r1", status: "cancelled" }),
    ]),
  );
  assert.deepEqual(
    of("response").map(({ row, detail, from, to }) => [row, detail, from, to]),
    [[1, "completed, out of band", 1, 1.2], [0, "cancelled", 1.1, 1.3]],
  );
});

test("a stream that begins in mid-session shows what goes on from its first moment", () => {
  const { of } = drawn(
    timelineOf([
      head(),
      decision(61, { "!": "ResponseProgressed", response_id: "r9" }, [held([-2], "response", "r9")]),
      upstream(62, "response.done", { response_id: "r9", status: "completed" }),
      decision(62.1, { "!": "ResponseFinished", response_id: "r9" }, [noted("released", "#-2")]),
    ]),
  );
  assert.deepEqual(of("response").map(({ from, to }) => [from, to]), [[61, 62]]);
  assert.deepEqual(of("hold").map(({ label, to }) => [label, to]), [["request #-2 (host or operator)", 62.1]]);
});

test("what is not over ends with its session, and without an end it lasts", () => {
  const lines = [
    head(),
    upstream(1, "response.created", { response_id: "r1" }),
    decision(2, { "!": "ConfigRequested", ref: 1, message: "UpdatePrompt" }, [held([1], "response", "r1")]),
  ];
  assert.deepEqual(drawn(timelineOf(lines)).spans.map(({ to }) => to), [null, null]);
  const ended = drawn(timelineOf([...lines, { at: 3, end: { code: 1006, reason: "", by: "client" }, counts: {} }]));
  assert.deepEqual(ended.spans.map(({ to, outcome }) => [to, outcome]), [[3, "unfinished"], [3, "unfinished"]]);
});

test("a lost link ends its response, and the next one is restored; a planned one is renewed", () => {
  const { of } = drawn(
    timelineOf([
      head(),
      upstream(0.1, "session.created", { session_id: "sess_1" }),
      upstream(1, "response.created", { response_id: "r1" }),
      { at: 2, wire: "upstream", note: "closed", detail: "upstream_closed", link: 1 },
      decision(2.01, { "!": "LinkLost", code: "upstream_closed", description: "Gone." }),
      upstream(3, "session.created", {}, { link: 2 }),
      { at: 4, wire: "upstream", note: "took over", detail: "1", link: 2 },
      decision(4.01, { "!": "TookOver", generation: 1 }),
      { at: 9, wire: "upstream", note: "took over", detail: "2", link: 3 },
      decision(9.01, { "!": "TookOver", generation: 2 }),
    ]),
  );
  assert.deepEqual(of("response").map(({ to, outcome }) => [to, outcome]), [[2, "lost"]]);
  assert.deepEqual(of("link-opened").map(({ label }) => label), ["link 1 opened", "link 2 opened"]);
  const [lost] = of("link-lost");
  assert.deepEqual([lost.label, lost.detail], ["link lost", "upstream_closed: Gone."]);
  const renewed = of("link-renewed").map(({ label, at }) => [label, at]);
  assert.deepEqual(renewed, [["link 2 restored", 4], ["link 3 renewed", 9]]);
});

test("a recorded race is repaired when the update goes again and is answered", () => {
  const lines = linesOf("an_update_loses_a_race").slice(0, -1);
  const { of } = drawn(timelineOf([...lines, decision(0.07, { "!": "ConfigAnswered" })]));
  assert.deepEqual(of("collision").map(({ at }) => at), [0.04]);
  const repaired = of("repair").map(({ at, detail }) => [at, detail]);
  assert.deepEqual(repaired, [[0.07, "session.update ts_0 went again, and is in force"]]);
  assert.deepEqual(of("update").map(({ from, to, outcome }) => [from, to, outcome]), [
    [0.03, 0.04, "refused: conversation_already_has_active_response"],
    [0.06, 0.07, "in force"],
  ]);
});

test("missing lines are marked, and what began meanwhile begins behind them", () => {
  const { of } = drawn(
    timelineOf([head(), { at: 1, lost: 12 }, upstream(2, "response.done", { response_id: "r1", status: "failed" })]),
  );
  assert.deepEqual(of("lost").map(({ label, at }) => [label, at]), [["12 lines are missing", 1]]);
  assert.deepEqual(of("response").map(({ from, outcome }) => [from, outcome]), [[1, "failed"]]);
});

test("what is found is in order of time, whatever its case", () => {
  const timeline = timelineOf(linesOf("gated_events"));
  const [first, ...more] = timeline.find("UPDATEspeak");
  assert.deepEqual([first.kind, first.label], ["frame", "UpdateSpeak"]);
  const times = [first, ...more].map((one) => one.at ?? one.from);
  assert.deepEqual(times, [...times].sort((one, other) => one - other));
  assert.ok(timeline.find("resp_").some(({ kind }) => kind === "response"));
  assert.deepEqual([timeline.find("no such words"), timeline.find("  ")], [[], []]);
});

test("lines of another session are left out, and counted", () => {
  const timeline = timelineOf([head(), { ...upstream(1, "error"), session: "s2" }, head({ session: "s2" })]);
  assert.deepEqual([timeline.others, timeline.count], [2, 1]);
});
