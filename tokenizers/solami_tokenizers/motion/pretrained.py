"""Tokenizers in folders: `config.json`, `model.safetensors` and a model card.

The folder holds everything that decoding needs: settings, weights, statistics, and the skeleton that the features
belong to. Nothing is guessed: another kind of file, a missing or an extra tensor is an error that names it.
"""

import json
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from solami_protocol.errors import InputError
from solami_tokenizers.motion.normalise import Normaliser
from solami_tokenizers.motion.tokenizer import MotionTokenizer
from solami_tokenizers.motion.tokenizer_config import TokenizerSettings
from solami_tokenizers.motion.tokenizer_folder import CARD, CONFIG, WEIGHTS, config_of, folder_of, read_settings

__all__ = ["build", "load", "pack", "save", "settings_of"]

# running sums of the codebook: training resumes from its own checkpoints, decoding needs none of them
_TRAINING_ONLY = ("embed_avg", "cluster_size", "initted")
_FULL_PRECISION = ("mean", "deviation")


def save(tokenizer: MotionTokenizer, folder: Path, card: str = "", dtype: torch.dtype = torch.float32) -> None:
    """Write a tokenizer into a folder, made if missing; dtype: of the weights (statistics stay float32)."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: (value if name in _FULL_PRECISION else value.to(dtype)).contiguous().cpu()
        for name, value in tokenizer.state_dict().items()
        if name.rsplit(".", 1)[-1] not in _TRAINING_ONLY
    }
    config = config_of(tokenizer.settings.model_dump(mode="json"))
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n")
    if card:
        (folder / CARD).write_text(card)


def load(name: Path | str) -> MotionTokenizer:
    """Return the tokenizer of a shipped name or a folder, in float32.

    Raises InputError that names the file and the fault.
    """
    folder = folder_of(name)
    settings = settings_of(folder)
    tensors = _tensors(folder / WEIGHTS)
    return build(settings, tensors, str(folder / WEIGHTS))


def pack(name: Path | str, folder: Path, remark: str = "") -> int:
    """Write a tokenizer and its card into a folder for shipping, weights in bfloat16; return the folder's bytes.

    remark: what was seen when its motion was looked at, put into the card before the settings.
    """
    file = folder_of(name) / CARD
    card = file.read_text() if file.exists() else ""
    if remark:
        text, fence, settings = card.partition("```json")
        card = f"{text}{remark}\n\n{fence}{settings}"
    save(load(name), folder, card, torch.bfloat16)
    return sum(file.stat().st_size for file in folder.iterdir())


def build(settings: TokenizerSettings, tensors: dict[str, Tensor], where: str) -> MotionTokenizer:
    """Return a tokenizer with these tensors; raises InputError when they are not the ones that the settings need."""
    width = settings.feature_width
    tokenizer = MotionTokenizer(settings, Normaliser(np.zeros(width, np.float32), np.ones(width, np.float32)))
    own = tokenizer.state_dict()
    wanted = {key for key in own if key.rsplit(".", 1)[-1] not in _TRAINING_ONLY}
    for key in sorted(wanted | set(tensors)):
        if key not in tensors:
            raise InputError(f"{where}: tensor '{key}' is missing; is it the file of another tokenizer?")
        if key not in wanted:
            raise InputError(
                f"{where}: tensor '{key}' is not part of this tokenizer; config and weights do not match, or another "
                "release trained it"
            )
        if tensors[key].shape != own[key].shape:
            raise InputError(
                f"{where}: tensor '{key}' has shape {tuple(tensors[key].shape)}; expected {tuple(own[key].shape)}"
            )
    state = {key: value.to(own[key].dtype) for key, value in tensors.items()}
    for key, value in own.items():
        if key.endswith(".embed_avg"):
            state[key] = state[key.removesuffix("_avg")].clone()
        elif key.endswith(".initted"):
            state[key] = torch.ones_like(value)
        elif key not in state:
            state[key] = value
    tokenizer.load_state_dict(state)
    return tokenizer.eval()


def settings_of(name: Path | str) -> TokenizerSettings:
    """Return the settings of a tokenizer, its weights unread; raises InputError that names the file and the fault."""
    path = folder_of(name) / CONFIG
    try:
        return TokenizerSettings.model_validate(read_settings(path))
    except ValidationError as exc:
        first = exc.errors()[0]
        raise InputError(f"{path}: settings.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as exc:
        raise InputError(f"{path}: not a whole safetensors file ({exc})") from exc
