// What a session can be given, each with its fields and the message that they make.
import { element } from "./dom.js";

const VOICES = ["alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse"];

/** What an agent message does during a turn. */
const BEHAVIORS = [
  ["queue", "wait for its end"],
  ["interrupt", "interrupt it"],
  ["default", "refuse it"],
];

/**
 * @typedef {object} Kind
 * @property {string} name
 * @property {string} title
 * @property {string} hint What it does, in a sentence.
 * @property {string} button
 * @property {() => HTMLElement[]} fields
 * @property {(values: Record<string, string>) => object | string} message Returns the message, or what is wrong.
 */

/** @type {Kind[]} */
export const KINDS = [
  {
    name: "prompt",
    title: "Prompt",
    hint: "In force for the next response: the gate holds it while one is in progress.",
    button: "Change the prompt",
    fields: () => [
      choice("how", "What to do with the prompt", [["add", "Add to it"], ["replace", "Replace it"]]),
      labelled("Prompt", element("textarea", { name: "text", rows: 5, required: true })),
    ],
    message: ({ how, text }) =>
      how === "replace" ? { type: "UpdateThink", think: { prompt: text } } : { type: "UpdatePrompt", prompt: text },
  },
  {
    name: "voice",
    title: "Voice",
    hint: "The voice cannot change once the agent has spoken; the speed can.",
    button: "Change it",
    fields: () => [
      labelled("Voice", select("voice", [["", "as it is"], ...VOICES.map((voice) => [voice, voice])])),
      labelled("Speed", number("speed", { min: 0.25, max: 1.5, step: 0.05, placeholder: "as it is" })),
    ],
    message: ({ voice, speed }) => {
      if (!voice && !speed) return "Choose a voice or a speed.";
      const provider = { ...(voice ? { voice } : {}), ...(speed ? { speed: Number(speed) } : {}) };
      return { type: "UpdateSpeak", speak: { provider } };
    },
  },
  {
    name: "user",
    title: "User says",
    hint: "A message as if the user had written it; the agent answers.",
    button: "Say it as the user",
    fields: () => [labelled("Message", element("textarea", { name: "text", rows: 3, required: true }))],
    message: ({ text }) => ({ type: "InjectUserMessage", content: text }),
  },
  {
    name: "agent",
    title: "Agent says",
    hint: "The agent says this, word for word.",
    button: "Have the agent say it",
    fields: () => [
      labelled("Words", element("textarea", { name: "text", rows: 3, required: true })),
      labelled("During a turn", select("behavior", BEHAVIORS)),
    ],
    message: ({ text, behavior }) => ({ type: "InjectAgentMessage", message: text, behavior }),
  },
  {
    name: "end",
    title: "End",
    hint: "Ends the session for its client, with this code and reason.",
    button: "End the session…",
    fields: () => [
      labelled("Code", number("code", { value: 1000, min: 1000, max: 4999, required: true })),
      labelled("Reason", element("input", { name: "reason", maxlength: 123 })),
    ],
    message: ({ code, reason }) => ({ type: "End", code: Number(code), reason }),
  },
];

/** Return radio buttons that exclude each other, and what they are called together; the first is chosen. */
export function choice(name, title, options) {
  const buttons = options.map(([value, words], index) => {
    const button = element("input", { type: "radio", name, value, checked: index === 0 });
    return element("label", {}, button, element("span", {}, words));
  });
  return element("div", { class: "choice", role: "group", "aria-label": title }, ...buttons);
}

function labelled(title, control) {
  return element("label", { class: "field" }, element("span", {}, title), control);
}

function number(name, bounds) {
  return element("input", { name, type: "number", ...bounds });
}

function select(name, options) {
  return element("select", { name }, ...options.map(([value, title]) => element("option", { value }, title)));
}
