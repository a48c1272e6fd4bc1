// Runs on the audio thread: passes the microphone's samples on, 20 ms at a time.

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.startFrame();
  }

  startFrame() {
    this.frame = new Int16Array(Math.round(sampleRate / 50));
    this.filled = 0;
  }

  process([[channel]]) {
    for (const sample of channel ?? []) { // no channel: no microphone is connected any more
      this.frame[this.filled++] = Math.max(-1, Math.min(1, sample)) * 32767;
      if (this.filled === this.frame.length) {
        this.port.postMessage(this.frame.buffer, [this.frame.buffer]);
        this.startFrame();
      }
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
