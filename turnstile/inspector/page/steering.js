// The form that steers a session, and what has become of what it was given.
import { element, setText } from "./dom.js";
import { choice, KINDS } from "./steering_kinds.js";
import { TokenForm } from "./token_form.js";
import { waitWords } from "./wording.js";

/** Seconds that what is given may take to be in force: the listener has room for few that wait. */
const GIVEN_FOR = 60;
/** How many outcomes stay in sight. */
const KEPT = 20;

const STEERED_WITH_TOKEN =
  "To change its prompt or voice, to speak in it or to end it, give the token of this listener.";

export class Steering {
  #ops;
  #id;
  #pending = [];
  #kept = null; // the forms, with what is typed into them: a token may be given anew
  #isOver = false;

  /**
   * @param {HTMLElement} parent
   * @param {import("./ops.js").Ops} ops
   * @param {string} id The session's.
   */
  constructor(parent, ops, id) {
    this.#ops = ops;
    this.#id = id;
    this.content = element("div", { class: "steer" });
    this.given = element("ol", { class: "given", "aria-label": "What was given" });
    this.said = element("p", { class: "unseen", role: "status" });
    this.confirmation = this.#confirmation();
    const heading = element("h2", {}, "Steer this session");
    parent.append(element("div", { class: "panel" }, heading, this.content, this.given, this.said), this.confirmation);
    ops.addEventListener("token", this.#offer);
    this.#offer();
  }

  /** End it. */
  destroy() {
    this.#ops.removeEventListener("token", this.#offer);
  }

  /** Take nothing more: the session has ended. */
  ended() {
    this.#isOver = true;
    this.#offer();
  }

  /**
   * Show for what that which was given waits.
   * @param {any} session As the listener shows it.
   */
  show(session) {
    // Requests of operators have negative numbers, and keep the order in which they were given.
    const held = (session.waiting ?? []).filter(({ request }) => request < 0);
    held.sort((one, other) => other.request - one.request);
    const areOurs = held.length === this.#pending.length;
    this.#pending.forEach((entry, index) => entry.wait(areOurs ? held[index] : null));
  }

  /** Offer the form to who has the token, and to others a way to give it. */
  #offer = () => {
    this.confirmation.close();
    const isInUse = this.content.contains(document.activeElement);
    if (this.#isOver) {
      const words = "The session has ended: nothing can be given to it.";
      this.content.replaceChildren(element("p", { class: "hint" }, words));
    } else if (this.#ops.token) this.content.replaceChildren(...(this.#kept ??= this.#forms()));
    else {
      this.content.replaceChildren();
      new TokenForm(this.content, this.#ops, STEERED_WITH_TOKEN);
    }
    if (isInUse) this.content.querySelector("input")?.focus(); // what the keyboard was at is no more
  };

  #forms() {
    const kinds = choice("kind", "What to give", KINDS.map(({ name, title }) => [name, title]));
    const forms = new Map(KINDS.map((kind) => [kind.name, this.#formOf(kind)]));
    const show = (chosen) => forms.forEach((form, name) => (form.hidden = name !== chosen));
    kinds.addEventListener("change", (event) => show(event.target.value));
    show(KINDS[0].name);
    return [kinds, ...forms.values()];
  }

  #formOf(kind) {
    const error = element("p", { class: "error", role: "alert" });
    const button = element("button", { type: "submit", class: kind.name === "end" ? "danger" : "" }, kind.button);
    const hint = element("p", { class: "hint" }, kind.hint);
    const form = element("form", { "data-kind": kind.name }, hint, ...kind.fields(), error, button);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const message = kind.message(Object.fromEntries(new FormData(form)));
      setText(error, typeof message === "string" ? message : "");
      if (typeof message === "string" || (kind.name === "end" && !(await this.#isConfirmed()))) return;
      this.#give(kind, message, form);
    });
    return form;
  }

  async #give(kind, message, form) {
    const given = JSON.stringify(message);
    if (this.#pending.some((entry) => entry.given === given)) return; // by a double click
    const entry = new Entry(kind.title, given);
    const { text } = form.elements;
    const written = text?.value;
    this.given.prepend(entry.element);
    while (this.given.children.length > KEPT) this.given.lastElementChild.remove();
    this.#pending.push(entry);
    try {
      await this.#ops.give(this.#id, message, GIVEN_FOR);
      entry.done();
      if (text && text.value === written) text.value = ""; // the next may be written already
    } catch (fault) {
      entry.refused(fault.message);
    } finally {
      this.#pending = this.#pending.filter((one) => one !== entry);
      setText(this.said, entry.words);
    }
  }

  #confirmation() {
    return element(
      "dialog",
      { class: "confirm", "aria-label": "End the session" },
      element("p", {}, `End session ${this.#id}? Its client is disconnected.`),
      element(
        "form",
        { method: "dialog", class: "pair" },
        element("button", { value: "" }, "Keep it"),
        element("button", { value: "end", class: "danger" }, "End it"),
      ),
    );
  }

  #isConfirmed() {
    this.confirmation.returnValue = "";
    this.confirmation.showModal();
    return new Promise((resolve) => {
      const tell = () => resolve(this.confirmation.returnValue === "end");
      this.confirmation.addEventListener("close", tell, { once: true });
    });
  }
}

/** What was given, and what has become of it. */
class Entry {
  #began = performance.now();
  #title;

  constructor(title, given) {
    this.#title = title;
    this.given = given;
    this.state = element("span", { class: "outcome", "data-outcome": "waits" }, "sent");
    this.element = element("li", {}, element("span", {}, title), " ", this.state);
  }

  /** Its title and state, as they are read aloud. */
  get words() {
    return `${this.#title}: ${this.state.textContent}`;
  }

  wait(held) {
    const reason = held ? `: ${held.reason}` : "";
    setText(this.state, `waits ${waitWords(this.#seconds)}${reason}`);
  }

  done() {
    this.state.dataset.outcome = "done";
    setText(this.state, this.#seconds < 0.1 ? "in force at once" : `in force after ${waitWords(this.#seconds)}`);
  }

  refused(words) {
    this.state.dataset.outcome = "refused";
    setText(this.state, words);
  }

  get #seconds() {
    return (performance.now() - this.#began) / 1000;
  }
}
