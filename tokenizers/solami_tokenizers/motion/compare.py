"""A page that shows recordings beside what two tokenizers make of them, moving."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from solami_protocol.skeleton import FPS, PARENTS
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.evaluation import Pair, figures_of, scores
from solami_tokenizers.motion.features import BODY_JOINTS
from solami_tokenizers.motion.kinematics import forward
from solami_tokenizers.motion.tokenizer import MotionTokenizer

__all__ = ["compare_page", "most_different"]

_TEMPLATE = Path(__file__).parent / "templates/compare.html"
_SHOWN_CLIPS = 4
_MAX_FRAMES = 600


def most_different(made: Sequence[Sequence[Pair]]) -> list[str]:
    """Return the names of the clips where the tokenizers differ most, each having made pairs of the same clips."""
    gaps: dict[str, float] = {}
    for pairs in zip(*made, strict=True):
        errors = [scores(pair)["mpjpe_mm"] for pair in pairs]
        gaps[pairs[0].true.name] = max(errors) - min(errors)
    return sorted(gaps, key=lambda name: -gaps[name])[:_SHOWN_CLIPS]


def compare_page(
    tokenizers: Mapping[str, MotionTokenizer], made: Sequence[Sequence[Pair]], split: str, shown: Sequence[str]
) -> str:
    """Return a self-contained HTML page that shows clips through the tokenizers, and their figures on the split.

    made: what each tokenizer made of the split's clips. shown: names of clips.
    """
    figures = [figures_of(tokenizer, pairs) for tokenizer, pairs in zip(tokenizers.values(), made, strict=True)]
    rows = [["figure", *tokenizers]]
    for key in figures[0]:
        rows.append([key, *(f"{f[key]:.3g}" if key in f else "-" for f in figures)])
    by_name = {pairs[0].true.name: pairs for pairs in zip(*made, strict=True)}
    content = {
        "names": ["recording", *tokenizers],
        "about": f"{len(by_name)} clips of '{split}'. Drag to turn the view; the recording stands behind in grey.",
        "fps": FPS,
        "parents": PARENTS[:BODY_JOINTS].tolist(),
        "clips": [_shown(by_name[name]) for name in shown],
        "table": rows,
    }
    # `</` would end the script element that holds the data
    return _TEMPLATE.read_text(encoding="utf-8").replace("__DATA__", json.dumps(content).replace("</", "<\\/"))


def _shown(pairs: Sequence[Pair]) -> dict[str, Any]:
    clip = pairs[0].true
    frames = min(_MAX_FRAMES, clip.frames, *(pair.made.frames for pair in pairs))
    notes = ["", *(f"{scores(pair)['mpjpe_mm']:.1f} mm" for pair in pairs)]
    points = [_packed(clip, frames), *(_packed(pair.made, frames) for pair in pairs)]
    return {"name": clip.name, "frames": frames, "notes": notes, "points": points}


def _packed(clip: Clip, frames: int) -> str:
    places = forward(clip.root_m[:frames], clip.rotations[:frames], body_only=True)[0]
    millimetres = np.clip(np.round(places * 1000), -32768, 32767).astype("<i2")
    return base64.b64encode(millimetres.tobytes()).decode()
