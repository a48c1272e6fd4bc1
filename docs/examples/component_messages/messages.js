// Each message that a client can send, and what answers it.

const WEATHER = {
  name: "get_weather",
  description: "Look up the weather in a city.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};
const MODEL = { type: "open_ai", model: "gpt-realtime" };
const THINK = { provider: MODEL, prompt: "You are a guide.", functions: [WEATHER] };
const SPEAK = { provider: { type: "open_ai", voice: "marin", speed: 1.1 } };
const LISTEN = { provider: { type: "open_ai", model: "gpt-4o-mini-transcribe", language: "en" } };

/**
 * @typedef {object} Example
 * @property {object} body
 * @property {string} about
 * @property {string} [answer]  The type of the message that answers it; without one, nothing does.
 */

/** @type {Example[]} */
export const EXAMPLES = [
  {
    body: { type: "Settings", agent: { think: THINK, speak: SPEAK } },
    about: "Configures the session: the first message, and later an update like the others.",
    answer: "SettingsApplied",
  },
  {
    body: { type: "InjectUserMessage", content: "What is the weather in Paris?" },
    about: "Says something for the user. It is shown when it is in the conversation; then the agent answers.",
    answer: "ConversationText",
  },
  {
    body: { type: "FunctionCallResponse", id: "call_1", name: "get_weather", content: "It is sunny." },
    about: "Returns the result of a call. A FunctionCallRequest fills in its id; one that is not open gets an Error.",
  },
  {
    body: { type: "UpdatePrompt", prompt: "Be brief." },
    about: "Adds to the prompt. Waits while the agent speaks.",
    answer: "PromptUpdated",
  },
  {
    body: { type: "UpdateThink", think: { ...THINK, prompt: "You are a sailor." } },
    about: "Replaces the prompt and the functions. Waits while the agent speaks.",
    answer: "ThinkUpdated",
  },
  {
    body: { type: "UpdateSpeak", speak: { provider: { type: "open_ai", speed: 0.9 } } },
    about: "Changes the voice, as long as the agent has not spoken, and its speed. Waits while the agent speaks.",
    answer: "SpeakUpdated",
  },
  {
    body: { type: "UpdateListen", listen: LISTEN },
    about: "Changes how the user is transcribed. Waits while the agent speaks.",
    answer: "ListenUpdated",
  },
  {
    body: { type: "InjectAgentMessage", message: "One moment, please.", behavior: "default" },
    about: "Has the agent say it. While it speaks: InjectionRefused, unless the behavior is queue or interrupt.",
    answer: "ConversationText",
  },
  {
    body: { type: "ForceEndTurn" },
    about: "Ends the user's turn. Without audio before it, an Error says that there is none.",
  },
  { body: { type: "KeepAlive" }, about: "Keeps the connection open. Nothing answers." },
  {
    body: { type: "UpdateThink_Live" },
    about: "Nothing upstream can do it: a Warning.",
    answer: "Warning",
  },
  {
    body: { type: "__customToThinkProvider" },
    about: "Nothing upstream can take it: a Warning.",
    answer: "Warning",
  },
];

/**
 * Return whether a message of the proxy is the answer to one that was sent.
 *
 * @param {object} sent
 * @param {string} answer  The type of the answer that is expected.
 * @param {object} received
 */
export function isAnswer(sent, answer, received) {
  if (received.type === "Error" || (received.type === "Warning" && answer === "Warning")) {
    return received.description.split(/\W/)[0] === sent.type; // so begin all that are about a message
  }
  if (received.type === "InjectionRefused") return sent.type === "InjectAgentMessage";
  if (received.type !== answer) return false;
  if (answer !== "ConversationText") return true;
  const said = sent.type === "InjectUserMessage" ? ["user", sent.content] : ["assistant", sent.message];
  return received.role === said[0] && received.content === said[1];
}
