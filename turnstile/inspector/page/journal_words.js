// What a frame of the journal says, in a few words.

import { listOf, objectOf, textOf } from "./journal_values.js";

const SHOWN = 160;
// Made once: to make one takes longer than all else that is done for a line.
const NUMBERS = new Intl.NumberFormat("en");
// Events that only repeat what others show, as every delta does.
const QUIET = new Set([
  "conversation.item.done",
  "input_audio_buffer.append",
  "rate_limits.updated",
  "response.content_part.added",
  "response.content_part.done",
  "response.output_item.added",
  "response.output_item.done",
  "response.output_audio.done",
]);
// What a frame shows without its content, the first that it has.
const TELLING = ["code", "response_id", "call_id", "item_id", "event_id"];

/** Return whether frames of a type only repeat what others show. */
export function isQuiet(type) {
  return type.endsWith(".delta") || QUIET.has(type);
}

/** Return the end of the API's long name for a response; other names as they are, where they are not too long. */
export function shortId(id) {
  return /^resp_.{5}/.test(id) ? `...${id.slice(-4)}` : brief(id);
}

/** Return a number with its thousands apart. */
export function inDigits(number) {
  return NUMBERS.format(number);
}

/** Return a text on one line, and not too long. */
export function brief(text) {
  const line = text.slice(0, 4 * SHOWN).replace(/\s+/g, " ").trim();
  return line.length > SHOWN ? `${line.slice(0, SHOWN - 3)}...` : line;
}

/**
 * Return what a frame says: some of its content where the line has it, else the most telling id, and its size.
 *
 * @param {object} line A line of the journal.
 */
export function frameInWords(line) {
  const frame = objectOf(line.frame);
  const words = wordsOf(textOf(line.type), frame) || tellingId(objectOf(line.ids));
  const frames = typeof line.frames === "number" ? `${line.frames} in a row` : "";
  const size = typeof line.size === "number" ? `${inDigits(line.size)} bytes` : "";
  return brief([words, frames, size].filter(Boolean).join(", "));
}

function tellingId(ids) {
  const name = TELLING.find((one) => textOf(ids[one]));
  const status = textOf(ids.status);
  return [name ? shortId(textOf(ids[name])) : "", status].filter(Boolean).join(" ");
}

function wordsOf(type, frame) {
  switch (type) {
    case "InjectUserMessage":
    case "ConversationText":
      return quoted(frame.content);
    case "InjectAgentMessage":
      return quoted(frame.message ?? frame.content);
    case "UpdatePrompt":
      return quoted(frame.prompt);
    case "session.update":
      return settingsOf(objectOf(frame.session));
    case "conversation.item.create":
      return quoted(contentOf(objectOf(frame.item)));
    case "error":
      return textOf(objectOf(frame.error).message);
    case "Error":
    case "Warning":
      return [textOf(frame.code), textOf(frame.description)].filter(Boolean).join(": ");
    default:
      return type.endsWith(".delta") ? quoted(frame.delta) : quoted(frame.transcript ?? frame.text);
  }
}

function quoted(value) {
  const text = textOf(value);
  return text ? `"${brief(text)}"` : "";
}

function contentOf(item) {
  const parts = listOf(item.content).map((part) => textOf(objectOf(part).text) || textOf(objectOf(part).transcript));
  return parts.filter(Boolean).join(" ") || textOf(item.output);
}

/** Return the names of the settings in a session, those of its audio among them. */
function settingsOf(session, depth = 0) {
  const names = [];
  for (const [name, value] of Object.entries(session)) {
    const isGroup = depth < 3 && ["audio", "input", "output"].includes(name);
    const inner = isGroup ? settingsOf(objectOf(value), depth + 1) : name;
    if (name !== "type" && inner) names.push(inner);
  }
  return names.join(", ");
}
