// The page of `turnstile demo --page`: plays the demo's conversation without and with the gate, side by side.

import { DemoSide } from "./demo_side.js";
import { setText } from "./dom.js";

const SIDES = [
  {
    name: "ungated",
    title: "Without the gate",
    words:
      "All goes upstream at once: one change takes effect in the middle of an answer, another is refused, questions " +
      "get no answer; and yet the client is told that all is in force.",
  },
  {
    name: "gated",
    title: "With the gate",
    words:
      "What would collide waits for the end of the response, goes in order, and is acknowledged when it is in " +
      "force. What is hatched waits; an arrow leads to it from the event that let it go.",
  },
];
// Seconds that both time axes show at least: about as long as the conversation takes.
const LEAST = 2.8;

const button = /** @type {HTMLButtonElement} */ (document.getElementById("play"));
const said = /** @type {HTMLElement} */ (document.getElementById("said"));
const parent = /** @type {HTMLElement} */ (document.getElementById("plays"));
const sides = SIDES.map((side) => new DemoSide(parent, side, align));

/** Give both sides the same time axis, as long as the longer of the two takes. */
function align() {
  const until = Math.max(LEAST, ...sides.map((side) => side.until * 1.04));
  for (const side of sides) side.show(until);
}

async function play() {
  // A button that is disabled would lose the keyboard's place.
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  setText(said, "Playing...");
  const faults = await Promise.all(sides.map((side) => side.play()));
  const [without, withIt] = sides.map((side) => side.answered);
  const played = `Played. Questions answered: ${without} without the gate, ${withIt} with it. `;
  setText(said, faults.find(Boolean) ?? `${played}Click an event to see what was sent.`);
  setText(button, "Play again");
  button.ariaDisabled = "false";
}

button.addEventListener("click", play);
