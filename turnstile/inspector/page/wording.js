// Figures and faults in words.

/**
 * Return how long something has been, as people say it.
 * @param {number} seconds
 */
export function ageWords(seconds) {
  const whole = Math.max(0, Math.floor(Number(seconds) || 0));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/**
 * Return a wait in seconds, with a tenth while it is short.
 * @param {number} seconds
 */
export function waitWords(seconds) {
  return seconds < 60 ? `${Math.max(0, seconds).toFixed(1)} s` : ageWords(seconds);
}

/**
 * Return a size in bytes.
 * @param {number} bytes
 */
export function sizeWords(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/**
 * Return who a client is: the name that its credentials prove, or its address.
 * @param {{identity?: string, address?: string}} [client]
 */
export function clientWords(client) {
  return client?.identity || client?.address || "in the process";
}

/**
 * Return what a session's oldest wait is.
 * @param {{message?: string, reason?: string, for?: number | null}} wait
 */
export function waitingWords(wait) {
  const since = typeof wait.for === "number" ? ` ${waitWords(wait.for)}` : "";
  return `${wait.message || "a message"}${since} for ${wait.reason}`;
}
