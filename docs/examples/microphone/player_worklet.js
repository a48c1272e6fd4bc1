// Runs on the audio thread: plays the agent's samples one piece behind the other, or forgets them at once.

const LONGEST_WAIT = 600; // seconds of audio; the agent speaks faster than it is heard
const REPORT_EVERY = 0.1; // seconds

class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.pieces = [];
    this.offset = 0; // what of the first piece has been played
    this.waiting = 0;
    this.played = 0;
    this.cut = 0;
    this.reportAt = 0;
    this.port.onmessage = ({ data }) => (data === "stop" ? this.stop() : this.add(data));
  }

  add(samples) {
    if (this.waiting > LONGEST_WAIT * sampleRate) return;
    this.pieces.push(samples);
    this.waiting += samples.length;
  }

  stop() {
    this.cut += this.waiting;
    this.pieces = [];
    this.offset = this.waiting = 0;
    this.report();
  }

  process(_, [[output]]) {
    const before = this.played;
    let filled = 0;
    while (filled < output.length && this.pieces.length > 0) filled += this.playFirst(output, filled);
    if (before !== this.played && (this.waiting === 0 || currentTime >= this.reportAt)) this.report();
    return true;
  }

  playFirst(output, filled) {
    const piece = this.pieces[0];
    const count = Math.min(output.length - filled, piece.length - this.offset);
    for (let index = 0; index < count; index++) output[filled + index] = piece[this.offset + index] / 32768;
    this.offset += count;
    this.waiting -= count;
    this.played += count;
    if (this.offset === piece.length) {
      this.pieces.shift();
      this.offset = 0;
    }
    return count;
  }

  report() {
    this.reportAt = currentTime + REPORT_EVERY;
    this.port.postMessage({ played: this.played, cut: this.cut, isPlaying: this.waiting > 0 });
  }
}

registerProcessor("player", Player);
