// One session: what it does, its timeline as it moves, and the form that steers it.
import { element, setText } from "./dom.js";
import { Polling } from "./polling.js";
import { SessionFacts } from "./session_facts.js";
import { SessionStream } from "./session_stream.js";
import { Steering } from "./steering.js";
import { Timeline } from "./timeline.js";
import { TimelinePanel } from "./timeline_panel.js";
import { SHOWN_WITH_TOKEN, TokenForm } from "./token_form.js";
import { ageWords } from "./wording.js";

/** Seconds between two looks at what a session does. */
const EVERY = 1;

export class SessionPage {
  #ops;
  #id;
  #stream = null;
  #polling = null;
  #isOver = false;

  /**
   * @param {HTMLElement} parent
   * @param {import("./ops.js").Ops} ops
   * @param {string} id The session's.
   */
  constructor(parent, ops, id) {
    this.#ops = ops;
    this.#id = id;
    this.title = `Session ${id}`;
    this.heading = element("h1", { tabindex: -1 }, "Session ", element("span", { class: "mono" }, id));
    this.state = element("p", { class: "state-chip", role: "status" });
    this.status = element("p", { class: "status", role: "status" });
    this.token = element("div");
    const back = element("a", { href: "#/", class: "back" }, "← Sessions");
    const watched = element("div", { class: "watched" });
    const beside = element("aside", { class: "beside", "aria-label": "Steer this session" });
    this.watch = element("div", { class: "watch", hidden: true }, watched, beside);
    parent.append(back, element("div", { class: "toolbar" }, this.heading, this.state), this.status, this.token);
    this.facts = new SessionFacts(parent);
    parent.append(this.watch);
    this.timeline = new Timeline();
    this.panel = new TimelinePanel(watched, this.timeline, { live: true, title: "Timeline" });
    this.steering = new Steering(beside, ops, id);
    ops.addEventListener("token", this.#begin);
    this.#begin();
  }

  /** End it. */
  destroy() {
    this.#leave();
    this.#ops.removeEventListener("token", this.#begin);
    this.panel.destroy();
    this.steering.destroy();
  }

  /** Look at the session, and read its journal, unless that is done, or over. */
  #begin = () => {
    if (this.#isOver || this.#stream) return;
    this.token.replaceChildren();
    setText(this.status, "");
    this.#stream = new SessionStream(this.#ops, this.#id, {
      onLine: (line, text) => this.#add(line, text),
      onGap: () => this.#noteGap(),
      onState: (state, words) => this.#follow(state, words),
    });
    this.#polling = new Polling(() => this.#look(), EVERY);
  };

  #leave() {
    this.#stream?.stop();
    this.#polling?.stop();
    this.#stream = this.#polling = null;
  }

  #add(line, text) {
    if (line?.format !== undefined && this.timeline.head) return; // of a stream that is read again
    this.timeline.add(line, text);
    this.panel.changed();
  }

  #noteGap() {
    const line = { at: this.timeline.until, lost: null };
    this.#add(line, JSON.stringify(line));
  }

  #follow(state, words) {
    this.watch.dataset.stream = state;
    if (state === "live") this.watch.hidden = false;
    if (state === "waiting" && this.timeline.head) words = `${words} What happens meanwhile will be missing here.`;
    setText(this.status, state === "waiting" || state === "left" ? words : "");
    if (state === "ended") this.#over(this.#endWords());
    if (state === "refused") this.#refused(words);
  }

  #refused(why) {
    this.#leave();
    if (why === "token") {
      setText(this.status, "");
      if (!this.token.hasChildNodes()) new TokenForm(this.token, this.#ops, SHOWN_WITH_TOKEN);
    } else if (this.timeline.head) this.#over("The session has ended while its stream was lost: how is not known.");
    else this.#absent();
  }

  #absent() {
    this.#over(`There is no open session ${this.#id}: it has ended, or its address is mistyped.`);
    this.#setState("not open");
  }

  /** Say that it has ended, and keep what was seen of it. */
  #over(words) {
    this.#isOver = true;
    this.#leave();
    this.#setState("ended");
    setText(this.status, words);
    this.steering.ended();
    this.panel.live = false;
  }

  #endWords() {
    const { end } = this.timeline;
    if (!end) return "The session's process has stopped, and the session with it: its last lines are missing.";
    const reason = end.reason ? ` (${end.reason})` : "";
    const by = BY[end.by] ?? end.by;
    return `The session was ended by ${by}, with code ${end.code}${reason}, after ${ageWords(end.at)}.`;
  }

  async #look() {
    try {
      const session = await this.#ops.session(this.#id);
      if (!this.#polling) return 0;
      this.#setState(session.state);
      this.watch.hidden = false; // it can be steered also while there is no stream for its timeline
      if (!this.timeline.until) this.panel.clock.note(session.age); // until a line says where its time stands
      this.facts.show(session);
      this.steering.show(session);
      return 0;
    } catch (fault) {
      if (fault.isAboutToken && this.#polling) this.#refused("token");
      return fault.retryAfter; // of other faults the stream says what they are
    }
  }

  #setState(state) {
    setText(this.state, state ?? "");
    this.state.dataset.state = state ?? "";
  }
}

const BY = {
  client: "its client",
  upstream: "upstream",
  host: "the host that embeds the proxy",
  operator: "an operator",
  proxy: "the proxy",
};
