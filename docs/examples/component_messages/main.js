// The page: a form for each message, what waits for its answer, and a log.

import { AGENT_URL } from "./config.js";
import { EXAMPLES, answerOf, answered } from "./messages.js";

const LONGEST_LOG = 500;
const UNREACHABLE = "The agent cannot be reached: does the proxy run, and is this page among server.origins?";

const at = (id) => document.getElementById(id);
/** What was sent and is not answered, oldest first. @type {{sent: object, answer: string, line: HTMLElement}[]} */
let waiting = [];
/** The calls that wait for their FunctionCallResponse, oldest first. @type {{id: string, name: string}[]} */
let calls = [];
let socket = null;
let isGivenUp = false;
let audioBytes = 0;

function newElement(name, text, className = "") {
  const element = document.createElement(name);
  element.textContent = text;
  element.className = className;
  return element;
}

function log(text, className) {
  const log = at("log");
  log.prepend(newElement("li", text, className));
  if (log.childElementCount > LONGEST_LOG) log.lastElementChild.remove();
}

function addForm({ body, about }) {
  const form = document.createElement("form");
  const button = newElement("button", body.type);
  const text = newElement("textarea", JSON.stringify(body, null, 2));
  text.id = body.type;
  text.rows = Math.min(8, text.value.split("\n").length);
  text.spellcheck = false;
  text.setAttribute("aria-label", `The JSON of ${body.type}`);
  form.append(button, newElement("p", about), text);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(text.value);
  });
  at("messages").append(form);
}

function send(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch (error) {
    at("fault").textContent = `This is not JSON: ${error.message}`;
    return;
  }
  at("fault").textContent = "";
  socket.send(JSON.stringify(message));
  log(`→ ${JSON.stringify(message)}`, "sent");
  if (message?.type === "FunctionCallResponse") forgetCalls([message]);
  const answer = answerOf(message);
  if (!answer) return;
  const line = newElement("li", JSON.stringify(message));
  at("waiting").append(line);
  waiting.push({ sent: message, answer, line });
}

function take(data) {
  if (typeof data !== "string") {
    audioBytes += data.byteLength;
    at("audio").textContent = String(audioBytes);
    return;
  }
  const message = JSON.parse(data);
  log(`← ${data}`, message.type === "Error" || message.type === "Warning" ? "problem" : "received");
  const done = answered(waiting, message);
  done?.line.remove();
  waiting = waiting.filter((one) => one !== done);
  if (message.type === "FunctionCallRequest") addCalls(message.functions.filter((call) => call.client_side));
  if (message.type === "FunctionCallCancelled") forgetCalls(message.functions);
}

function addCalls(requested) {
  calls.push(...requested);
  fillIn();
}

function forgetCalls(gone) {
  calls = calls.filter(({ id }) => !gone.some((other) => other.id === id));
  fillIn();
}

// So that the next FunctionCallResponse answers the oldest call.
function fillIn() {
  const [call] = calls;
  if (!call) return;
  const body = { type: "FunctionCallResponse", id: call.id, name: call.name, content: "It is sunny." };
  at("FunctionCallResponse").value = JSON.stringify(body, null, 2);
}

function showConnected(isConnected, state) {
  at("state").textContent = state;
  at("connect").textContent = isConnected ? "Disconnect" : "Connect";
  for (const button of at("messages").querySelectorAll("button")) button.disabled = !isConnected;
}

function connect() {
  at("fault").textContent = "";
  socket = new WebSocket(AGENT_URL);
  socket.binaryType = "arraybuffer";
  let isOpen = false;
  isGivenUp = false;
  showConnected(false, "Connecting …");
  socket.onopen = () => {
    isOpen = true;
    showConnected(true, "Connected");
  };
  socket.onmessage = ({ data }) => take(data);
  socket.onclose = ({ code, reason }) => {
    if (!isOpen && !isGivenUp) at("fault").textContent = UNREACHABLE;
    socket = null;
    waiting = [];
    calls = [];
    at("waiting").replaceChildren();
    showConnected(false, `Not connected (closed: ${code} ${reason})`);
  };
}

function disconnect() {
  isGivenUp = true;
  socket.close(1000);
}

EXAMPLES.forEach(addForm);
showConnected(false, "Not connected");
at("connect").addEventListener("click", () => (socket ? disconnect() : connect()));
