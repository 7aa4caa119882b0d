"""The model card that a training writes beside its weights."""

from collections import defaultdict
from pathlib import Path

from solami_protocol.skeleton import FPS
from solami_tokenizers.motion.evaluation import evaluate
from solami_tokenizers.motion.hands import evaluate_hands
from solami_tokenizers.motion.motion_data import VALIDATION, MotionData
from solami_tokenizers.motion.tokenizer import MotionTokenizer
from solami_tokenizers.motion.tokenizer_folder import CARD, folder_of
from solami_tokenizers.motion.trainer_config import TrainSettings

__all__ = ["write_card"]

_SHOWN = ("mpjpe_mm", "pa_mpjpe_mm", "wrist_mm", "jitter_ratio", "energy_ratio", "foot_skate_cm_s", "entropy")


_LICENCE, _BETWEEN, _TRAINED = "Licence: ", "; ", "Trained for "


def write_card(folder: Path, settings: TrainSettings, data: MotionData, trained_s: float) -> dict[str, float]:
    """Write the card of a trained tokenizer into its folder; return its validation figures.

    The card states data, licences, hours, settings and figures; the test splits are left to `solami tokenizer eval`.
    """
    tokenizer = MotionTokenizer.from_pretrained(folder)
    judge = evaluate_hands if tokenizer.settings.features == "hand" else evaluate
    figures = judge(tokenizer, data, VALIDATION)
    (folder / CARD).write_text(_text(tokenizer, settings, data, trained_s, figures))
    return figures


def _text(
    tokenizer: MotionTokenizer, settings: TrainSettings, data: MotionData, trained_s: float, figures: dict[str, float]
) -> str:
    made = tokenizer.settings
    sources: dict[tuple[str, str], int] = defaultdict(int)
    for clip in data.of(*settings.train_splits):
        sources[clip.source or "unnamed", clip.licence or "not stated"] += clip.frames
    began = _licences(settings.start) if settings.start else set()
    licences = sorted({licence for _, licence in sources} | began)
    sizes = " x ".join(str(size) for size in tokenizer.quantiser.sizes)
    ahead = tokenizer.look_ahead_frames
    lines = [
        f"# {settings.name}",
        "",
        f"Motion tokenizer for {made.features} features, {tokenizer.parameters_count / 1e6:.2f} M parameters, "
        f"{sizes} codes, 7.5 tokens/s, {7.5 * tokenizer.quantiser.bits:.0f} bit/s, "
        f"{ahead} frames of look-ahead ({ahead / FPS * 1000:.0f} ms).",
        "",
        f"{_LICENCE}{_BETWEEN.join(licences)} (follows the training data).",
        "",
        *_first(settings.start, began),
        "| data | licence | minutes |",
        "|---|---|---|",
        *(f"| {name} | {lic} | {frames / FPS / 60:.1f} |" for (name, lic), frames in sorted(sources.items())),
        "",
        f"{_TRAINED}{trained_s / 3600:.2f} hours on {settings.device} ({settings.precision}), seed {settings.seed}.",
        "",
        f"| figure on validation clips, encoding: {tokenizer.encoding} | value |",
        "|---|---|",
        *(f"| {name} | {figures[name]:.3g} |" for name in _SHOWN if name in figures),
        "",
        "```json",
        settings.model_dump_json(indent=1, exclude={"data", "out"}),
        "```",
        "",
    ]
    return "\n".join(lines)


def _first(start: str, licences: set[str]) -> list[str]:
    if not start:
        return []
    how = _of_card(start, _TRAINED).removesuffix(".") or "a time not stated"
    return [f"Begun with `{start}`: {_BETWEEN.join(sorted(licences))}; trained for {how}. Then trained on:", ""]


def _of_card(name: str, mark: str) -> str:
    """Return what a line of a tokenizer's card says after `mark`; empty without one."""
    card = folder_of(name) / CARD
    lines = card.read_text().splitlines() if card.exists() else []
    return next((line.removeprefix(mark) for line in lines if line.startswith(mark)), "")


def _licences(name: str) -> set[str]:
    """Return the licences of a tokenizer by its card: what was learnt under them stays learnt."""
    return set((_of_card(name, _LICENCE).partition(" (follows")[0] or "not stated").split(_BETWEEN))
