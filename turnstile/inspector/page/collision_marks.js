// Marks of collisions, and of what went again after one and succeeded.

import { keep, kindOf, textOf } from "./journal_values.js";
import { brief, shortId } from "./journal_words.js";

// There is one create and one update at a time: more are not owed any more.
const MOST = 8;

/** Reads decisions for creates and updates that lost a race, and for their repairs. */
export class Collisions {
  #elements;
  #requests;
  // What is owed since a collision, and the last update and create that were sent.
  #owed = [];
  #update = "";
  #create = "";
  #asides = new Map();

  /**
   * @param {import("./elements.js").Elements} elements Where the marks go.
   * @param {import("./requests.js").Requests} requests Which event carries which request.
   */
  constructor(elements, requests) {
    this.#elements = elements;
    this.#requests = requests;
  }

  /** Read a decision. */
  decided(event, effects, at, index) {
    if (kindOf(event) === "AsideStarted") keep(this.#asides, textOf(event.response_id), true);
    this.#repair(event, effects, at, index);
    for (const effect of effects) {
      const kind = kindOf(effect);
      if (kind === "SendUpdate") this.#update = textOf(effect.event_id);
      else if (kind === "SendCreate") this.#create = textOf(effect.event_id);
      else if (kind === "Noted" && effect.kind === "collided") this.#collide(effect, effects, at, index);
      else if (kind === "Answered" && effect.problem) this.#giveUp(effect.ref);
    }
  }

  #collide(noted, effects, at, index) {
    const [name, ...tries] = brief(textOf(noted.detail)).split(" ");
    const type = this.#requests.type(name);
    const what = `${type || "an event"} ${name}`;
    const words = `${what} was refused, since a response was running (${tries.join(" ") || "try 1"})`;
    this.#elements.mark({ lane: "upstream", kind: "collision", at, label: "collision", detail: words, line: index });
    // What is reported is given up.
    if (effects.some((effect) => kindOf(effect) === "Reported")) return;
    const owed = { name, type, refs: this.#requests.carried(name), what };
    this.#owed = [...this.#owed, owed].slice(-MOST);
  }

  #giveUp(ref) {
    for (const one of this.#owed) one.refs = one.refs.filter((other) => other !== ref);
    this.#owed = this.#owed.filter((one) => one.type !== "session.update" || one.refs.length > 0);
  }

  #repair(event, effects, at, index) {
    const kind = kindOf(event);
    const isAnswered = this.#owed.some((one) => one.name === this.#create);
    const isRepaired = {
      ConfigAnswered: (one) => one.type === "session.update" && this.#carriesAgain(one),
      ResponseStarted: (one) => one.type !== "session.update" && isAnother(textOf(event.mark), one.name),
      // The response that was in the way has answered it: nothing is sent again.
      ResponseFinished: (one) => one.type !== "session.update" && isAnswered && !sends(effects),
    };
    if (!this.#owed.length || !Object.hasOwn(isRepaired, kind)) return;
    if (this.#asides.has(textOf(event.response_id))) return;
    const repaired = this.#owed.filter(isRepaired[kind]);
    this.#owed = this.#owed.filter((one) => !repaired.includes(one));
    for (const { what } of repaired) {
      const response = textOf(event.response_id);
      const how = response ? `is answered by response ${shortId(response)}` : "went again, and is in force";
      const known = { lane: "upstream", kind: "repair", at, label: "repaired", line: index };
      this.#elements.mark({ ...known, detail: `${what} ${how}` });
    }
  }

  /** Whether the last update, which is answered now, carries what lost the race. */
  #carriesAgain({ name, refs }) {
    const again = this.#requests.carried(this.#update);
    return this.#update !== name && (!refs.length || refs.some((ref) => again.includes(ref)));
  }
}

function isAnother(mark, name) {
  return mark !== "" && mark !== name;
}

function sends(effects) {
  return effects.some((effect) => ["SendCreate", "SendUpdate"].includes(kindOf(effect)));
}
