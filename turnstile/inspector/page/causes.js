// Finds what a decision was made for: the frame, or the note, that was read right before it.

import { keep, kindOf, objectOf, textOf } from "./journal_values.js";

// By the class of a session event: the types of the frames that say it, the likeliest first.
const FRAMES = {
  LinkOpened: ["session.created"],
  ConfigAnswered: ["session.updated"],
  ItemConfirmed: ["conversation.item.added", "conversation.item.created", "conversation.item.done"],
  ResponseStarted: ["response.created"],
  AsideStarted: ["response.created"],
  ResponseFinished: ["response.done"],
  Refused: ["error"],
  SpeechStarted: ["input_audio_buffer.speech_started"],
  SpeechStopped: ["input_audio_buffer.speech_stopped"],
  TurnCommitted: ["input_audio_buffer.committed"],
  InputCleared: ["input_audio_buffer.cleared"],
  FunctionCalled: ["response.output_item.done", "response.function_call_arguments.done"],
};
const TYPES = new Set(Object.values(FRAMES).flat());
const NOTES = { LinkLost: "closed", TookOver: "took over", HandedBack: "handed back" };
// Events of the session's own, which no frame says.
const OWN = new Set(["TimerFired", "HandedBack", "CallReturned", "SilenceMeasured", "DrainRequested"]);

/** The latest frames and notes that were read, by their type and id. */
export class Causes {
  #read = new Map();

  /** Keep a frame that came in. */
  frame(line, at, index) {
    if (line.way !== "in") return;
    const lane = line.wire === "client" ? "client" : "upstream";
    const read = { lane, at, line: index };
    const type = textOf(line.type);
    if (lane === "client") {
      this.#keep(`client ${type}`, read);
      this.#keep("client", read);
    } else if (TYPES.has(type)) {
      const ids = objectOf(line.ids);
      const id = textOf(ids.response_id) || textOf(ids.item_id) || textOf(ids.about);
      this.#keep(`upstream ${type}`, read);
      if (id) this.#keep(`${type} ${id}`, read);
    }
  }

  /** Keep a note about a connection. */
  note(line, at, index) {
    if (line.wire === "upstream") this.#keep(`note ${textOf(line.note)}`, { lane: "upstream", at, line: index });
  }

  /** Return what a decision was made for: `{lane, at, line}`. */
  of(event, at, index) {
    const fact = kindOf(event) === "OfStandby" ? objectOf(event.fact) : event;
    const kind = kindOf(fact);
    const found = this.#noted(kind) ?? this.#said(kind, fact) ?? this.#asked(kind, fact);
    if (found) return found;
    return { lane: OWN.has(kind) || !(kind in FRAMES) ? "gate" : "upstream", at, line: index };
  }

  #noted(kind) {
    return Object.hasOwn(NOTES, kind) ? this.#read.get(`note ${NOTES[kind]}`) : undefined;
  }

  #said(kind, fact) {
    const types = Object.hasOwn(FRAMES, kind) ? FRAMES[kind] : [];
    const ids = [fact.response_id, fact.item_id, fact.event_id].map(textOf).filter(Boolean);
    for (const type of types) {
      for (const id of ids) {
        const found = this.#read.get(`${type} ${id}`);
        if (found) return found;
      }
    }
    const last = types.find((type) => this.#read.has(`upstream ${type}`));
    return last && this.#read.get(`upstream ${last}`);
  }

  #asked(kind, fact) {
    if (!("ref" in fact) && kind !== "EventGiven") return undefined;
    return this.#read.get(`client ${textOf(fact.message)}`) ?? (fact.ref < 0 ? undefined : this.#read.get("client"));
  }

  #keep(key, read) {
    keep(this.#read, key, read);
  }
}
