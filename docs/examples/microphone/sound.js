// The microphone and the loudspeaker, as 16-bit samples at the rate of the machine: the proxy resamples.

const RATES = [16_000, 22_050, 24_000, 32_000, 44_100, 48_000]; // those that the proxy takes
const MICROPHONE = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const FAULTS = {
  NotAllowedError: "The microphone is not allowed: allow it in the browser's settings for this page, and try again.",
  NotFoundError: "There is no microphone.",
  NotReadableError: "The microphone cannot be used: another program may have it.",
};

export class Sound {
  /**
   * Ask for the microphone, and open it and the loudspeaker.
   *
   * @param {object} listeners
   * @param {(samples: ArrayBuffer) => void} listeners.onAudio  20 ms of the microphone.
   * @param {(played: {played: number, cut: number, isPlaying: boolean}) => void} listeners.onPlayed  In seconds.
   * @param {() => void} listeners.onLost  The microphone is gone.
   * @returns {Promise<Sound>}
   * @throws {Error} In words for the user.
   */
  static async open(listeners) {
    const context = newContext();
    let stream = null;
    try {
      stream = await askForMicrophone();
      await Promise.all(["microphone", "player"].map((name) => context.audioWorklet.addModule(`${name}_worklet.js`)));
      await context.resume();
      return new Sound(context, stream, listeners);
    } catch (error) {
      for (const track of stream?.getTracks() ?? []) track.stop();
      await context.close();
      throw error;
    }
  }

  constructor(context, stream, { onAudio, onPlayed, onLost }) {
    this.context = context;
    this.stream = stream;
    this.rate = context.sampleRate;
    const microphone = new AudioWorkletNode(context, "microphone", { numberOfOutputs: 0 });
    microphone.port.onmessage = ({ data }) => onAudio(data);
    this.source = context.createMediaStreamSource(stream);
    this.source.connect(microphone);
    this.player = new AudioWorkletNode(context, "player", { numberOfInputs: 0, outputChannelCount: [1] });
    this.player.port.onmessage = ({ data: { played, cut, isPlaying } }) =>
      onPlayed({ played: played / this.rate, cut: cut / this.rate, isPlaying });
    this.player.connect(context.destination);
    stream.getAudioTracks()[0].onended = onLost;
  }

  /** Play samples behind those that wait. @param {ArrayBuffer} samples */
  play(samples) {
    this.player.port.postMessage(new Int16Array(samples), [samples]);
  }

  /** Forget what waits to be played, at once. */
  stopPlaying() {
    this.player.port.postMessage("stop");
  }

  mute(isMuted) {
    for (const track of this.stream.getAudioTracks()) track.enabled = !isMuted;
  }

  close() {
    for (const track of this.stream.getTracks()) track.stop();
    if (this.context.state !== "closed") this.context.close();
  }
}

function newContext() {
  const context = new AudioContext({ latencyHint: "interactive" });
  if (RATES.includes(context.sampleRate)) return context;
  context.close();
  return new AudioContext({ latencyHint: "interactive", sampleRate: 48_000 });
}

async function askForMicrophone() {
  if (!navigator.mediaDevices) throw new Error("Browsers give microphones only to pages of https:// and 127.0.0.1.");
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: MICROPHONE });
  } catch (error) {
    throw new Error(FAULTS[error.name] ?? `The microphone cannot be used: ${error.message}`);
  }
}
