"""Training that begins with a finished tokenizer: its make, weights, codes and statistics, and other motion."""

from typing import Any

from solami_protocol.errors import InputError
from solami_tokenizers.motion.pretrained import load, settings_of
from solami_tokenizers.motion.tokenizer import MotionTokenizer
from solami_tokenizers.motion.tokenizer_config import TokenizerSettings
from solami_tokenizers.motion.trainer_config import TrainSettings

__all__ = ["begun", "begun_settings"]

# how codes are learnt, not what they are: each training may do that in its own way
_LEARNING = ("commitment", "decay", "revive_below", "drop")


def begun_settings(settings: TrainSettings) -> TrainSettings:
    """Return the settings with the make of the tokenizer that they `start` from; as they are without one.

    How codes are learnt (commitment, decay, revival) stays as the settings say.
    Raises InputError when it cannot be read, or when `tokenizer` asks for another make.
    """
    if not settings.start:
        return settings
    asked = settings.tokenizer.model_dump(exclude_unset=True)
    made = settings_of(settings.start).model_dump()
    codes = asked.pop("quantiser", {})
    for part, own, theirs in (("tokenizer.", asked, made), ("tokenizer.quantiser.", codes, made["quantiser"])):
        for name in own:
            if name not in _LEARNING and own[name] != theirs[name]:
                raise InputError(
                    f"{part}{name} is {own[name]}, that of start={settings.start} {theirs[name]}; take the "
                    "configuration that it was trained with, or leave `tokenizer` out"
                )
    learning: dict[str, Any] = {name: getattr(settings.tokenizer.quantiser, name) for name in _LEARNING}
    tokenizer = TokenizerSettings.model_validate(made | {"quantiser": made["quantiser"] | learning})
    return settings.model_copy(update={"tokenizer": tokenizer})


def begun(settings: TrainSettings) -> MotionTokenizer:
    """Return the tokenizer that the settings of `begun_settings` start from."""
    theirs = load(settings.start)
    tokenizer = MotionTokenizer(settings.tokenizer, theirs.normaliser)
    tokenizer.load_state_dict(theirs.state_dict())
    return tokenizer
