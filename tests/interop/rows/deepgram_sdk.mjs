// Deepgram's SDK for Node: its Voice Agent client.

import { DeepgramClient } from "@deepgram/sdk";
import { FORECAST, Heard, KEY, MEMORY, NAME, QUESTION, RECALLED, STORY, expect, recallOnAnotherLink, run, speech } from "./row.mjs";

const LINEAR = { encoding: "linear16", sample_rate: 24_000 };
const SETTINGS = {
  type: "Settings",
  audio: { input: LINEAR, output: { ...LINEAR, container: "none" } },
  agent: {
    think: {
      provider: { type: "open_ai", model: "gpt-realtime" },
      prompt: "Be brief.",
      functions: [{ name: "get_weather", description: "Look up the weather.", parameters: { type: "object" } }],
    },
    speak: { provider: { type: "open_ai", model: "tts-1", voice: "marin" } },
  },
};

class Talk {
  constructor(socket, heard) {
    this.socket = socket;
    this.heard = heard;
  }

  of(type) {
    return this.heard.events.filter((message) => message.type === type);
  }

  /** Wait for the n-th message of a type; an `Error` or a `Warning` ends the waiting. */
  event(type, count = 1) {
    return this.heard.until(type, () => {
      const [fault] = [...this.of("Error"), ...this.of("Warning")];
      if (fault) throw new Error(`${fault.code}: ${fault.description}`);
      return this.of(type)[count - 1];
    });
  }

  asks(content) {
    this.socket.sendInjectUserMessage({ type: "InjectUserMessage", content });
  }

  get said() {
    return this.of("ConversationText").filter(({ role }) => role === "assistant").map(({ content }) => content);
  }

  says(words) {
    return this.heard.until(words, () => this.said.find((content) => content.includes(words)));
  }

  /** Ask what the agent remembers, and return its answer to the n-th such question. */
  recalls(count) {
    this.asks(MEMORY);
    return this.heard.until(MEMORY, () => this.said.filter((content) => RECALLED.test(content))[count - 1]);
  }

  /** Tell the agent a name, and have it ask for the weather. */
  async tellsOfItself() {
    this.asks(NAME);
    await this.says(`You said: ${NAME}`);
    await this.asksForWeather();
  }

  async asksForWeather() {
    this.asks(QUESTION);
    const [call] = (await this.event("FunctionCallRequest")).functions;
    expect(call.name === "get_weather", call);
    this.socket.sendFunctionCallResponse({
      type: "FunctionCallResponse",
      id: call.id,
      name: call.name,
      content: FORECAST,
    });
    await this.says(FORECAST);
  }

  updatePrompt(prompt) {
    this.socket.sendUpdatePrompt({ type: "UpdatePrompt", prompt });
    return this.event("PromptUpdated");
  }

  get audio() {
    return this.heard.events.filter((message) => !message.type).reduce((size, data) => size + (data.byteLength ?? data.size), 0);
  }
}

async function talking(place) {
  const heard = (place.heard = new Heard());
  const environment = { base: place.http, production: place.url, agent: place.url, agentRest: place.http };
  const client = new DeepgramClient({ apiKey: KEY, environment });
  // A reconnection would hide a connection that was lost.
  const socket = await client.agent.v1.createConnection({ reconnectAttempts: 0 });
  place.opened.push(() => socket.close());
  socket.on("message", (message) => heard.add(message));
  socket.on("error", (error) => heard.fail(error));
  socket.connect();
  await socket.waitForOpen();
  const talk = new Talk(socket, heard);
  await talk.event("Welcome");
  socket.sendSettings(SETTINGS);
  await talk.event("SettingsApplied");
  return talk;
}

await run({
  async connect(place) {
    await talking(place);
  },

  async configure(place) {
    const talk = await talking(place);
    await talk.updatePrompt("Be kind.");
    talk.asks("Hello there");
    await talk.says("Be brief. Be kind.");
  },

  async text(place) {
    const talk = await talking(place);
    talk.asks("Hello there");
    await talk.event("AgentStartedSpeaking");
    await talk.says("You said: Hello there");
    await talk.event("AgentAudioDone");
  },

  async audio(place) {
    const talk = await talking(place);
    talk.socket.sendMedia(speech());
    await talk.event("UserStartedSpeaking");
    await talk.says("You said: hello");
    await talk.event("AgentAudioDone");
    expect(talk.audio > 10_000, talk.audio);
  },

  async "function call"(place) {
    const talk = await talking(place);
    await talk.asksForWeather();
    await talk.event("AgentAudioDone");
  },

  async update(place) {
    const talk = await talking(place);
    talk.asks(STORY);
    await talk.event("AgentStartedSpeaking");
    await talk.updatePrompt("Rhyme.");
    expect(talk.of("AgentAudioDone").length === 1, talk.heard.events.map(({ type }) => type));
    talk.asks("And now?");
    await talk.says("Rhyme.");
  },

  async "second create"(place) {
    const talk = await talking(place);
    talk.asks(STORY);
    await talk.event("AgentStartedSpeaking");
    talk.asks("And you?");
    await talk.says("You said: And you?");
    await talk.event("AgentAudioDone", 2);
  },

  async interruption(place) {
    const talk = await talking(place);
    talk.asks(STORY);
    await talk.event("AgentStartedSpeaking");
    talk.socket.sendMedia(speech());
    await talk.event("UserStartedSpeaking");
    await talk.says("You said: hello");
    await talk.event("AgentAudioDone", 2);
  },

  // The link is replaced between two turns, without a word.
  async renewal(place) {
    const talk = await talking(place);
    await talk.tellsOfItself();
    await recallOnAnotherLink((count) => talk.recalls(count));
    expect(![...talk.of("Error"), ...talk.of("Warning")].length, talk.of("Warning"));
  },

  // The link breaks in mid-response: the answer is given again by another one.
  async loss(place) {
    const talk = await talking(place);
    await talk.tellsOfItself();
    await talk.event("AgentAudioDone", 2);
    talk.asks(STORY);
    await talk.heard.until("Warning", () => talk.of("Warning").length > 1);
    await talk.heard.until("AgentAudioDone", () => talk.of("AgentAudioDone").length > 2);
    await recallOnAnotherLink((count) => talk.recalls(count));
    const codes = [...talk.of("Error"), ...talk.of("Warning")].map(({ code }) => code);
    expect(codes.join() === "upstream_lost,upstream_restored", codes);
  },
});
