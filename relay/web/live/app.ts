/** The page's life: choose a character, talk, change settings, start again after an end. */

import { Board } from './board.ts';
import { wireControls } from './controls.ts';
import type { Card } from './control.ts';
import { loadOptions, type Options, saveOptions } from './options.ts';
import { OwnRig } from './ownrig.ts';
import type { PackJson } from './pack.ts';
import { wearFile } from './dropped.ts';
import { Recording } from './recording.ts';
import { ask, codeFromAddress, pair, SessionError, SLOW_REQUEST_MS } from './request.ts';
import { listCharacters, type Status } from './session.ts';
import { StandIn } from './standin.ts';
import { suggestions, three } from './suggest.ts';
import { Talk } from './talk.ts';
import { get, View } from './view.ts';
import { World } from './world.ts';
import { Immersive } from './xr.ts';

const RETRY_MS = 4_000;

export class App {
  readonly options: Options = loadOptions();
  readonly view = new View();
  readonly world: World;
  readonly standIn = new StandIn();
  readonly vr: Immersive;
  readonly recording: Recording;
  readonly board: Board;
  talk: Talk | null = null;
  private cards: Card[] = [];
  private card: Card | null = null;
  private toldDisclosure = false;
  private foreign = false;
  private wanted = '';
  private readonly used = new Set<string>();
  private round = 0;

  private constructor() {
    this.world = new World(get<HTMLCanvasElement>('view'), (report) => this.talk?.report(report));
    this.vr = new Immersive(this.world, (epoch) => this.talk?.recentred(epoch));
    this.recording = new Recording(this.world);
    this.board = new Board(this.world.stage.scene);
    this.world.watch(() => {
      this.view.caption(this.options.captions ? this.world.playout.caption() : null, this.card?.name ?? '');
      this.board.show(this.vr.active && this.options.captions ? this.view.lines() : []);
    });
    wireControls(this);
    addEventListener('pagehide', () => void this.talk?.stop());
    this.apply();
  }

  /** Opens the page: shows the character, waiting. */
  static async open(): Promise<App> {
    const listed = listCharacters(); // they come while the stage is built
    const app = new App();
    window.solamiLive = app;
    const code = codeFromAddress();
    const paired = code ? app.pair(code) : null;
    await app.findCharacters(Promise.all([listed, paired]).then(([cards]) => cards));
    return app;
  }

  private async findCharacters(listed = listCharacters()): Promise<void> {
    try {
      this.cards = await listed;
    } catch (error) {
      get('gate-text').textContent = plain(error);
      setTimeout(() => void this.findCharacters(), RETRY_MS);
      return;
    }
    get('character').replaceChildren(...this.cards.map((card) => new Option(card.name, card.id)));
    this.view.pick(this.cards, (id) => this.choose(id));
    const wanted = new URLSearchParams(location.search).get('character') ?? this.options.character;
    await this.show(this.cards.find((c) => c.id === wanted)?.id ?? this.cards[0].id);
  }

  /** Shows a character: card, body, and what it does by itself. */
  private async show(id: string): Promise<void> {
    this.wanted = id;
    const body = this.foreign ? Promise.resolve() : this.wearOwn(id);
    const pack = ask<PackJson>(`/v1/characters/${id}/behaviours`, undefined, SLOW_REQUEST_MS).then(
      (p) => id === this.wanted && this.world.live(p),
    );
    const card = ask<Card>(`/v1/characters/${id}`).then((c) => id === this.wanted && this.named(id, c));
    try {
      await Promise.all([card, body, pack]);
      if (id !== this.wanted) return;
      this.view.notice('character', '');
      window.solamiReady = true;
    } catch (error) {
      this.view.notice('character', plain(error), true);
      await Promise.allSettled([card, body, pack]);
      // a model server that is still starting answers later
      setTimeout(() => id === this.wanted && void this.show(id), RETRY_MS);
    }
  }

  private async wearOwn(id: string): Promise<void> {
    const rig = await OwnRig.load(id, this.cards.find((c) => c.id === id)?.name ?? id);
    // who chooses quickly sees the last choice, whichever file came first
    if (id === this.wanted) await this.world.wear(rig);
  }

  /** Wears the user's own file, or, for null, the character's own body again. */
  async wear(file: File | null): Promise<void> {
    try {
      if (file) await wearFile(this, file);
      this.foreign = file !== null;
      if (!file) await this.wearOwn(this.wanted);
      get('own-avatar').hidden = !file;
    } catch (error) {
      this.view.notice('avatar', plain(error), true);
    }
  }

  private named(id: string, card: Card): void {
    this.card = card;
    document.title = `Talk with ${card.name}`;
    get('name').textContent = card.name;
    get('gate-title').textContent = `Talk with ${card.name}`;
    get('gate-text').textContent = firstSentence(card.description ?? '');
    get<HTMLSelectElement>('character').value = id;
    this.view.picked(id);
    get<HTMLButtonElement>('start').disabled = false;
    this.options.character = id;
    this.used.clear();
    this.suggest();
  }

  private suggest(): void {
    if (!this.card) return;
    const texts = three(suggestions(this.card), this.used, this.round++);
    this.view.suggest(texts, (text) => {
      this.used.add(text);
      this.talk?.say(text);
    });
  }

  // -- a conversation ---------------------------------------------------------------------------------------------

  async start(): Promise<void> {
    const button = get<HTMLButtonElement>('start');
    button.disabled = true;
    const poser = { next: (ptsUs: number) => (this.vr.active ? this.vr : this.standIn).next(ptsUs) };
    const talk = new Talk(this.world, this.view, poser, {
      status: (status) => this.onStatus(status),
      character: (id) => void this.show(id),
      turnOver: () => this.suggest(),
      microphone: (on) => get('mic').setAttribute('aria-pressed', String(on)),
      message: (message) => this.recording.take(message),
      said: (pcm) => this.recording.said(pcm),
    });
    talk.volume = this.options.volume;
    talk.speaking = !this.options.pushToTalk;
    this.talk = talk;
    try {
      await talk.start(this.options.character, this.options.microphone);
      document.body.dataset.phase = 'live';
      this.view.notice('session', '');
    } catch (error) {
      await talk.stop();
      this.talk = null;
      const unpaired = error instanceof SessionError && error.code === 'pairing';
      if (unpaired) this.view.askForCode(true);
      else this.view.notice('session', plain(error), true);
      if (!(error instanceof SessionError)) console.error(error);
    } finally {
      button.disabled = false;
    }
  }

  /** Pairs this device with the server; returns whether that worked. */
  async pair(code: string): Promise<boolean> {
    try {
      await pair(code);
    } catch (error) {
      this.view.askForCode(true);
      this.view.notice('pairing', plain(error), true);
      return false;
    }
    this.view.notice('pairing', '');
    this.view.askForCode(false);
    return true;
  }

  private onStatus(status: Status): void {
    if (status.kind === 'ready') {
      this.view.notice('connection', '');
      this.disclose(this.talk?.session.ready?.ai_disclosure ?? '');
    }
    if (status.kind === 'lost') {
      this.view.notice('connection', 'The connection was lost. Trying to come back; nothing you said is lost.', true);
    }
    if (status.kind !== 'ended') return;
    this.view.notice('connection', '');
    this.view.notice('session', status.message, true);
    this.view.state('');
    document.body.dataset.phase = 'ended';
    get('start').textContent = 'Start again';
  }

  private disclose(sentence: string): void {
    if (this.toldDisclosure || !sentence) return;
    this.toldDisclosure = true;
    this.view.notice('disclosure', sentence);
  }

  // -- what the user asks for ------------------------------------------------------------------------------------

  /** Saves the last `ms` of the conversation in the form that the settings name. */
  async save(ms: number): Promise<void> {
    const as = get<HTMLSelectElement>('save-as').value as 'page' | 'model';
    try {
      const name = this.card?.name ?? 'character';
      await this.recording.save(ms, as, this.options.character, name);
      if (this.foreign) this.view.notice('saving', `Saved with ${name}'s own body: your avatar is not saved along.`);
    } catch (error) {
      this.view.notice('saving', plain(error));
    }
  }

  /** Another character, also in the middle of a conversation. */
  choose(id: string): void {
    if (document.body.dataset.phase === 'live') this.talk?.become(id);
    else void this.show(id);
    this.options.character = id;
    saveOptions(this.options);
  }

  /** Puts the options into effect, and keeps them. */
  apply(): void {
    const { options, world } = this;
    document.body.dataset.captions = String(options.captions);
    document.body.dataset.still = String(options.reducedMotion);
    world.reducedMotion = options.reducedMotion;
    world.stage.controls.enableDamping = !options.reducedMotion;
    world.setVolume(options.volume);
    if (this.talk) this.talk.speaking = !options.pushToTalk;
    get('mic').ariaLabel = options.pushToTalk ? 'Hold to talk' : 'Microphone';
    saveOptions(options);
  }
}

function firstSentence(text: string): string {
  return /^.*?[.!?](?=\s|$)/s.exec(text.trim())?.[0] ?? text;
}

function plain(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

declare global {
  interface Window {
    /** For tests and for the curious. */
    solamiLive?: App;
    solamiReady?: boolean;
  }
}
