// A conversation: one WebSocket to the proxy, the microphone into it, the agent's audio out of it.

import { AGENT_URL, PROMPT, TOKEN_URL } from "./config.js";
import { Sound } from "./sound.js";

// What may wait to be sent, in seconds of audio: on a slow network the latest is worth more than all.
const LONGEST_WAIT = 2;

/**
 * @typedef {object} Listeners
 * @property {(state: "connecting" | "listening" | "speaking") => void} onState
 * @property {(role: "user" | "assistant", text: string) => void} onText  A final text of either side.
 * @property {(text: string) => void} onPartial  The user's words so far.
 * @property {(played: number, cut: number) => void} onPlayed  Seconds of the agent's audio.
 * @property {(fault: string) => void} onEnd  Once; with words if it ended by a fault.
 */

export class Conversation {
  /** @param {Listeners} listeners */
  constructor(listeners) {
    this.listeners = listeners;
    this.sound = null;
    this.socket = null;
    this.fault = "";
    this.isOver = false;
    this.isMuted = false;
  }

  /** Ask for the microphone, then connect. Call it on a click: without one, browsers play no sound. */
  async begin() {
    this.listeners.onState("connecting");
    try {
      const sound = await Sound.open({
        onAudio: (samples) => this.sendAudio(samples),
        onPlayed: (played) => this.showPlayed(played),
        onLost: () => this.end("The microphone is gone."),
      });
      if (this.isOver) { // hung up while the browser asked for permission
        sound.close();
        return;
      }
      this.sound = sound;
      sound.mute(this.isMuted);
      const protocols = await tokenProtocols();
      if (!this.isOver) this.connect(protocols);
    } catch (error) {
      this.end(error.message);
    }
  }

  /** Hang up, or give up. */
  end(fault = "") {
    if (this.isOver) return;
    this.isOver = true;
    if (this.socket) {
      this.socket.onmessage = null; // what is still on its way is for nobody
      this.socket.close(1000);
    }
    this.sound?.close();
    this.listeners.onEnd(fault);
  }

  mute(isMuted) {
    this.isMuted = isMuted;
    this.sound?.mute(isMuted);
  }

  connect(protocols) {
    const socket = new WebSocket(AGENT_URL, protocols);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    let isOpen = false;
    socket.onopen = () => {
      isOpen = true;
      socket.send(JSON.stringify(settings(this.sound.rate)));
    };
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.take(JSON.parse(data)) : this.sound.play(data));
    socket.onclose = ({ code, reason }) => {
      if (!isOpen) this.end("The agent cannot be reached: does the proxy run, and is this page among server.origins?");
      else this.end(this.fault || (code === 1000 ? "" : `The connection was lost (${code} ${reason}).`));
    };
  }

  sendAudio(samples) {
    const waiting = this.socket?.bufferedAmount ?? 0;
    if (this.socket?.readyState !== WebSocket.OPEN || waiting > LONGEST_WAIT * 2 * this.sound.rate) return;
    this.socket.send(samples);
  }

  take(message) {
    switch (message.type) {
      case "SettingsApplied":
        this.listeners.onState("listening");
        break;
      case "UserStartedSpeaking": // the proxy sends no more of the answer that the user breaks in on
        this.sound.stopPlaying();
        break;
      case "Transcript":
        this.listeners.onPartial(message.transcript);
        break;
      case "ConversationText":
        this.listeners.onText(message.role, message.content);
        break;
      case "Error": // the last one says why the connection closes, if it does
        this.fault = message.description;
        break;
      case "Warning":
        console.warn(message.description);
        break;
    }
  }

  showPlayed({ played, cut, isPlaying }) {
    this.listeners.onPlayed(played, cut);
    if (!this.isOver) this.listeners.onState(isPlaying ? "speaking" : "listening");
  }
}

function settings(rate) {
  const format = { encoding: "linear16", sample_rate: rate };
  return {
    type: "Settings",
    audio: { input: format, output: { ...format, container: "none" } },
    agent: { think: { prompt: PROMPT } },
  };
}

// A browser cannot set headers of a WebSocket: the token goes as a subprotocol.
async function tokenProtocols() {
  if (!TOKEN_URL) return [];
  const answer = await fetch(TOKEN_URL, { method: "POST" });
  if (!answer.ok) throw new Error(`The page got no token (${answer.status}): are you logged in?`);
  return ["token", (await answer.json()).value];
}
