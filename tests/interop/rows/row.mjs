// What every row for Node does alike: it runs its checks at once, each with a deadline, and prints a line of JSON for each.

export const KEY = "sk-made-up";
// So long that its answer still runs when a client on a busy machine breaks in.
export const STORY = Array(8).fill("Tell me a long story about a long journey of many days").join(" ");
export const QUESTION = "What is the weather in London?";
export const FORECAST = "sunny with a chance of hail";
export const NAME = "My name is Ada";
export const MEMORY = "What do you remember?";
// How the answer to that begins, whatever it says.
export const RECALLED = /^(Your name is|I do not know your name)/;
const KNOWN = `Your name is Ada. It is ${FORECAST}.`;
// Which a model of another link adds.
const NOTE = "This is another link.";
export const EXACTLY = 'Say exactly: "The second."';

/** Return a tone and the silence after it, as 16-bit PCM; both lengths in seconds. */
export function speech(seconds = 0.6, silence = 0.6, rate = 24_000) {
  const samples = new Int16Array(Math.floor(rate * (seconds + silence)));
  for (let n = 0; n < rate * seconds; n += 1) samples[n] = 12_000 * Math.sin(n / 10);
  return Buffer.from(samples.buffer);
}

export function expect(truth, found) {
  if (!truth) throw new Error(`unexpected: ${JSON.stringify(found)}`);
}

/**
 * Ask what the agent remembers until another link answers; each answer must have the name and the weather.
 *
 * `recall` asks, and returns the answer; its argument counts the questions, from 1.
 */
export async function recallOnAnotherLink(recall) {
  for (let words = "", count = 1; !words.includes(NOTE); count += 1) {
    words = await recall(count);
    expect(words.includes(KNOWN), words);
  }
}

/** What a client was told so far; wait for more of it with `until`. */
export class Heard {
  events = [];
  #waiting = new Set();
  #failure;

  add(event) {
    this.events.push(event);
    this.#look();
  }

  /** End all waiting, now and later. */
  fail(error) {
    this.#failure ??= error;
    this.#look();
  }

  /** Wait until `found` returns something of the events, and return that; `name` says what is waited for. */
  until(name, found) {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (this.#failure) return reject(this.#failure);
        try {
          const result = found(this.events);
          if (!result) return;
          this.#waiting.delete(look);
          resolve(result);
        } catch (error) {
          reject(error);
        }
      };
      look.toString = () => name;
      this.#waiting.add(look);
      look();
    });
  }

  /** What is waited for, in words. */
  get waiting() {
    return [...this.#waiting].map(String).join(", ");
  }

  #look() {
    for (const look of [...this.#waiting]) look();
  }
}

async function judge(upstream, name, check) {
  let hole = null;
  let timer;
  const place = { url: upstream.url, model: upstream.model, http: upstream.url.replace(/^ws/, "http"), opened: [] };
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came of ${place.heard?.waiting || name}`)), upstream.deadline * 1_000);
  });
  try {
    await Promise.race([check(place), late]);
  } catch (error) {
    hole = String(error?.message ?? error).split("\n")[0].slice(0, 400);
  }
  clearTimeout(timer);
  for (const close of place.opened) close();
  process.stdout.write(`${JSON.stringify({ upstream: upstream.name, check: name, hole })}\n`);
}

/**
 * Run the checks that the environment's INTEROP_PLAN asks for, and end the process.
 *
 * A check is an asynchronous function of the place to connect to: it puts what it hears into `place.heard`, and what
 * closes its connection into `place.opened`. What it throws is a hole.
 */
export async function run(checks) {
  // What a client throws beside its promises would end the other checks too.
  process.on("unhandledRejection", (error) => process.stderr.write(`unhandled: ${error?.stack ?? error}\n`));
  process.on("uncaughtException", (error) => process.stderr.write(`uncaught: ${error?.stack ?? error}\n`));
  const plan = JSON.parse(process.env.INTEROP_PLAN);
  await Promise.all(plan.flatMap((upstream) => upstream.checks.map((name) => judge(upstream, name, checks[name]))));
  process.exit(0);
}
