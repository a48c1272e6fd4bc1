// OpenAI's agents SDK for Node: a RealtimeSession over its WebSocket transport.

import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from "@openai/agents/realtime";
import { z } from "zod";
import {
  EXACTLY,
  FORECAST,
  Heard,
  KEY,
  MEMORY,
  NAME,
  QUESTION,
  RECALLED,
  STORY,
  expect,
  recallOnAnotherLink,
  run,
  speech,
} from "./row.mjs";

const getWeather = tool({
  name: "get_weather",
  description: "Look up the weather.",
  parameters: z.object({ city: z.string() }),
  execute: async () => FORECAST,
});
const forecaster = () => new RealtimeAgent({ name: "Ada", instructions: "Be brief.", tools: [getWeather] });
const WRITTEN = { outputModalities: ["text"] };
const SPOKEN = { audio: { input: { turnDetection: { type: "server_vad", createResponse: true, interruptResponse: true } } } };

function arrayBuffer(pcm) {
  return pcm.buffer.slice(pcm.byteOffset, pcm.byteOffset + pcm.byteLength);
}

class Talk {
  constructor(session, heard) {
    this.session = session;
    this.heard = heard;
    this.audio = 0;
    this.interruptions = 0;
    session.transport.on("*", (event) => heard.add(event));
    session.on("error", ({ error }) => heard.fail(new Error(JSON.stringify(error?.error ?? error?.message ?? error))));
    session.on("audio", ({ data }) => {
      this.audio += data.byteLength;
    });
    session.on("audio_interrupted", () => {
      this.interruptions += 1;
      heard.add({ type: "the SDK's audio_interrupted" });
    });
  }

  of(type) {
    return this.heard.events.filter((event) => event.type === type);
  }

  event(type, count = 1) {
    return this.heard.until(type, () => this.of(type)[count - 1]);
  }

  async done(count = 1, status = "completed") {
    const { response } = await this.event("response.done", count);
    expect(response.status === status, response);
  }

  async said(count = 1) {
    return (await this.event("response.output_text.done", count)).text;
  }

  /** Wait until so many responses are completed, whatever became of others. */
  completed(count) {
    const isCompleted = ({ response }) => response.status === "completed";
    return this.heard.until("response.done", () => this.of("response.done").filter(isCompleted).length >= count);
  }

  /** Ask what the agent remembers, and return its answer to the n-th such question. */
  recalls(count) {
    this.session.sendMessage(MEMORY);
    const said = () => this.of("response.output_audio_transcript.done").map(({ transcript }) => transcript);
    return this.heard.until(MEMORY, () => said().filter((text) => RECALLED.test(text))[count - 1]);
  }

  /** Tell the agent a name, and have it ask for the weather. */
  async tellsOfItself() {
    this.session.sendMessage(NAME);
    await this.done();
    this.session.sendMessage(QUESTION);
    await this.done(3);
  }
}

async function talking(place, { agent, ...config } = {}) {
  const heard = (place.heard = new Heard());
  const transport = new OpenAIRealtimeWebSocket({ useInsecureApiKey: true });
  const session = new RealtimeSession(agent ?? new RealtimeAgent({ name: "Ada", instructions: "Be brief." }), {
    transport,
    model: place.model,
    config,
    tracingDisabled: true,
  });
  place.opened.push(() => session.close());
  const talk = new Talk(session, heard);
  await session.connect({ apiKey: KEY, url: `${place.url}/v1/realtime?model=${place.model}` });
  return talk;
}

await run({
  async connect(place) {
    const talk = await talking(place);
    await talk.event("session.created");
  },

  async configure(place) {
    const talk = await talking(place, { agent: forecaster() });
    const updated = (event) => event.type === "session.updated" && event.session.instructions === "Be brief.";
    const { session } = await talk.heard.until("session.updated", (events) => events.find(updated));
    expect(session.tools[0].name === "get_weather", session);
  },

  async text(place) {
    const talk = await talking(place, WRITTEN);
    talk.session.sendMessage("Hello there");
    const words = await talk.said();
    expect(words.startsWith("You said: Hello there"), words);
    await talk.done();
  },

  async audio(place) {
    const talk = await talking(place, SPOKEN);
    talk.session.sendAudio(arrayBuffer(speech()));
    await talk.event("input_audio_buffer.committed");
    await talk.done();
    expect(talk.audio > 10_000, talk.audio);
  },

  async "function call"(place) {
    const talk = await talking(place, { agent: forecaster(), ...WRITTEN });
    talk.session.sendMessage(QUESTION);
    const words = await talk.said();
    expect(words.includes(FORECAST), words);
    await talk.done(2);
  },

  async update(place) {
    const talk = await talking(place, WRITTEN);
    talk.session.sendMessage(STORY);
    await talk.event("response.output_text.delta");
    const updates = talk.of("session.updated").length;
    await talk.session.updateAgent(new RealtimeAgent({ name: "Bob", instructions: "Rhyme." }));
    const { session } = await talk.event("session.updated", updates + 1);
    expect(session.instructions === "Rhyme.", session);
    await talk.done();
    talk.session.sendMessage("And now?");
    const words = await talk.said(2);
    expect(words.includes("Rhyme."), words);
  },

  async "second create"(place) {
    const talk = await talking(place, WRITTEN);
    talk.session.sendMessage(STORY);
    await talk.event("response.output_text.delta");
    talk.session.transport.sendEvent({ type: "response.create", response: { instructions: EXACTLY } });
    const words = await talk.said(2);
    expect(words === "The second.", words);
    await talk.done(2);
  },

  async interruption(place) {
    const talk = await talking(place, SPOKEN);
    talk.session.sendMessage(STORY);
    await talk.event("response.output_audio.delta", 3);
    talk.session.sendAudio(arrayBuffer(speech()));
    await talk.event("the SDK's audio_interrupted");
    await talk.done(1, "cancelled");
    await talk.event("conversation.item.truncated");
    await talk.done(2);
  },

  // The link is replaced between two turns, without a word.
  async renewal(place) {
    const talk = await talking(place, { agent: forecaster() });
    await talk.tellsOfItself();
    await recallOnAnotherLink((count) => talk.recalls(count));
    expect(talk.of("session.created").length === 1, talk.of("session.created"));
  },

  // The link breaks in mid-response: the answer is given again by another one, and nothing is reported.
  async loss(place) {
    const talk = await talking(place, { agent: forecaster() });
    await talk.tellsOfItself();
    talk.session.sendMessage(STORY);
    await talk.completed(4);
    await recallOnAnotherLink((count) => talk.recalls(count));
    await talk.done(4, "cancelled");
    expect(talk.of("session.created").length === 1, talk.of("session.created"));
  },
});
