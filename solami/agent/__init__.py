"""The agent brain: a card's own answers or a language model, spoken and moved."""

from .brain import AgentBrain
from .card_parts import card_style, card_voice
from .expected import choose
from .opening import BrainSettings, open_brain

__all__ = ["AgentBrain", "BrainSettings", "card_style", "card_voice", "choose", "open_brain"]
