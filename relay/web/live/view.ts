/** What the page says besides the character: captions, state, notices, suggestions. Touches the DOM only on change. */

import type { Line } from './board.ts';
import type { Caption } from './playout.ts';

export const get = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

const STATE_WORDS: Record<string, string> = {
  idle: 'Ready',
  listening: 'Listening',
  thinking: 'Thinking',
  speaking: 'Speaking',
  held: 'Waiting for you',
  apology: 'Sorry',
  connecting: 'Connecting',
  lost: 'Reconnecting',
};
const ACT_WORDS: Record<string, string> = {
  wave: 'you wave',
  bow: 'you bow',
  nod: 'you nod',
  shake: 'you shake your head',
  point: 'you point',
  raise_hand: 'your raised hand',
  approach: 'you come closer',
  step_back: 'you step back',
};
const NOTICE_MS = 9_000;

export class View {
  private captionKey = '';
  private readonly fading = new Map<string, number>();

  /** Shows who is listening, thinking, speaking. */
  state(name: string): void {
    const chip = get('state');
    if (chip.dataset.state === name) return;
    chip.dataset.state = name;
    chip.textContent = STATE_WORDS[name] ?? '';
  }

  /** Shows the words that are being heard. */
  caption(now: Caption | null, name: string): void {
    const key = now ? `${now.epoch}:${now.fromMs}` : '';
    if (key === this.captionKey) return;
    this.captionKey = key;
    const line = get('said');
    line.dataset.name = name;
    line.textContent = now?.text ?? '';
  }

  /** Shows what was understood of the user's words; what is not final yet looks so. */
  heard(text: string, final: boolean): void {
    this.note('heard', text ? `“${text}”` : '', final ? 7_000 : 15_000);
    get('heard').dataset.final = String(final);
  }

  /** Shows what was seen of the user. */
  saw(acts: string[]): void {
    if (acts.length) this.note('saw', acts.map((a) => ACT_WORDS[a] ?? a.replaceAll('_', ' ')).join(', '), 5_000);
  }

  private note(id: string, text: string, forMs: number): void {
    get(id).textContent = text;
    clearTimeout(this.fading.get(id));
    if (forMs) this.fading.set(id, setTimeout(() => (get(id).textContent = ''), forMs) as unknown as number);
  }

  /** Tells the user something, for a while; `key` replaces an older notice of the same matter. */
  notice(key: string, text: string, lasting = false): void {
    const list = get('notices');
    let box = list.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`);
    if (!text) {
      box?.remove();
      return;
    }
    if (!box) {
      box = document.createElement('div');
      box.className = 'notice';
      box.dataset.key = key;
      const words = document.createElement('p');
      const close = document.createElement('button');
      close.setAttribute('aria-label', 'Close this notice');
      close.textContent = '✕';
      close.onclick = () => this.notice(key, '');
      box.append(words, close);
      list.append(box);
    }
    box.querySelector('p')!.textContent = text;
    clearTimeout(this.fading.get(key));
    if (!lasting) this.fading.set(key, setTimeout(() => this.notice(key, ''), NOTICE_MS) as unknown as number);
  }

  /** What the page says now, for a board in VR: state, what was heard and said, the newest notice. */
  lines(): Line[] {
    const words = (id: string): string => get(id).textContent ?? '';
    const notice = get('notices').lastElementChild?.querySelector('p')?.textContent ?? '';
    const all: Line[] = [
      { text: words('state'), colour: '#f4efe6c4', small: true },
      { text: notice, colour: '#ffd9a8', small: true },
      { text: words('heard'), colour: '#8fc7e8', small: true },
      { text: words('said'), colour: '#f4efe6' },
    ];
    return all.filter((line) => line.text);
  }

  /** Offers the characters, where there are several. */
  pick(cards: { id: string; name: string }[], choose: (id: string) => void): void {
    const group = get('pick');
    group.hidden = cards.length < 2;
    group.replaceChildren(
      ...cards.map((card) => {
        const label = document.createElement('label');
        const radio = document.createElement('input');
        Object.assign(radio, { type: 'radio', name: 'pick', value: card.id });
        radio.onchange = () => choose(card.id);
        label.append(radio, card.name);
        return label;
      }),
    );
  }

  /** Shows which one it is. */
  picked(id: string): void {
    for (const radio of document.querySelectorAll<HTMLInputElement>('#pick input')) radio.checked = radio.value === id;
  }

  /** Asks for the pairing code in place of the button that starts, or no longer. */
  askForCode(on: boolean): void {
    get('pairing').hidden = !on;
    get('start').hidden = on;
    if (on) get('code').focus();
  }

  /** Offers things to say. */
  suggest(texts: string[], say: (text: string) => void): void {
    get('suggestions').replaceChildren(
      ...texts.map((text) => {
        const button = document.createElement('button');
        button.textContent = text;
        button.onclick = () => say(text);
        return button;
      }),
    );
  }
}
