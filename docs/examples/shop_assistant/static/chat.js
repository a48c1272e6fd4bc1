// The assistant by text: a client of the Voice Agent protocol. The prompt and the functions are the host's.

const conversation = document.getElementById("conversation");
const words = document.getElementById("words");
const send = document.getElementById("send");
const state = document.getElementById("state");

const address = new URL("/assistant", location.href);
address.protocol = address.protocol.replace("http", "ws");
const socket = new WebSocket(address);
socket.binaryType = "arraybuffer";

/** Adds what somebody said; as text, so that nothing in it becomes part of the page. */
function show(role, text) {
  const line = document.createElement("li");
  line.className = role;
  line.textContent = text;
  conversation.append(line);
  line.scrollIntoView({ block: "nearest" });
}

const receive = {
  SettingsApplied() {
    state.textContent = "";
    send.disabled = false;
  },
  ConversationText: ({ role, content }) => show(role, content),
  FunctionCallRequest() {
    state.textContent = "Looking that up …";
  },
  AgentDone() {
    state.textContent = "";
  },
  Warning({ description }) {
    state.textContent = description;
  },
  Error({ description }) {
    state.textContent = description;
  },
};

socket.addEventListener("open", () => {
  socket.send(JSON.stringify({ type: "Settings", agent: { think: { outputModalities: ["text"] } } }));
});

socket.addEventListener("message", ({ data }) => {
  if (typeof data !== "string") return; // audio, of which this page plays none
  const message = JSON.parse(data);
  receive[message.type]?.(message);
});

socket.addEventListener("close", ({ code, reason }) => {
  send.disabled = true;
  const why = reason || `the connection was lost (${code})`;
  state.textContent = `The conversation has ended: ${why}. Reload to begin again.`;
});

document.getElementById("question").addEventListener("submit", (event) => {
  event.preventDefault();
  socket.send(JSON.stringify({ type: "InjectUserMessage", content: words.value }));
  words.value = "";
});
