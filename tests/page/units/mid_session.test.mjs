// The timeline of a stream that begins in the middle of a session.
import assert from "node:assert/strict";
import test from "node:test";
import { drawn, head, timelineOf, upstream } from "./lines.mjs";

test("an update whose decision is the first line that is seen is drawn once, and ends with its answer", () => {
  const effects = [{ "!": "SendUpdate", event_id: "ts_1", epoch: 0 }];
  const { of } = drawn(
    timelineOf([
      head(),
      { at: 1, event: { "!": "ConfigRequested", ref: -1 }, effects },
      upstream(1.1, "session.update", { event_id: "ts_1" }, { way: "out" }),
      upstream(1.4, "session.updated"),
    ]),
  );
  assert.deepEqual(of("update").map(({ from, to, outcome }) => [from, to, outcome]), [[1, 1.4, "in force"]]);
});
