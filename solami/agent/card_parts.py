"""A card's voice and motion style in the terms of the parts that realise them."""

from solami.behaviour import Style
from solami.characters import Card
from solami.speech import Voice

__all__ = ["card_style", "card_voice"]


def card_style(card: Card) -> Style:
    """Return how the character moves."""
    style = card.motion.style
    return Style(energy=style.energy, openness=style.openness, tempo=style.tempo)


def card_voice(card: Card) -> Voice:
    """Return how the character sounds."""
    voice = card.voice
    return Voice(
        engine=voice.engine,
        speaker=voice.speaker or "",
        rate=voice.rate,
        pitch=voice.pitch,
        reference=str(card.reference or ""),
    )
