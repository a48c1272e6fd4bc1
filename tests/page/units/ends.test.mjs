// Bars that no answer of upstream's ends: what the session decides ends them, and a gap in the lines does.

import assert from "node:assert/strict";
import { test } from "node:test";

import { decision, drawn, head, held, noted, timelineOf, upstream } from "./lines.mjs";

function asked(at, ref, event) {
  const effects = [noted("merged", `${event} #${ref}`), { "!": "SendUpdate", event_id: event }];
  const frame = upstream(at, "session.update", { event_id: event }, { way: "out" });
  return [decision(at, { "!": "ConfigRequested", ref }, effects), frame];
}

function answered(ref, more = {}) {
  return { "!": "Answered", ref, ...more };
}

function bars(kind, ...lines) {
  const { of } = drawn(timelineOf([head(), ...lines.flat()]));
  return of(kind).map(({ from, to, outcome }) => [from, to, outcome]);
}

const STALLED = decision(11, { "!": "TimerFired", name: "update", token: "ts_1" }, [answered(1)]);
const ANSWERED = { "!": "ConfigAnswered" };

test("an update without an answer in time ends then, and a late answer is not that of the next one", () => {
  const first = [1, 11, "no answer in time"];
  const late = [upstream(12.1, "session.updated"), decision(12.2, ANSWERED)];
  const right = [upstream(12.4, "session.updated"), decision(12.5, ANSWERED, [answered(2)])];
  assert.deepEqual(bars("update", asked(1, 1, "ts_1"), STALLED), [first]);
  assert.deepEqual(bars("update", asked(1, 1, "ts_1"), STALLED, asked(12, 2, "ts_2"), late), [first, [12, null, ""]]);
  const both = bars("update", asked(1, 1, "ts_1"), STALLED, asked(12, 2, "ts_2"), late, right);
  assert.deepEqual(both, [first, [12, 12.4, "in force"]]);
  const only = bars("update", asked(1, 1, "ts_1"), STALLED, asked(12, 2, "ts_2"), right);
  assert.deepEqual(only, [first, [12, 12.4, "in force"]]);
});

test("an update that an error refuses without naming it ends with what is decided then", () => {
  const error = upstream(2, "error", { code: "server_error" });
  const refused = (...effects) => decision(2.1, { "!": "Refused", event_id: null, code: "server_error" }, effects);
  const ended = [[1, 2.1, "refused: server_error"]];
  assert.deepEqual(bars("update", asked(1, 1, "ts_1"), error, refused(answered(1))), ended);
  assert.deepEqual(bars("update", asked(1, 1, "ts_1"), error, refused(held([1], "response", "r1"))), ended);
  assert.deepEqual(bars("update", asked(1, 1, "ts_1"), error, refused()), [[1, null, ""]]);
});

test("a cancelled response that upstream says nothing more of ends when the session gives it up", () => {
  const lines = [
    upstream(1, "response.created", { response_id: "r1", conversation_id: "c" }),
    decision(2, { "!": "TimerFired", name: "response", token: "r1+0" }, [
      { "!": "SendCancel", event_id: "ts_5", response_id: "r1" },
    ]),
  ];
  const stalled = decision(7, { "!": "TimerFired", name: "cancel", token: "ts_5" });
  const inactive = decision(3, { "!": "Refused", event_id: "ts_5", code: "response_cancel_not_active" });
  assert.deepEqual(bars("response", lines), [[1, null, ""]]);
  assert.deepEqual(bars("response", lines, stalled), [[1, 7, "cancelled"]]);
  assert.deepEqual(bars("response", lines, inactive, stalled), [[1, 3, "cancelled"]]);
});

test("the user's speech ends when turn detection is switched off, and not with a link that it is not on", () => {
  const speech = upstream(1, "input_audio_buffer.speech_started", { item_id: "i1" });
  const closed = (link) => ({ at: 2, wire: "upstream", note: "closed", detail: "", link });
  const off = decision(3, ANSWERED, [{ "!": "ObserveAudio", on: true }]);
  const times = (...lines) => bars("user-speech", speech, ...lines).map(([from, to]) => [from, to]);
  assert.deepEqual(times(closed(2)), [[1, null]]);
  assert.deepEqual(times(closed(1)), [[1, 2]]);
  assert.deepEqual(times(off), [[1, 3]]);
});

test("bars end where lines are missing, and go on where more is seen of them", () => {
  const running = upstream(1, "response.created", { response_id: "r1", conversation_id: "c" });
  const waiting = decision(1.1, { "!": "ConfigRequested", ref: 2 }, [held([2], "response", "r1")]);
  const gap = { at: 3, lost: 7 };
  const words = "lines are missing here: its end was not seen";
  assert.deepEqual(bars("response", running, gap), [[1, 3, "unknown"]]);
  assert.deepEqual(bars("response", running, gap, upstream(4, "response.output_text.delta", { response_id: "r1" })), [
    [1, null, ""],
  ]);
  const done = upstream(5, "response.done", { response_id: "r1", status: "completed" });
  assert.deepEqual(bars("response", running, gap, done), [[1, 5, "completed"]]);
  const update = bars("update", asked(1, 1, "ts_1"), gap, asked(4, 2, "ts_2"), upstream(4.1, "session.updated"));
  assert.deepEqual(update.map(([from, to]) => [from, to]), [[1, 3], [4, 4.1]]);
  const speech = bars("user-speech", upstream(1, "input_audio_buffer.speech_started"), gap);
  assert.deepEqual(speech.map(([from, to]) => [from, to]), [[1, 3]]);
  const end = { at: 9, end: { code: 1000, reason: "", by: "client" } };
  const hold = (...more) => {
    const { of } = drawn(timelineOf([head(), waiting, gap, ...more]));
    return of("hold").map(({ from, to, detail }) => [from, to, detail]);
  };
  assert.deepEqual(hold(end), [[1.1, 3, `waits for the end of a response (r1); ${words}`]]);
  const released = decision(6, {}, [noted("released", "#2")]);
  assert.deepEqual(hold(released), [[1.1, 6, "waited for the end of a response (r1)"]]);
  assert.deepEqual(hold(decision(6, {}, [held([2], "turn")])).map(([from, to]) => [from, to]), [[1.1, null]]);
});

test("the end of a response out of band repairs nothing", () => {
  const { of } = drawn(
    timelineOf([
      head(),
      decision(1, { "!": "AsideStarted", response_id: "aside" }),
      decision(2, { "!": "AgentMessageGiven", ref: 1 }, [{ "!": "SendCreate", event_id: "ts_0" }]),
      decision(3, { "!": "Refused", event_id: "ts_0" }, [noted("collided", "ts_0 try 1")]),
      decision(4, { "!": "ResponseFinished", response_id: "aside" }),
    ]),
  );
  assert.deepEqual([of("collision").length, of("repair").length], [1, 0]);
});

test("each collision of creates is repaired by the response that answers them, also that of the link before", () => {
  const collided = (at, name) => [
    decision(at, { "!": "ItemConfirmed", item_id: "i1" }, [{ "!": "SendCreate", event_id: name }]),
    decision(at + 0.1, { "!": "Refused", event_id: name }, [noted("collided", `${name} try 1`)]),
  ];
  const done = decision(4, { "!": "ResponseFinished", response_id: "r1" });
  const { of } = drawn(timelineOf([head(), ...collided(1, "ts_1"), ...collided(3, "ts_2"), done]));
  assert.deepEqual([of("collision").length, of("repair").map(({ at }) => at)], [2, [4, 4]]);
});
