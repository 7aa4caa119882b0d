/** The page of one recorded turn: wires player, clock, time line and buttons together. */

import { AudioClock } from './clock';
import { Player } from './player';
import { Stage, type View } from './stage';
import { Timeline } from './timeline';
import { readTurn, type Turn } from './turndata';

declare global {
  interface Window {
    solamiReady?: boolean;
    solamiSeek?: (seconds: number) => void;
    solamiPlay?: () => Promise<void>;
    solamiNow?: () => number;
    solamiShown?: () => ReturnType<Player['character']['shown']>;
    solamiCost?: () => { calls: number; triangles: number };
    solamiLook?: (place: number[] | View, target?: number[]) => void;
  }
}

const get = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

function fillNumbers(turn: Turn): void {
  const table = get('numbers').querySelector('table')!;
  for (const [name, value] of Object.entries(turn.numbers)) {
    const row = table.insertRow();
    const unit = /_(ms|s|kb|kbit_s|deg)$/.exec(name)?.[1] ?? '';
    row.insertCell().textContent = name.replace(/_(ms|s|deg)$/, '').replaceAll('_', ' ');
    const shown = typeof value === 'number' ? Math.round(value * 100) / 100 : value;
    row.insertCell().textContent = `${shown}${unit === 'ms' || unit === 's' ? ` ${unit}` : unit === 'deg' ? '°' : ''}`;
  }
}

/** Writes captions and state as they were at a moment; touches the page only when they changed. */
function overlay(turn: Turn): (seconds: number) => void {
  let last = '';
  const states = turn.events.filter((e) => e.kind === 'state').sort((a, b) => a.t_ms - b.t_ms);
  return (seconds) => {
    const ms = seconds * 1000;
    const now = turn.captions.filter((c) => c.t0_ms <= ms && ms < c.t1_ms);
    const state = states.filter((e) => e.t_ms <= ms).at(-1)?.detail ?? '';
    const key = state + now.map((c) => `${c.who}:${c.t0_ms}`).join();
    if (key === last) return;
    last = key;
    const chip = get('state');
    chip.textContent = state;
    chip.dataset.state = state;
    get('captions').replaceChildren(
      ...now.map((c) => {
        const p = document.createElement('p');
        p.dataset.who = c.who;
        p.dataset.name = c.who === 'user' ? 'You' : turn.character;
        p.textContent = c.text;
        return p;
      }),
    );
  };
}

async function open(): Promise<void> {
  const turn = readTurn(get('turn').textContent!);
  document.title = `${turn.character}: a turn`;
  get('name').textContent = turn.character;
  fillNumbers(turn);
  const stage = new Stage(get<HTMLCanvasElement>('view'));
  const player = await Player.open(turn, stage);
  const tracks = [{ samples: turn.audio, gain: 1 }];
  if (turn.userAudio) tracks.push({ samples: turn.userAudio, gain: 0.8 });
  const clock = new AudioClock(tracks, turn.rate, turn.durationS);
  const timeline = new Timeline(get<HTMLCanvasElement>('line'), turn, (s) => seek(s));
  const write = overlay(turn);
  const play = get<HTMLButtonElement>('play');

  // a page that stands still draws nothing
  let stale = true;
  stage.controls.addEventListener('change', () => (stale = true));
  const seek = (seconds: number): void => {
    void clock.seek(seconds);
    stale = true;
  };

  const show = (): void => {
    const t = clock.now();
    player.show(t);
    write(t);
    timeline.show(t);
    get('clock').textContent = `${t.toFixed(1)} / ${turn.durationS.toFixed(1)} s`;
    if (clock.playing && t >= turn.durationS) clock.pause();
    play.dataset.playing = String(clock.playing);
    play.setAttribute('aria-label', clock.playing ? 'Pause' : 'Play');
    stage.draw();
    stale = false;
  };
  const toggle = (): void => {
    if (clock.playing) clock.pause();
    else void clock.play();
    stale = true;
  };
  buttons(stage, player, toggle, (by) => seek(clock.now() + by));
  addEventListener('resize', () => {
    stage.resize();
    stale = true;
  });
  addEventListener('click', () => (stale = true));

  const start = Number(new URLSearchParams(location.search).get('t') ?? 0);
  await clock.seek(Number.isFinite(start) ? start : 0);
  window.solamiSeek = (s) => {
    void clock.seek(s);
    show();
  };
  window.solamiPlay = () => clock.play();
  window.solamiNow = () => clock.now();
  window.solamiShown = () => player.character.shown();
  window.solamiCost = () => stage.cost();
  window.solamiLook = (place, target) => {
    if (typeof place === 'string') stage.look(place);
    else stage.from(place, target ?? [0, 1, 0]);
    show();
  };
  show();
  window.solamiReady = true;
  const loop = (): void => {
    stage.controls.update();
    if (stale || clock.playing) show();
    requestAnimationFrame(loop);
  };
  requestAnimationFrame(loop);
}

function buttons(stage: Stage, player: Player, toggle: () => void, skip: (seconds: number) => void): void {
  get('play').addEventListener('click', toggle);
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-view]')) {
    button.addEventListener('click', () => stage.look(button.dataset.view as View));
  }
  const more = get<HTMLButtonElement>('more');
  more.addEventListener('click', () => {
    const panel = get('numbers');
    panel.hidden = !panel.hidden;
    more.setAttribute('aria-pressed', String(!panel.hidden));
  });
  const ghost = get<HTMLButtonElement>('ghost');
  ghost.hidden = !player.user;
  ghost.addEventListener('click', () => {
    player.userShown = !player.userShown;
    ghost.setAttribute('aria-pressed', String(player.userShown));
  });
  addEventListener('keydown', (e) => {
    if (e.target instanceof HTMLButtonElement && e.key === ' ') return;
    if (e.key === ' ') toggle();
    else if (e.key === 'ArrowLeft') skip(-1);
    else if (e.key === 'ArrowRight') skip(1);
    else return;
    e.preventDefault();
  });
}

open().catch((error: unknown) => {
  const box = document.createElement('p');
  box.id = 'failure';
  box.textContent = `This page could not be shown: ${error instanceof Error ? error.message : String(error)}`;
  document.body.append(box);
});
