"""What a language model is told: who it is, how it is heard, what was said before."""

from collections.abc import Iterable

from solami.brain import Turn
from solami.characters import Card

__all__ = ["chat_messages", "system_prompt"]

_EXAMPLES = 6
_HISTORY = 12
_ACTS = {
    "wave": "waves at you", "bow": "bows to you", "nod": "nods", "shake": "shakes the head", "point": "points",
    "raise_hand": "raises a hand", "approach": "comes closer", "step_back": "steps back", "look_away": "looks away",
}  # fmt: skip


def system_prompt(card: Card, gestures: Iterable[str], user_name: str = "") -> str:
    """Return the instruction for the character of `card`, which may use the gestures named."""
    parts = [
        f"You are {card.name}. Stay in character. You talk with a person who hears and sees you in virtual reality.",
        card.description,
        f"Your nature: {card.personality}" if card.personality else "",
        f"Now: {card.scenario}" if card.scenario else "",
        "What is true about you:\n" + "\n".join(f"- {fact}" for fact in card.facts) if card.facts else "",
        "Your words are spoken aloud. Answer in one to three short sentences of plain speech: no lists, no markdown, "
        "no emoji, no stage directions other than the marks below. Often end with a question or an offer.",
        "You may put a gesture in square brackets before the word it belongs to, at most one a sentence. Gestures: "
        + ", ".join(sorted(gestures))
        + ". Wave only to greet, to say goodbye, or when the person waved.",
        "The person's words come from a speech recogniser and may be misheard; guess kindly, and ask if you cannot.",
        f"The person is called {user_name}." if user_name else "",
        f"Speak {card.language}." if card.language != "en" else "",
    ]
    text = "\n\n".join(part.strip() for part in parts if part.strip())
    return text.replace("{{char}}", card.name).replace("{{user}}", user_name or "the person")


def chat_messages(card: Card, turn: Turn, gestures: Iterable[str]) -> list[dict[str, str]]:
    """Return the messages of an OpenAI-style chat: system, a few examples, the history as it was heard, the turn."""
    messages = [{"role": "system", "content": system_prompt(card, gestures, turn.user_name)}]
    for example in card.examples[:_EXAMPLES]:
        messages.append({"role": "user", "content": example.user[0]})
        messages.append({"role": "assistant", "content": example.character[0].say})
    for exchange in turn.history[-_HISTORY:]:
        messages.append({"role": "user", "content": exchange.user or "(silence)"})
        if exchange.character:
            # what was not heard was not said
            cut = " - (you were interrupted here)" if exchange.interrupted else ""
            messages.append({"role": "assistant", "content": exchange.character + cut})
    messages.append({"role": "user", "content": _user_words(turn)})
    return messages


def _user_words(turn: Turn) -> str:
    acts = [_ACTS[act.name] for act in turn.acts if act.name in _ACTS]
    seen = f"(The person {' and '.join(acts)}.)" if acts else ""
    return (
        " ".join(part for part in (seen, turn.text.strip()) if part)
        or "(The person says something that you cannot make out.)"
    )
