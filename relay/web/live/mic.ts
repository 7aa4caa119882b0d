/** The user's microphone: 16 kHz PCM in 20 ms pieces from permission to `close`. */

import workletUrl from './mic.worklet.ts?worker&url';

export interface Piece {
  pcm: Int16Array;
  /** dBFS of these 20 ms. */
  level: number;
}

/** Why there is no sound from the user; `message` is for them. */
export class MicrophoneError extends Error {}

export class Microphone {
  private readonly context: AudioContext;
  private readonly stream: MediaStream;

  private constructor(context: AudioContext, stream: MediaStream) {
    this.context = context;
    this.stream = stream;
  }

  /** Asks the user and starts. Throws MicrophoneError in plain words. `lost`: the device went away. */
  static async open(take: (piece: Piece) => void, lost: () => void): Promise<Microphone> {
    const stream = await permitted();
    const context = new AudioContext();
    await context.audioWorklet.addModule(workletUrl);
    const node = new AudioWorkletNode(context, 'solami-microphone', { numberOfOutputs: 0, channelCount: 1 });
    node.port.onmessage = (event: MessageEvent<Piece>) => take(event.data);
    context.createMediaStreamSource(stream).connect(node);
    for (const track of stream.getAudioTracks()) track.onended = lost;
    await context.resume();
    return new Microphone(context, stream);
  }

  async close(): Promise<void> {
    for (const track of this.stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
    await this.context.close();
  }
}

async function permitted(): Promise<MediaStream> {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new MicrophoneError(
      'This browser gives no microphone to pages without encryption. Open the page by https, or on this computer by http://localhost. You can type instead.',
    );
  }
  try {
    const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new MicrophoneError(why(error));
  }
}

function why(error: unknown): string {
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
      return 'The microphone was refused. Allow it in the address bar and press the microphone button, or type instead.';
    case 'NotFoundError':
      return 'No microphone was found. Plug one in and press the microphone button, or type instead.';
    case 'NotReadableError':
      return 'The microphone is used by another program. Close it and press the microphone button, or type instead.';
    default:
      return `The microphone cannot be used (${String(error)}). You can type instead.`;
  }
}
