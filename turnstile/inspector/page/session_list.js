// The live sessions: what each is doing, what waits in it, and for how long.
import { element, setText } from "./dom.js";
import { Polling } from "./polling.js";
import { rowMaker, COLUMNS } from "./session_row.js";
import { SHOWN_WITH_TOKEN, TokenForm } from "./token_form.js";
import { WindowedRows } from "./windowed_rows.js";

/** Seconds between two looks at the sessions. */
const EVERY = 2;

export class SessionList {
  #ops;
  #sessions = [];
  #sorted = COLUMNS.find(({ name }) => name === "age");
  #isReversed = false;
  #isLeft = false;

  /**
   * @param {HTMLElement} parent
   * @param {import("./ops.js").Ops} ops
   */
  constructor(parent, ops) {
    this.#ops = ops;
    this.title = "Sessions";
    this.heading = element("h1", { tabindex: -1 }, "Sessions");
    this.count = element("p", { class: "count", "data-count": "" });
    const searched = { placeholder: "Id or identity", input: () => this.#show() };
    this.search = element("input", { type: "search", id: "search", ...searched });
    this.order = element(
      "select",
      { id: "order", change: () => this.#sortBy(this.order.value) },
      ...COLUMNS.map(({ name, title }) => element("option", { value: name }, title)),
    );
    this.order.value = "age";
    this.status = element("p", { class: "status", role: "status" });
    this.empty = element("p", { class: "empty", hidden: true });
    this.token = element("div");
    this.headings = new Map(COLUMNS.map((column) => [column.name, this.#headingOf(column)]));
    this.body = element("div", { class: "rows", role: "rowgroup" });
    this.table = this.#table();
    parent.append(this.#toolbar(), this.status, this.token, this.table, this.empty);
    this.rows = new WindowedRows(this.body, rowMaker());
    ops.addEventListener("token", this.#asked);
    this.polling = new Polling(() => this.#look(), EVERY);
  }

  /** End it. */
  destroy() {
    this.#isLeft = true;
    this.polling.stop();
    this.rows.destroy();
    this.#ops.removeEventListener("token", this.#asked);
  }

  #toolbar() {
    const order = element("label", { class: "field order", for: "order" }, "Sort by ", this.order);
    const search = element("label", { class: "field search", for: "search" }, "Search ", this.search);
    return element("div", { class: "toolbar" }, this.heading, this.count, order, search);
  }

  #table() {
    const heads = element("div", { class: "row heads", role: "row" }, ...this.headings.values());
    const head = element("div", { class: "thead", role: "rowgroup" }, heads);
    const named = { class: "sessions", role: "table", "aria-label": "Open sessions", hidden: true };
    return element("div", named, head, this.body);
  }

  #headingOf({ name, title }) {
    const button = element("button", { type: "button", class: "plain", click: () => this.#sortBy(name) }, title);
    return element("div", { class: `cell ${name}`, role: "columnheader" }, button);
  }

  #sortBy(name) {
    this.#isReversed = this.#sorted.name === name && !this.#isReversed;
    this.#sorted = COLUMNS.find((column) => column.name === name) ?? this.#sorted;
    this.order.value = this.#sorted.name;
    this.#show();
  }

  #asked = () => this.polling.now();

  async #look() {
    try {
      const sessions = await this.#ops.sessions();
      if (this.#isLeft) return 0;
      this.#sessions = sessions;
      this.table.classList.remove("old");
      if (this.token.contains(document.activeElement)) this.heading.focus(); // the form goes
      this.token.replaceChildren();
      setText(this.status, "");
      this.#show();
      return 0;
    } catch (fault) {
      if (!this.#isLeft) this.#say(fault);
      return fault.retryAfter;
    }
  }

  /** Say what keeps the list from being up to date; what it shows stays, and is seen to be old. */
  #say(fault) {
    this.table.classList.add("old");
    if (!fault.isAboutToken) {
      setText(this.status, `${fault.message} It is asked again every ${EVERY} seconds.`);
      return;
    }
    this.#sessions = [];
    this.#show();
    this.empty.hidden = true;
    setText(this.status, "");
    if (!this.token.hasChildNodes()) new TokenForm(this.token, this.#ops, SHOWN_WITH_TOKEN);
  }

  #show() {
    const words = this.search.value.trim().toLowerCase();
    const found = this.#sessions.filter((session) => haystack(session).includes(words));
    const sign = this.#isReversed ? -1 : 1;
    const { valueOf } = this.#sorted;
    found.sort((one, other) => sign * compare(valueOf(one), valueOf(other)) || compare(one.id, other.id));
    for (const [name, heading] of this.headings) this.#markSorted(heading, name);
    this.table.hidden = found.length === 0;
    this.table.classList.toggle("has-workers", found.some(({ worker }) => worker !== undefined));
    this.table.setAttribute("aria-rowcount", String(found.length + 1));
    this.#count(found.length, words);
    this.rows.show(found);
  }

  #markSorted(heading, name) {
    if (name === this.#sorted.name) heading.setAttribute("aria-sort", this.#isReversed ? "descending" : "ascending");
    else heading.removeAttribute("aria-sort");
  }

  #count(found, words) {
    const all = this.#sessions.length;
    const waiting = this.#sessions.filter((session) => session.waiting > 0).length;
    const open = found === all ? `${all} open` : `${found} of ${all}`;
    setText(this.count, all === 0 ? "" : waiting === 0 ? open : `${open}, something waits in ${waiting}`);
    this.empty.hidden = found > 0;
    const none = `None of the ${all} open sessions has “${words}” in its id, identity or address.`;
    setText(this.empty, all === 0 ? NO_SESSIONS : none);
  }
}

const NO_SESSIONS = "No session is open. As soon as a client connects to the proxy, its session is shown here.";

function haystack({ id, client, worker }) {
  return `${id} ${client?.identity ?? ""} ${client?.address ?? ""} worker ${worker ?? ""}`.toLowerCase();
}

function compare(one, other) {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
