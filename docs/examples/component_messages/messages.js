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
    about: "Returns the result of a call. Those that are open fill in their ids in turn; another one gets an Error.",
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
 * Return the type of the message that answers one; undefined if nothing does.
 *
 * @param {any} message  Whatever JSON the user has written.
 */
export function answerOf(message) {
  return EXAMPLES.find(({ body }) => body.type === message?.type)?.answer;
}

/**
 * Return which message one of the proxy answers. It acknowledges in the order sent; what is refused, it refuses at
 * once, ahead of others that it holds.
 *
 * @template {{sent: any, answer: string}} Waiting
 * @param {Waiting[]} waiting  What was sent and is not answered, oldest first.
 * @param {any} received
 * @returns {Waiting | undefined}
 */
export function answered(waiting, received) {
  const refused = waiting.findLast(({ sent, answer }) => isRefusal(sent, answer, received));
  return refused ?? waiting.find(({ sent, answer }) => isAcknowledged(sent, answer, received));
}

function isRefusal(sent, answer, { type, description }) {
  if (type === "InjectionRefused") return sent.type === "InjectAgentMessage" && isForQuietMoments(sent);
  if (type !== "Error" && !(type === "Warning" && answer === "Warning")) return false;
  return description.split(/\W/)[0] === sent.type; // so begin all that are about a message
}

function isForQuietMoments({ behavior }) {
  return behavior !== "queue" && behavior !== "interrupt";
}

function isAcknowledged(sent, answer, { type, role, content }) {
  if (type !== answer || type === "Warning") return false;
  if (type !== "ConversationText") return true;
  if (sent.type === "InjectUserMessage") return role === "user" && content === sent.content;
  // Of a message that is interrupted the words that were heard.
  return role === "assistant" && content !== "" && String(sent.message).startsWith(content);
}
