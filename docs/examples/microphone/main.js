// The page: its buttons, and what a conversation shows.

import { Conversation } from "./conversation.js";

const STATES = { connecting: "Connecting …", listening: "Listening", speaking: "The agent speaks" };

const at = (id) => document.getElementById(id);
let conversation = null;

function show(state) {
  at("state").textContent = STATES[state];
}

function showText(role, text) {
  const line = document.createElement("li");
  line.className = role;
  line.textContent = text;
  at("transcript").append(line);
  if (role === "user") at("partial").textContent = "";
}

function showPlayed(played, cut) {
  at("played").textContent = played.toFixed(1);
  at("cut").textContent = cut.toFixed(1);
}

function showEnd(fault) {
  conversation = null;
  at("fault").textContent = fault;
  at("state").textContent = "Not connected";
  at("partial").textContent = "";
  at("talk").textContent = "Talk";
  at("mute").disabled = true;
}

function begin() {
  at("fault").textContent = "";
  at("transcript").replaceChildren();
  at("talk").textContent = "Hang up";
  at("mute").disabled = false;
  at("mute").setAttribute("aria-pressed", "false");
  conversation = new Conversation({
    onState: show,
    onText: showText,
    onPartial: (text) => { at("partial").textContent = text; },
    onPlayed: showPlayed,
    onEnd: showEnd,
  });
  conversation.begin();
}

at("talk").addEventListener("click", () => (conversation ? conversation.end() : begin()));
at("mute").addEventListener("click", () => {
  const isMuted = at("mute").getAttribute("aria-pressed") !== "true";
  at("mute").setAttribute("aria-pressed", String(isMuted));
  conversation.mute(isMuted);
});
