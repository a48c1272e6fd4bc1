// The time to first audio: that of the metrics, whatever else goes to upstream.

import assert from "node:assert/strict";
import { test } from "node:test";

import { decision, drawn, head, timelineOf, upstream } from "./lines.mjs";

const CREATED = ["response.created", { response_id: "r1", conversation_id: "c" }];

function ours(at, event, more = {}) {
  const ids = { event_id: event, item_type: "message", role: "user" };
  return upstream(at, "conversation.item.create", ids, { way: "out", ...more });
}

function heard(at, link = 1) {
  return { at, wire: "upstream", way: "in", link, until: at + 0.1, audio: 480, frames: 2 };
}

function figures(...lines) {
  const { of } = drawn(timelineOf([head({ id_prefix: "ts_" }), ...lines]));
  return of("first-audio").map(({ label }) => label);
}

test("what a client's own event asks for is not measured", () => {
  const theirs = upstream(1, "response.create", { event_id: "ts_unnamed_1" }, { way: "out" });
  assert.deepEqual(figures(theirs, upstream(1.1, ...CREATED), heard(1.2)), []);
  assert.deepEqual(figures(theirs, ours(1.05, "ts_1"), upstream(1.1, ...CREATED), heard(1.2)), ["150 ms"]);
});

test("items that are restored ask for nothing, on a link that takes over or on the one in use", () => {
  const tookOver = { at: 3, wire: "upstream", note: "took over", detail: "1", link: 2 };
  const restored = decision(3.1, { "!": "TookOver" }, [{ "!": "RestoreItem", event_id: "ts_3" }]);
  assert.deepEqual(
    figures(
      upstream(0.1, "session.created"),
      ours(2, "ts_1", { link: 2 }),
      tookOver,
      restored,
      ours(3.2, "ts_3", { link: 2 }),
      ours(4, "ts_4", { link: 2 }),
      upstream(4.1, ...CREATED, { link: 2 }),
      heard(4.3, 2),
    ),
    ["300 ms"],
  );
});

test("a response out of band answers nothing, and its audio is not what was waited for", () => {
  const aside = upstream(1.1, "response.created", { response_id: "aside" });
  const said = decision(1.11, { "!": "AsideStarted", response_id: "aside" });
  const answer = [upstream(1.3, ...CREATED), heard(1.5)];
  assert.deepEqual(figures(ours(1, "ts_1"), aside, said, heard(1.2), ...answer), ["500 ms"]);
});

test("a turn counts from when the user stops, also one that was written before", () => {
  const stopped = upstream(1.5, "input_audio_buffer.speech_stopped", { item_id: "i1" });
  const committed = upstream(1.6, "input_audio_buffer.committed", { item_id: "i1" });
  assert.deepEqual(figures(ours(1, "ts_1"), stopped, committed, upstream(1.7, ...CREATED), heard(2)), ["500 ms"]);
  const next = upstream(3, "input_audio_buffer.committed", { item_id: "i2" });
  assert.deepEqual(figures(stopped, committed, upstream(1.7, ...CREATED), heard(2), next, heard(3.5)), ["500 ms"]);
});

test("what is sent to a link that is gone counts from then, since it waits for the next one", () => {
  const closed = { at: 2, wire: "upstream", note: "closed", detail: "", link: 1 };
  const sent = decision(2.1, { "!": "UserMessageGiven", ref: 1 }, [{ "!": "SendItem", event_id: "ts_1" }]);
  const tookOver = { at: 2.5, wire: "upstream", note: "took over", detail: "1", link: 2 };
  const again = ours(2.6, "ts_2", { link: 2 });
  const answer = [upstream(2.7, ...CREATED, { link: 2 }), heard(2.9, 2)];
  const opened = upstream(0.1, "session.created");
  assert.deepEqual(figures(opened, closed, sent, tookOver, again, ...answer), ["800 ms"]);
  assert.deepEqual(figures(opened, closed, tookOver, again, ...answer), ["300 ms"]);
});
