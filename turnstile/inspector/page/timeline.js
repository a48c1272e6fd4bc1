// The model of a session's timeline: lines of its journal in, what is drawn of them out. It knows no page and no clock.

import { Causes } from "./causes.js";
import { Collisions } from "./collision_marks.js";
import { Elements } from "./elements.js";
import { Holds } from "./holds.js";
import { kindOf, listOf, numberOf, objectOf, textOf, timeOf } from "./journal_values.js";
import { brief, frameInWords, isQuiet } from "./journal_words.js";
import { KeptLines, shownText } from "./kept_lines.js";
import { Links } from "./link_marks.js";
import { Requests, readRequests } from "./requests.js";
import { Responses } from "./responses.js";
import { Speech } from "./speech.js";
import { Updates } from "./updates.js";

/**
 * A stretch of time: a response, a hold, speech.
 *
 * @typedef {object} Span
 * @property {string} id Its own in this timeline.
 * @property {"client" | "gate" | "upstream"} lane
 * @property {"response" | "hold" | "user-speech" | "agent-speech" | "update" | "first-audio"} kind
 * @property {number} from When it began, in seconds since the session began.
 * @property {number | null} to When it ended; null while it lasts.
 * @property {string} label
 * @property {string} detail In words.
 * @property {number} row From 0: spans of one lane that overlap have different rows.
 * @property {number[]} lines The numbers of the lines that made it.
 * @property {{lane: string, at: number, line: number} | null} cause What let a held request go.
 * @property {string} [outcome] How a response, an update or a hold ended; "" while it lasts.
 */

/**
 * A moment: a frame, a collision, a lost link.
 *
 * @typedef {object} Mark
 * @property {string} id Its own in this timeline.
 * @property {"client" | "gate" | "upstream"} lane
 * @property {string} kind `frame`, `collision`, `repair`, `link-opened`, `link-lost`, `link-renewed`, `refused`,
 *   `closed`, `lost` or `end`.
 * @property {number} at In seconds since the session began.
 * @property {string} label
 * @property {string} detail In words.
 * @property {number} line The number of its line.
 * @property {"in" | "out"} [way] Of a frame: towards the proxy, or from it.
 * @property {boolean} [isQuiet] Of a frame: it only repeats what others show.
 */

/** The timeline of one session. */
export class Timeline {
  #elements = new Elements();
  #requests = new Requests();
  #causes = new Causes();
  #holds = new Holds(this.#elements, this.#requests);
  #collisions = new Collisions(this.#elements, this.#requests);
  #responses = new Responses(this.#elements);
  #updates = new Updates(this.#elements, this.#requests);
  #speech = new Speech(this.#elements);
  #links = new Links(this.#elements);
  #lines;
  #gapless = null;

  /** @type {object | null} The first line. */
  head = null;
  /** @type {{at: number, code: number | null, reason: string, by: string} | null} */
  end = null;
  /** The latest moment so far, in seconds since the session began. */
  until = 0;
  /** @type {number | null} The first moment; null before there is one. */
  since = null;
  /** How many lines were of other sessions, and are not here. */
  others = 0;

  /**
   * @param {object} [options]
   * @param {number} [options.limit] How many lines are kept: the oldest go.
   * @param {number} [options.room] How many characters of their JSON are kept.
   */
  constructor({ limit = 200_000, room = 256 * 1024 * 1024 } = {}) {
    this.#lines = new KeptLines(limit, room);
  }

  /** How many of the oldest lines are not kept any more. */
  get dropped() {
    return this.#lines.dropped;
  }

  /** How many lines were added. */
  get count() {
    return this.#lines.next;
  }

  /** What the recording shows of the content: `events`, `text` or `all`; "" before it is known. */
  get level() {
    return textOf(this.head?.level);
  }

  /**
   * Take a line of the journal.
   *
   * @param {unknown} value The line, parsed.
   * @param {string} [text] Its JSON.
   */
  add(value, text = JSON.stringify(value) ?? "") {
    const line = objectOf(value);
    const isHead = "turnstile" in line && "session" in line;
    const isOther = this.head && "session" in line && line.session !== this.head.session;
    if (isOther || (isHead && this.head)) {
      this.others += 1;
      return;
    }
    const at = isHead ? 0 : timeOf(line.at, this.until);
    const index = this.#lines.next;
    this.#lines.add(at, shownText(line, text));
    if (isHead) this.#speech.begin((this.head = line));
    else this.#read(line, at, index);
    if (this.#lines.isFull) this.#elements.forget(this.#lines.forget());
  }

  /**
   * Return what touches a window of time, in order of time.
   *
   * @param {number} from In seconds since the session began.
   * @param {number} to Likewise.
   * @returns {{spans: Span[], marks: Mark[]}}
   */
  within(from, to) {
    return this.#elements.within(from, to);
  }

  /** How many spans and marks the last `within` looked at. */
  get looks() {
    return this.#elements.looks;
  }

  /** How many rows a lane has. */
  rows(lane) {
    return this.#elements.rows(lane);
  }

  /**
   * Return a line by its number; null where it is not kept.
   *
   * @param {number} index
   * @returns {{at: number, text: string} | null}
   */
  line(index) {
    return this.#lines.get(index);
  }

  /**
   * Return the spans and marks whose ids, label, type or words contain some words, in order of time.
   *
   * @param {string} words
   * @returns {(Span | Mark)[]}
   */
  find(words) {
    const wanted = words.trim().toLowerCase();
    if (!wanted) return [];
    const names = (one) => [one.id, one.label, one.detail, one.kind, one.response, one.event, one.ids];
    return this.#elements.matching((one) => names(one).some((name) => name && name.toLowerCase().includes(wanted)));
  }

  #read(line, at, index) {
    const until = timeOf(line.until, at);
    this.since = Math.min(this.since ?? at, at);
    this.#gapless ??= at;
    if ("event" in line) this.#decided(line, at, index);
    else if ("end" in line) this.#ended(objectOf(line.end), at, index);
    else if ("lost" in line) this.#missing(line, at, index);
    else if ("note" in line) this.#noted(line, at, index);
    else if ("audio" in line) this.#speech.audio(line, at, index);
    else if ("wire" in line) this.#frame(line, at, index);
    this.until = Math.max(this.until, at, until);
  }

  #frame(line, at, index) {
    const lane = line.wire === "client" ? "client" : "upstream";
    const way = line.way === "out" ? "out" : "in";
    const type = brief(textOf(line.type)) || "?";
    const ids = objectOf(line.ids);
    const words = Object.values(ids).filter((id) => typeof id === "string").join(" ").slice(0, 1024);
    const isError = lane === "upstream" && way === "in" && type === "error";
    const [kind, label] = isError ? ["refused", brief(textOf(ids.code)) || "error"] : ["frame", type];
    const known = { lane, kind, way, at, label, detail: frameInWords(line), line: index };
    this.#elements.mark({ ...known, ids: `${type} ${words}`, isQuiet: isQuiet(type) });
    this.#causes.frame(line, at, index);
    if (lane === "client") {
      if (way === "out") this.#speech.told(line, at, index);
      return;
    }
    if (way === "out") this.#requests.send(textOf(ids.event_id), type);
    if (way === "in") this.#responses.frame(line, at, index, this.#gapless);
    this.#updates.frame(line, at, index);
    this.#speech.frame(line, at, index);
    this.#links.frame(line, at, index);
  }

  #decided(line, at, index) {
    const event = objectOf(line.event);
    const effects = listOf(line.effects);
    readRequests(this.#requests, event, effects);
    this.#holds.decided(effects, at, index, this.#causes.of(event, at, index));
    this.#collisions.decided(event, effects, at, index);
    this.#responses.decided(event, effects, at, index, this.#gapless);
    this.#updates.decided(event, effects, at, index);
    this.#links.decided(event, at, index);
    this.#speech.decided(event, effects, at, index);
    if (kindOf(event) === "LinkLost") this.#linkGone((link) => link === 0, at, index);
  }

  #noted(line, at, index) {
    this.#links.note(line, at, index);
    this.#causes.note(line, at, index);
    if (line.wire !== "upstream") return;
    if (line.note === "closed") this.#linkGone((link) => link === line.link, at, index);
    if (line.note === "took over") this.#linkGone((link) => link !== line.link, at, index);
    this.#speech.note(line);
  }

  #linkGone(isOfLink, at, index, outcome = "lost") {
    this.#responses.lost(isOfLink, outcome, at, index);
    this.#updates.lost(isOfLink, outcome, at, index);
    this.#speech.stopped(isOfLink, at, index);
  }

  #missing(line, at, index) {
    this.#gapless = at;
    for (const part of [this.#holds, this.#responses, this.#updates, this.#speech]) part.cut(at, index);
    const detail = "what follows may lack its beginning, and what came before its end";
    const label = `${numberOf(line.lost) ?? "some"} lines are missing`;
    this.#elements.mark({ lane: "gate", kind: "lost", at, label, detail, line: index });
  }

  #ended(end, at, index) {
    const reason = brief(textOf(end.reason));
    const by = brief(textOf(end.by));
    const code = numberOf(end.code);
    this.end = { at, code, reason, by };
    this.#holds.ended(at, index);
    this.#linkGone(() => true, at, index, "unfinished");
    const detail = [`${code ?? ""} ${reason}`.trim(), by && `by ${by}`].filter(Boolean).join(", ");
    this.#elements.mark({ lane: "client", kind: "end", at, label: "end of the session", detail, line: index });
  }
}
