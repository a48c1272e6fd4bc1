// Asks for the token, and checks it; it is kept in memory only.
import { element, setText } from "./dom.js";

/** What a listener asks its token for that shows nothing without it. */
export const SHOWN_WITH_TOKEN = "This listener shows its sessions to who has its token.";

const WHERE =
  "As configured in ops.token, or in the file that the proxy names at its start. It stays in this tab's memory, " +
  "until the tab is closed or loaded again.";

let made = 0;

export class TokenForm {
  #ops;

  /**
   * @param {HTMLElement} parent
   * @param {import("./ops.js").Ops} ops
   * @param {string} purpose Says what the token is asked for.
   */
  constructor(parent, ops, purpose) {
    this.#ops = ops;
    const id = `token-${(made += 1)}`;
    const said = { "aria-describedby": `${id}-error ${id}-where`, autocomplete: "off", spellcheck: "false" };
    this.input = element("input", { type: "password", id, required: true, input: () => this.#say(""), ...said });
    this.error = element("p", { class: "error", role: "alert", id: `${id}-error` });
    this.button = element("button", { type: "submit" }, "Use it");
    this.form = element(
      "form",
      { class: "token", submit: (event) => this.#submit(event) },
      element("p", {}, purpose),
      element("label", { for: id }, "Token"),
      element("div", { class: "pair" }, this.input, this.button),
      this.error,
      element("p", { class: "hint", id: `${id}-where` }, WHERE),
    );
    parent.append(this.form);
  }

  async #submit(event) {
    event.preventDefault();
    const token = this.input.value.trim();
    const trouble = spellingOf(token);
    if (trouble) return this.#say(trouble);
    this.button.disabled = true;
    try {
      await this.#ops.check(token);
      this.input.value = "";
      this.#ops.token = token;
    } catch (fault) {
      this.#say(fault.code === "wrong_token" ? "This is not the token of this listener." : fault.message);
      this.input.select();
    } finally {
      this.button.disabled = false;
    }
  }

  #say(trouble) {
    setText(this.error, trouble);
    if (trouble) this.input.setAttribute("aria-invalid", "true");
    else this.input.removeAttribute("aria-invalid");
  }
}

/** Return why no request can have this token, "" if one can. */
function spellingOf(token) {
  if (token === "") return "Enter the token.";
  return /^[\x21-\x7e]+$/.test(token) ? "" : "A token has no spaces, and no letters beyond ASCII.";
}
