// Reads fields of the journal's lines, whatever is in them: a recording may be cut, or written by anybody.

// The latest moment of a session that is believed, in seconds: a hundred days and more.
const LATEST = 1e7;

/** Return a value that is an object and no list; an empty one for any other. */
export function objectOf(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
}

/** Return a list; the members of an encoded tuple; an empty list for any other value. */
export function listOf(value) {
  const found = Array.isArray(value) ? value : objectOf(value).of;
  return Array.isArray(found) ? found : [];
}

/** Return the class of an encoded event or effect; "" for another value. */
export function kindOf(value) {
  const kind = objectOf(value)["!"];
  return typeof kind === "string" ? kind : "";
}

/** Return a text, also one that is encoded in parts, of which what is left out is "..."; "" for any other value. */
export function textOf(value) {
  if (typeof value === "string") return value;
  if (kindOf(value) !== "text") return "";
  return listOf(value).map((part) => (typeof part === "string" ? part : "...")).join("");
}

/** Return a moment in seconds; another one where it is none. */
export function timeOf(value, otherwise) {
  return typeof value === "number" && value >= 0 && value <= LATEST ? value : otherwise;
}

/** Return a whole number, such as a request's; null for any other value. */
export function numberOf(value) {
  return Number.isSafeInteger(value) ? value : null;
}

/** Put a value into a map of the latest ones. */
export function keep(map, key, value, most = 1024) {
  map.delete(key);
  map.set(key, value);
  if (map.size > most) map.delete(map.keys().next().value);
}
