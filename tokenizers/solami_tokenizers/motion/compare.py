"""A page that shows recordings beside what two tokenizers make of them, moving."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS, PARENTS
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.evaluation import clips_of, evaluate, reconstruct, scores
from solami_tokenizers.motion.features import BODY_JOINTS
from solami_tokenizers.motion.kinematics import forward
from solami_tokenizers.motion.motion_data import MotionData
from solami_tokenizers.motion.tokenizer import MotionTokenizer

__all__ = ["clips_to_show", "compare_page"]

_TEMPLATE = Path(__file__).parent / "templates/compare.html"
_SHOWN_CLIPS = 4
_MAX_FRAMES = 600


def clips_to_show(
    tokenizers: Mapping[str, MotionTokenizer], data: MotionData, split: str, names: list[str] | None = None
) -> list[Clip]:
    """Return the named clips of a split; without names, those where the tokenizers differ most.

    Raises InputError for unknown clips.
    """
    clips = {clip.name: clip for clip in clips_of(data, data.of(split)) if clip.frames >= 8}
    unknown = [name for name in names or () if name not in clips]
    if unknown:
        raise InputError(f"split '{split}' has no clip {', '.join(unknown)}")
    return [clips[name] for name in names or _most_different(tokenizers, clips)]


def compare_page(tokenizers: Mapping[str, MotionTokenizer], data: MotionData, split: str, clips: list[Clip]) -> str:
    """Return a self-contained HTML page that shows clips through two tokenizers, and their figures on the split."""
    figures = {name: evaluate(tokenizer, data, split) for name, tokenizer in tokenizers.items()}
    rows = [["figure", *figures]]
    for key in next(iter(figures.values())):
        rows.append([key, *(f"{f[key]:.3g}" if key in f else "-" for f in figures.values())])
    count = int(next(iter(figures.values()))["clips"])
    content = {
        "names": ["recording", *tokenizers],
        "about": f"{count} clips of '{split}'. Drag to turn the view; the recording stands behind in grey.",
        "fps": FPS,
        "parents": PARENTS[:BODY_JOINTS].tolist(),
        "clips": [_shown(tokenizers, clip) for clip in clips],
        "table": rows,
    }
    # `</` would end the script element that holds the data
    return _TEMPLATE.read_text(encoding="utf-8").replace("__DATA__", json.dumps(content).replace("</", "<\\/"))


def _most_different(tokenizers: Mapping[str, MotionTokenizer], clips: Mapping[str, Clip]) -> list[str]:
    gaps: dict[str, float] = {}
    for name, clip in clips.items():
        errors = [scores(reconstruct(tokenizer, clip))["mpjpe_mm"] for tokenizer in tokenizers.values()]
        gaps[name] = max(errors) - min(errors)
    return sorted(gaps, key=lambda name: -gaps[name])[:_SHOWN_CLIPS]


def _shown(tokenizers: Mapping[str, MotionTokenizer], clip: Clip) -> dict[str, Any]:
    pairs = [reconstruct(tokenizer, clip) for tokenizer in tokenizers.values()]
    frames = min(_MAX_FRAMES, clip.frames, *(pair.made.frames for pair in pairs))
    notes = ["", *(f"{scores(pair)['mpjpe_mm']:.1f} mm" for pair in pairs)]
    points = [_packed(clip, frames), *(_packed(pair.made, frames) for pair in pairs)]
    return {"name": clip.name, "frames": frames, "notes": notes, "points": points}


def _packed(clip: Clip, frames: int) -> str:
    places = forward(clip.root_m[:frames], clip.rotations[:frames], body_only=True)[0]
    millimetres = np.clip(np.round(places * 1000), -32768, 32767).astype("<i2")
    return base64.b64encode(millimetres.tobytes()).decode()
