// One session as a row of the list; on a narrow screen the same cells are a card.
import { element, setText } from "./dom.js";
import { ageWords, clientWords, waitWords } from "./wording.js";

/** The columns: what is written, by what it is sorted (the first is what an operator looks for first). */
export const COLUMNS = [
  sortedByText("id", "Session", ({ id }) => id),
  sortedByText("client", "Client", ({ client }) => clientWords(client)),
  sortedByText("dialect", "Dialect", ({ dialect }) => dialect ?? ""),
  sortedByText("state", "State", ({ state }) => state ?? ""),
  { name: "waits", title: "What waits", textOf: waitsText, valueOf: (session) => -waitedFor(session) },
  { name: "turns", title: "Turns", textOf: ({ turns }) => String(turns ?? ""), valueOf: ({ turns }) => -(turns ?? 0) },
  sortedByText("link", "Link", linkText),
  { name: "age", title: "Age", textOf: ({ age }) => ageWords(age), valueOf: ({ age }) => age ?? 0 },
  { name: "worker", title: "Worker", textOf: workerText, valueOf: ({ worker }) => worker ?? 0 },
];

/** Return what a windowed list needs to show sessions. */
export function rowMaker() {
  return { keyOf: ({ id }) => id, make, update };
}

function make() {
  const cells = COLUMNS.map(({ name }) => element("div", { class: `cell ${name}`, role: "cell" }));
  cells[0].append(element("a", { href: "#/" }));
  return element("div", { class: "row", role: "row" }, ...cells);
}

/** Write what has changed. */
function update(row, session) {
  COLUMNS.forEach(({ textOf }, index) => {
    const cell = row.children[index];
    setText(index === 0 ? cell.firstElementChild : cell, textOf(session));
  });
  const href = `#/sessions/${encodeURIComponent(session.id)}`;
  const link = row.querySelector("a");
  if (link.getAttribute("href") !== href) link.setAttribute("href", href);
  if (row.dataset.state !== session.state) row.dataset.state = session.state;
}

function sortedByText(name, title, textOf) {
  return { name, title, textOf, valueOf: textOf };
}

function workerText({ worker }) {
  return String(worker ?? "");
}

function waitsText({ waiting, longest_wait: longest }) {
  if (!waiting) return "";
  if (!longest) return `${waiting} waiting`;
  const more = waiting > 1 ? ` (and ${waiting - 1} more)` : "";
  const since = typeof longest.for === "number" ? ` ${waitWords(longest.for)}` : "";
  return `${longest.message || "a request"}${since} for ${longest.reason}${more}`;
}

function waitedFor({ waiting, longest_wait: longest }) {
  return waiting ? (longest?.for ?? 0) + 1e-3 : 0;
}

function linkText({ link }) {
  if (!link?.number) return "none yet";
  return link.number > 1 ? `${link.state} (${link.number})` : link.state ?? "";
}
