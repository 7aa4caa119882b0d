/** One conversation: session, voice and microphone, from the first click to the goodbye. */

import { RATE_HZ } from './audioqueue.ts';
import { nowUs } from './clock.ts';
import type { Down } from './control.ts';
import { Microphone, MicrophoneError, type Piece } from './mic.ts';
import { OpusMicrophone, opusSupported } from './opus.ts';
import type { Report } from './playout.ts';
import { Session, type Status } from './session.ts';
import type { View } from './view.ts';
import { Voice } from './voice.ts';
import { audioFrame, type MediaFrame } from './wire.ts';
import type { World } from './world.ts';

const PIECE_US = 20_000;
const DRIFT_US = 100_000; // beyond it the microphone has paused: its clock starts again
const POSE_MS = 1000 / 30;

/** Where the user's pose comes from; null while there is none. */
export interface Poser {
  next(ptsUs: number): MediaFrame | null;
}

export interface TalkEvents {
  status(status: Status): void;
  character(id: string): void;
  turnOver(): void;
  microphone(on: boolean): void;
  /** Everything the relay says, and every piece of the microphone that goes up. */
  message(message: Down): void;
  said(pcm: Int16Array): void;
}

export class Talk {
  readonly session: Session;
  readonly log: Down[] = [];
  readonly reports: Report[] = [];
  /** Push to talk: while false, silence goes up in place of the microphone's sound. */
  speaking = true;
  volume = 1;
  private readonly world: World;
  private readonly view: View;
  private readonly poser: Poser;
  private readonly events: TalkEvents;
  private microphone: Microphone | null = null;
  private packer: OpusMicrophone | null = null;
  private piecesUs: number | null = null;
  private poseTimer = 0;
  private character = '';

  constructor(world: World, view: View, poser: Poser, events: TalkEvents) {
    this.world = world;
    this.view = view;
    this.poser = poser;
    this.events = events;
    this.session = new Session({
      message: (m) => this.take(m),
      media: (f) => world.playout.onMedia(f),
      status: (s) => this.changed(s),
    });
  }

  /** Begins. Throws SessionError when there is no session to be had; without a microphone it goes on. */
  async start(character: string, withMicrophone: boolean): Promise<void> {
    this.character = character;
    this.world.playout.reset();
    if (!this.world.voice) await this.openVoice();
    else await this.world.voice.context.resume();
    if (withMicrophone) await this.openMicrophone();
    await this.session.open(character, await audioCodecs());
    this.poseTimer = setInterval(() => this.sendPose(), POSE_MS) as unknown as number;
  }

  private async openVoice(): Promise<void> {
    const { playout } = this.world;
    const voice = await Voice.open({
      change: (change) => playout.onChange(change, performance.now()),
      beat: () => playout.beat(performance.now()),
    });
    if (voice.context.sampleRate !== RATE_HZ) throw new Error('This browser cannot play sound at 24 kHz.');
    this.world.speakWith(voice, this.volume);
  }

  /** Turns the microphone on; says in plain words what is in the way. */
  async openMicrophone(): Promise<void> {
    if (this.microphone) return;
    try {
      this.microphone = await Microphone.open(
        (piece) => this.sendSound(piece),
        () => {
          void this.closeMicrophone();
          this.view.notice('microphone', 'The microphone went away. Plug it in and press the microphone button.', true);
        },
      );
      this.view.notice('microphone', '');
    } catch (error) {
      if (!(error instanceof MicrophoneError)) throw error;
      this.view.notice('microphone', error.message, true);
    }
    this.events.microphone(this.microphone !== null);
  }

  async closeMicrophone(): Promise<void> {
    await this.microphone?.close();
    this.microphone = null;
    this.piecesUs = null;
    this.events.microphone(false);
  }

  get hears(): boolean {
    return this.microphone !== null;
  }

  private sendSound({ pcm, level }: Piece): void {
    if (!this.session.ready) return;
    const began = nowUs() - PIECE_US;
    // pts follow the samples, not the arrival, for that jitters
    if (this.piecesUs === null || Math.abs(began - this.piecesUs) > DRIFT_US) this.piecesUs = began;
    if (!this.speaking) pcm.fill(0);
    this.events.said(pcm);
    if (this.packer?.works) this.packer.push(pcm, this.piecesUs);
    else this.session.sendMedia(audioFrame(pcm, this.piecesUs));
    this.piecesUs += PIECE_US;
    const shown = this.speaking ? Math.min(1, Math.max(0, (level + 55) / 40)) : 0;
    document.getElementById('mic')!.style.setProperty('--level', shown.toFixed(2));
  }

  private packed(on: boolean): void {
    if (on && !this.packer?.works) this.packer = new OpusMicrophone((frame) => this.session.sendMedia(frame));
    else if (!on) this.packer = null;
  }

  private sendPose(): void {
    if (!this.session.ready) return;
    const frame = this.poser.next(nowUs());
    if (frame) this.session.sendMedia(frame);
  }

  say(text: string): void {
    this.session.send({ type: 'text', text });
    this.view.heard(text, true);
  }

  become(character: string): void {
    this.session.send({ type: 'character.set', character });
  }

  /** The user recentred; the character keeps its place before them. */
  recentred(epoch: number): void {
    this.session.send({ type: 'space', epoch, transform: { x: 0, y: 0, z: 0, yaw_rad: 0 } });
  }

  report(report: Report): void {
    this.reports.push(report);
    this.session.send({ type: 'playback', ...report });
  }

  private changed(status: Status): void {
    if (status.kind === 'lost') this.view.state('lost');
    if (status.kind === 'connecting') this.view.state('connecting');
    if (status.kind === 'ready') this.view.state('idle');
    if (status.kind === 'ended') void this.stop();
    this.events.status(status);
  }

  private take(message: Down): void {
    if (message.type !== 'pong') this.log.push(message);
    this.events.message(message);
    this.world.playout.onMessage(message);
    switch (message.type) {
      case 'ready':
        this.packed(message.audio.up.codec === 'opus');
        if (message.character !== this.character) this.isNow(message.character);
        return;
      case 'snapshot':
      case 'state':
        this.view.state(message.state);
        return this.world.setState(message.state);
      case 'transcript':
        return this.view.heard(message.text, message.final);
      case 'percept':
        return this.view.saw(message.acts);
      case 'scene':
        return this.isNow(message.character);
      case 'turn.done':
        return this.events.turnOver();
      case 'turn.failed':
      case 'error':
        return this.view.notice(message.type, sentence(message.message));
      case 'goaway':
        return this.view.notice('goaway', sentence(message.message));
      case 'degraded':
        return this.view.notice(`part ${message.part}`, sentence(message.why));
      case 'restored':
        return this.view.notice(`part ${message.part}`, '');
    }
  }

  private isNow(character: string): void {
    if (!character) return;
    this.character = character;
    this.events.character(character);
  }

  /** Ends the conversation; the voice falls silent. */
  async stop(): Promise<void> {
    clearInterval(this.poseTimer);
    this.session.close();
    this.world.playout.reset();
    this.world.setState('idle');
    await this.closeMicrophone();
    this.packer?.close();
    this.packer = null;
  }
}

/** Opus where it saves something: on this very machine, bytes cost nothing. `?audio=` of the address decides otherwise. */
async function audioCodecs(): Promise<string[]> {
  const here = /^(localhost|127\.0\.0\.1|\[::1\])$/.test(location.hostname);
  const wanted = new URLSearchParams(location.search).get('audio') ?? (here ? 'pcm16' : 'opus');
  return wanted === 'opus' && (await opusSupported()) ? ['opus', 'pcm16'] : ['pcm16'];
}

function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
