// The requests of a session's client, its host and operators: by the number that the journal gives each.

import { keep, kindOf, listOf, numberOf, textOf } from "./journal_values.js";
import { brief } from "./journal_words.js";

// Requests by their class, and what each is called whose message is not in the line: those of hosts and operators.
const KINDS = {
  ConfigRequested: "session.update",
  UserMessageGiven: "user message",
  AgentMessageGiven: "agent message",
  FunctionAnswered: "function result",
  TurnEndForced: "end of the turn",
};
const MOST = 4096;

/** What is known of requests, and which event of ours carries which of them. */
export class Requests {
  #labels = new Map();
  #carried = new Map();
  #types = new Map();

  /** Keep how a request is called, if an event is one. */
  read(event) {
    const ref = numberOf(event.ref);
    if (!Object.hasOwn(KINDS, kindOf(event)) || ref === null) return;
    const message = brief(textOf(event.message)) || KINDS[kindOf(event)];
    keep(this.#labels, ref, message, MOST);
  }

  /** Return the type of the message that asked; negative numbers are of the host's and of operators'. */
  label(ref) {
    const label = this.#labels.get(ref) ?? `request #${ref}`;
    return ref < 0 ? `${label} (host or operator)` : label;
  }

  /** Keep which requests an event of ours carries, as a note says it: `ts_5 #1 #2`. */
  merge(detail) {
    const [event, ...refs] = detail.split(" ");
    keep(this.#carried, event, refs.map((ref) => Number(ref.slice(1))).filter(Number.isSafeInteger));
  }

  /** Keep the type of an event of ours. */
  send(event, type) {
    if (event) keep(this.#types, event, type);
  }

  /** Return the requests that an event of ours carries. */
  carried(event) {
    return this.#carried.get(event) ?? [];
  }

  /** Return the type of an event of ours; "" where it is not known. */
  type(event) {
    return this.#types.get(event) ?? "";
  }
}

const SENT = { SendUpdate: "session.update", SendCreate: "response.create", SendItem: "conversation.item.create" };

/** Keep of a decision what it says of requests: who asked, and which event carries what. */
export function readRequests(requests, event, effects) {
  requests.read(event);
  for (const effect of effects) {
    const sent = SENT[kindOf(effect)];
    if (sent) requests.send(textOf(effect.event_id), sent);
    const isAlone = sent === "session.update" && kindOf(event) === "ConfigRequested";
    // Without a gate no note says that an update goes as it was asked for.
    if (isAlone && !requests.carried(textOf(effect.event_id)).length) {
      requests.merge(`${textOf(effect.event_id)} #${numberOf(event.ref)}`);
    }
    if (kindOf(effect) === "Noted" && effect.kind === "merged") requests.merge(textOf(effect.detail));
  }
}

/** Return the numbers of the requests that a note is about. */
export function refsOf(effect) {
  return listOf(effect.refs).filter((ref) => numberOf(ref) !== null);
}
