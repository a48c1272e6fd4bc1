// Writes what the timeline draws of each file, as JSON: for tests that compare it with what the files say.

import { readFileSync } from "node:fs";

import { timelineOf } from "./lines.mjs";

const all = {};
for (const file of process.argv.slice(1)) {
  const lines = readFileSync(file, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  const { spans, marks } = timelineOf(lines).within(0, 1e9);
  all[file] = { spans, marks: marks.filter(({ kind }) => kind !== "frame") };
}
process.stdout.write(JSON.stringify(all));
