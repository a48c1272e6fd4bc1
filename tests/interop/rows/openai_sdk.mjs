// OpenAI's SDK for Node, with the `ws` package.

import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
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

const WEATHER = {
  type: "function",
  name: "get_weather",
  description: "Look up the weather.",
  parameters: { type: "object", properties: { city: { type: "string" } } },
};
const WRITTEN = { output_modalities: ["text"] };

class Talk {
  constructor(place) {
    this.heard = place.heard = new Heard();
    const client = new OpenAI({ apiKey: KEY, baseURL: `${place.http}/v1` });
    this.realtime = new OpenAIRealtimeWS({ model: place.model }, client);
    this.realtime.on("event", (event) => this.heard.add(event));
    this.realtime.on("error", (error) => this.heard.fail(error));
    place.opened.push(() => this.realtime.close());
  }

  of(type) {
    return this.heard.events.filter((event) => event.type === type);
  }

  event(type, count = 1) {
    return this.heard.until(type, () => this.of(type)[count - 1]);
  }

  send(type, fields = {}) {
    this.realtime.send({ type, ...fields });
  }

  async configure(session) {
    await this.event("session.created");
    const updates = this.of("session.updated").length;
    this.send("session.update", { session: { type: "realtime", ...session } });
    return (await this.event("session.updated", updates + 1)).session;
  }

  says(text) {
    const item = { type: "message", role: "user", content: [{ type: "input_text", text }] };
    this.send("conversation.item.create", { item });
    this.send("response.create");
  }

  speaks() {
    this.send("input_audio_buffer.append", { audio: speech().toString("base64") });
  }

  async done(count = 1, status = "completed") {
    const { response } = await this.event("response.done", count);
    expect(response.status === status, response);
    return response;
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
    this.says(MEMORY);
    const said = () => this.of("response.output_audio_transcript.done").map(({ transcript }) => transcript);
    return this.heard.until(MEMORY, () => said().filter((text) => RECALLED.test(text))[count - 1]);
  }

  /** Tell the agent a name, and have it ask for the weather. */
  async tellsOfItself() {
    this.says(NAME);
    await this.done();
    await this.asksForWeather();
    await this.done(3);
  }

  async asksForWeather() {
    this.says(QUESTION);
    const call = await this.event("response.function_call_arguments.done");
    // Before its response is done, as clients do.
    const item = { type: "function_call_output", call_id: call.call_id, output: FORECAST };
    this.send("conversation.item.create", { item });
    this.send("response.create");
  }
}

async function talking(place, session) {
  const talk = new Talk(place);
  if (session) await talk.configure(session);
  return talk;
}

await run({
  async connect(place) {
    const talk = await talking(place);
    await talk.event("session.created");
  },

  async configure(place) {
    const talk = await talking(place);
    const session = await talk.configure({ instructions: "Be brief.", tools: [WEATHER] });
    expect(session.instructions === "Be brief." && session.tools[0].name === "get_weather", session);
  },

  async text(place) {
    const talk = await talking(place, WRITTEN);
    talk.says("Hello there");
    const words = await talk.said();
    expect(words.startsWith("You said: Hello there"), words);
    await talk.done();
  },

  async audio(place) {
    const talk = await talking(place, { instructions: "Be brief." });
    talk.speaks();
    await talk.event("input_audio_buffer.committed");
    await talk.done();
    const deltas = talk.of("response.output_audio.delta");
    expect(deltas.reduce((size, { delta }) => size + delta.length, 0) > 10_000, deltas.length);
  },

  async "function call"(place) {
    const talk = await talking(place, { tools: [WEATHER], ...WRITTEN });
    await talk.asksForWeather();
    const words = await talk.said();
    expect(words.includes(FORECAST), words);
    await talk.done(2);
  },

  async update(place) {
    const talk = await talking(place, WRITTEN);
    talk.says(STORY);
    await talk.event("response.output_text.delta");
    const session = await talk.configure({ instructions: "Rhyme." });
    expect(session.instructions === "Rhyme.", session);
    await talk.done();
    talk.says("And now?");
    const words = await talk.said(2);
    expect(words.includes("Rhyme."), words);
  },

  async "second create"(place) {
    const talk = await talking(place, WRITTEN);
    talk.says(STORY);
    await talk.event("response.output_text.delta");
    talk.send("response.create", { response: { instructions: EXACTLY, metadata: { client_event_id: "mine" } } });
    const words = await talk.said(2);
    expect(words === "The second.", words);
    const { metadata } = await talk.done(2);
    expect(metadata.client_event_id === "mine", metadata);
  },

  async interruption(place) {
    const talk = await talking(place, { instructions: "Be brief." });
    talk.says(STORY);
    await talk.event("response.output_audio.delta", 3);
    talk.speaks();
    await talk.event("input_audio_buffer.speech_started");
    const { item } = await talk.event("response.output_item.added");
    talk.send("conversation.item.truncate", { item_id: item.id, content_index: 0, audio_end_ms: 10 });
    await talk.done(1, "cancelled");
    await talk.event("conversation.item.truncated");
    await talk.done(2);
  },

  // The link is replaced between two turns, without a word.
  async renewal(place) {
    const talk = await talking(place, { tools: [WEATHER] });
    await talk.tellsOfItself();
    await recallOnAnotherLink((count) => talk.recalls(count));
    expect(talk.of("session.created").length === 1, talk.of("session.created"));
  },

  // The link breaks in mid-response: the answer is given again by another one, and nothing is reported.
  async loss(place) {
    const talk = await talking(place, { tools: [WEATHER] });
    await talk.tellsOfItself();
    talk.says(STORY);
    await talk.completed(4);
    await recallOnAnotherLink((count) => talk.recalls(count));
    await talk.done(4, "cancelled");
    expect(talk.of("session.created").length === 1, talk.of("session.created"));
  },
});
