"""What would make a valid card better company: advice, not errors."""

import re
from pathlib import Path

import yaml

from .card import Card, unknown_keys

__all__ = ["advice"]

_MARK = re.compile(r"\[([^\]]*)\]")


def advice(card: Card, file: Path | None = None) -> list[str]:
    """Return remarks on a card, most important first; `file` is looked at for misspelt keys."""
    out: list[str] = []
    if file is not None and file.suffix.lower() in (".yaml", ".yml"):
        for key, near in unknown_keys(yaml.safe_load(file.read_text(encoding="utf-8"))):
            hint = f"; did you mean {near!r}?" if near else ""
            out.append(f"the key {key!r} is not ours and is kept under extensions{hint}")
    if card.reference is not None and not card.reference.is_file():
        out.append(f"voice.reference: there is no recording {card.reference}; it is looked for beside the card's file")
    if not card.examples:
        out.append("no examples: without a language model the character has nothing to answer")
    thin = [example.id or example.user[0] for example in card.examples if len(example.user) < 3]
    if thin:
        out.append(f"{len(thin)} examples have fewer than three ways to ask ({', '.join(thin[:3])}, ...)")
    said = [answer.say for example in card.examples for answer in example.character]
    leading = sum(line.rstrip().endswith("?") for line in said)
    if said and leading < len(said) / 2:
        out.append(f"only {leading} of {len(said)} answers end with a question: the character should lead")
    long = [line for line in said if len(_MARK.sub("", line).split()) > 40]
    if long:
        out.append(f"{len(long)} answers have more than 40 words: that is over 15 seconds of talk")
    if len(card.lines.confused) < 3:
        out.append("fewer than three lines for not following (`lines: confused:`): they will repeat soon")
    if not card.acts.get("wave"):
        out.append("no answer of its own to a wave (`acts: wave:`)")
    return out
