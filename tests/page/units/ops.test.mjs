// What the page asks of its listener, and when it leaves the stream to others: with a listener and a document made up.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Ops } from "../../../turnstile/inspector/page/ops.js";
import { SessionStream } from "../../../turnstile/inspector/page/session_stream.js";

const refused = (status, code) => Response.json({ error: { code, message: code } }, { status });

beforeEach(() => {
  globalThis.document = Object.assign(new EventTarget(), { hidden: false });
  globalThis.addEventListener = globalThis.removeEventListener = () => {};
});
afterEach(() => {
  mock.restoreAll();
  mock.timers.reset();
  for (const name of ["document", "addEventListener", "removeEventListener"]) delete globalThis[name];
});

test("what is asked is below the address of the page, also where that is below a prefix", async () => {
  const asked = [];
  mock.method(globalThis, "fetch", async (path) => {
    asked.push(new URL(path, "https://shop.example/ops/").href);
    return Response.json({ sessions: [] });
  });
  const ops = new Ops();
  await ops.sessions();
  await ops.session("a/b");
  await ops.check();
  await ops.give("s1", {}, 1);
  const below = ["sessions", "sessions/a%2Fb", "version", "sessions/s1/messages?timeout=1"];
  assert.deepEqual(asked, below.map((path) => `https://shop.example/ops/${path}`));
});

test("a token is forgotten as soon as the listener says that it is wrong, and not when another is tried", async () => {
  mock.method(globalThis, "fetch", async (_, { headers, method }) => {
    if (headers.Authorization) return refused(401, "wrong_token");
    return method === "POST" ? refused(401, "no_token") : Response.json({ sessions: ["shown to all"] });
  });
  const ops = new Ops();
  ops.token = "of-the-listener-before";
  const told = mock.fn();
  ops.addEventListener("token", told);
  await assert.rejects(ops.check("mistyped"), { code: "wrong_token" });
  assert.equal(ops.token, "of-the-listener-before");
  assert.deepEqual(await ops.sessions(), ["shown to all"]);
  assert.deepEqual([ops.token, told.mock.callCount()], ["", 1]);
  ops.token = "of-the-listener-before";
  await assert.rejects(ops.give("s1", {}, 1), { code: "wrong_token" });
  assert.equal(ops.token, "");
});

test("that a message was given is not denied when its answer does not come", async () => {
  mock.method(globalThis, "fetch", async () => { throw new TypeError("Failed to fetch"); });
  await assert.rejects(new Ops().give("s1", {}, 1), { code: "lost", message: /may be in force, or not/ });
});

test("a stream that is opened in a hidden tab is left to others, too, and begun anew when somebody looks", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  document.hidden = true;
  const begun = [];
  const states = [];
  const ops = { events: (_, { signal }) => begun.push(signal) };
  const stream = new SessionStream(ops, "s1", { onLine() {}, onGap() {}, onState: (state) => states.push(state) });
  mock.timers.tick(301_000);
  assert.deepEqual([begun.map(({ aborted }) => aborted), states.at(-1)], [[true], "left"]);
  document.hidden = false;
  document.dispatchEvent(new Event("visibilitychange"));
  assert.deepEqual(begun.map(({ aborted }) => aborted), [true, false]);
  stream.stop();
});

test("of a browser's tabs the three that were looked at last have a stream", async () => {
  const states = new Map();
  const open = (id) => {
    const to = { onLine() {}, onGap() {}, onState: (state) => states.set(id, state) };
    return new SessionStream({ events() {} }, id, to);
  };
  const left = async () => {
    // What was posted before has arrived when this has.
    const [from, to] = [new BroadcastChannel("here"), new BroadcastChannel("here")];
    const arrived = new Promise((resolve) => (to.onmessage = resolve));
    from.postMessage("");
    await arrived;
    for (const channel of [from, to]) channel.close();
    return [...states].filter(([, state]) => state === "left").map(([id]) => id);
  };
  const opened = ["a", "b", "c", "d"].map(open);
  assert.deepEqual(await left(), ["a"]);
  opened[1].stop();
  opened.push(open("e"));
  assert.deepEqual(await left(), ["a"]);
  opened.push(open("f"));
  assert.deepEqual(await left(), ["a", "c"]);
  for (const stream of opened) stream.stop();
});
