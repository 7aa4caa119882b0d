/** Three things to say: from what the character's card expects. */

import type { Card } from './control.ts';

const ASKS = /^(who|what|where|when|why|how|are|is|do|does|can|could|would|shall|have)\b/i;
const SHORT = 2; // fewer words are answers, not openings
const LONG = 9;

/** All that can be suggested, in the card's order, once each. Where a card names topics, what has none is no suggestion:
 * "you are stupid". */
export function suggestions(card: Card): string[] {
  const examples = card.examples ?? [];
  const named = examples.filter((e) => e.topic);
  const asked = (named.length ? named : examples).flatMap((e) => [e.user].flat().slice(0, 1));
  const said = [...(card.expects ?? []), ...asked];
  const good = said.filter((text) => {
    const words = text.split(/\s+/).length;
    return words >= SHORT && words <= LONG && !/^(yes|no|thank|hello|hi|good|goodbye|bye)\b|more$/i.test(text) && !text.includes('[');
  });
  return [...new Set(good.map((text) => written(text, card.name)))];
}

function written(text: string, name: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  const named = first.split(/(\W+)/).map((word) => (word.toLowerCase() === name.toLowerCase() ? name : word)).join('');
  const spoken = named.replace(/\bi\b/g, 'I').replace(/[.?!]*$/, '');
  return ASKS.test(spoken) ? `${spoken}?` : spoken;
}

/** Three of them that were not used yet, other ones each round; starts again when all were. */
export function three(all: string[], used: ReadonlySet<string>, round: number): string[] {
  const fresh = all.filter((text) => !used.has(text));
  const from = fresh.length >= 3 ? fresh : all;
  const stride = Math.max(1, Math.floor(from.length / 3));
  return Array.from({ length: Math.min(3, from.length) }, (_, i) => from[(i * stride + round) % from.length]);
}
