// The page: shows what the part of its address behind `#` names.
import { element, setText } from "./dom.js";
import { Ops } from "./ops.js";
import { RecordingPage } from "./recording.js";
import { RecordingDrops } from "./recording_drops.js";
import { SessionList } from "./session_list.js";
import { SessionPage } from "./session_page.js";

const ops = new Ops();
const main = document.getElementById("main");
const said = document.getElementById("token-state");
const forget = document.getElementById("forget-token");
const RECORDING = "#/recording";
const drops = new RecordingDrops(() => (location.hash === RECORDING ? go() : (location.hash = RECORDING)));
let shown = null;

const ROUTES = [
  [/^$|^#\/?$/, () => new SessionList(main, ops)],
  [/^#\/sessions\/([^/]+)$/, (id) => new SessionPage(main, ops, decoded(id))],
  [/^#\/recording$/, () => new RecordingPage(main, drops)],
];

/** Show what the address names, in place of what was shown. */
function show() {
  shown?.destroy();
  main.replaceChildren();
  shown = partNamed(location.hash);
  document.title = `${shown.title} · Turnstile`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === (location.hash || "#/")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function partNamed(name) {
  for (const [pattern, make] of ROUTES) {
    const match = pattern.exec(name);
    if (match) return make(match[1]);
  }
  return new Nothing(main);
}

/** Show another part, from its beginning; a reader hears its heading. */
function go() {
  show();
  scrollTo(0, 0);
  shown.heading.focus();
}

class Nothing {
  constructor(parent) {
    this.title = "Nothing here";
    this.heading = element("h1", { tabindex: -1 }, "Nothing here");
    const list = element("a", { href: "#/" }, "See the sessions.");
    parent.append(this.heading, element("p", {}, "This page has no part of that name. ", list));
  }

  destroy() {}
}

/** Return the text of a part of the address; as it is, if it is not written as one. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Say whether there is a token. */
function sayToken() {
  setText(said, ops.token ? "Steering" : "Looking only");
  forget.hidden = !ops.token;
}

/** Go back to the list, unless something else has used the key. */
function leave(event) {
  const isWriting = event.target.closest?.("input, textarea, select, dialog");
  if (event.key === "Escape" && !event.defaultPrevented && !isWriting && location.hash.length > 2) location.hash = "#/";
}

forget.addEventListener("click", () => {
  ops.token = "";
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names what is shown
  main.focus();
});
ops.addEventListener("token", sayToken);
addEventListener("hashchange", go);
addEventListener("keydown", leave);
addEventListener("pagehide", () => shown.destroy());
addEventListener("pageshow", ({ persisted }) => persisted && show());
sayToken();
show();
