"""Training of a motion tokenizer: drawn windows, one loop, and a checkpoint from which it goes on exactly.

A checkpoint holds everything that the next step depends on: weights and their running mean, optimiser, codebook sums,
and the state of both random generators. Continued training therefore equals uninterrupted training, bit by bit on the
same machine. Learning rate and ramps are functions of the step (or of the trained time, where the time is limited).
"""

import json
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from solami_protocol.errors import InputError
from solami_tokenizers.motion.batches import Batch, WindowSampler, features_for, frames_that_count
from solami_tokenizers.motion.evaluation import evaluate
from solami_tokenizers.motion.fine_tuning import begun, begun_settings
from solami_tokenizers.motion.losses import Losses, losses_of
from solami_tokenizers.motion.metrics import code_counts, entropy_share, perplexity, usage
from solami_tokenizers.motion.motion_data import VALIDATION, MotionData
from solami_tokenizers.motion.normalise import Normaliser
from solami_tokenizers.motion.optimiser import Optimiser
from solami_tokenizers.motion.pretrained import save
from solami_tokenizers.motion.team import Team
from solami_tokenizers.motion.tokenizer import MotionTokenizer
from solami_tokenizers.motion.trainer_config import TrainSettings

__all__ = ["Progress", "Trainer", "learning_rate"]

LAST, BEST, LOG = "last.pt", "best", "log.jsonl"
_CODES_KEPT = 64  # batches whose codes the figures of usage are taken from


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training stands, for a progress bar."""

    step: int
    share: float
    """0 to 1 of the whole."""
    figures: dict[str, float]


def learning_rate(settings: TrainSettings, share: float) -> float:
    """Return the learning rate at a share (0 to 1) of the training: up in a line, down along a cosine to 1 %."""
    if share < settings.warmup:
        return settings.learning_rate * max(share / settings.warmup, 0.01)
    fall = (share - settings.warmup) / max(1 - settings.warmup, 1e-9)
    return settings.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(fall, 1))))


class Trainer:
    """One training: `run` until it is done or told to stop."""

    def __init__(self, settings: TrainSettings, data: MotionData, *, overfit: bool = False) -> None:
        torch.set_num_threads(settings.threads)
        self.team = Team(settings.device)
        torch.manual_seed(settings.seed)
        settings = begun_settings(settings)
        self.settings, self.data, self.overfit = settings, data, overfit
        kind = settings.tokenizer.features
        features = features_for(data, kind)
        clips = (data.with_hands if kind == "hand" else data.of)(*settings.train_splits)
        made = begun(settings) if settings.start else _anew(settings, frames_that_count(data, clips, features))
        self.tokenizer = made.to(self.team.device)
        self.sampler = WindowSampler(data, clips, features, kind, made.normaliser, settings.augment, settings.balance)
        alone = self.team.size == 1
        self.rng = np.random.default_rng(settings.seed if alone else [settings.seed, self.team.rank])
        self.optimiser = Optimiser(self.tokenizer, settings.optimiser, settings.weight_decay)
        self.mean_weights = {name: p.detach().clone() for name, p in self.tokenizer.named_parameters()}
        self.step, self.trained_s, self.best_mm = 0, 0.0, math.inf
        self._codes: deque[np.ndarray] = deque(maxlen=_CODES_KEPT)
        if not alone:  # the same weights to begin with, other noise
            torch.manual_seed(settings.seed + 1 + self.team.rank)
        self._fixed = self._draw() if overfit else None

    # ---- one step ----

    @property
    def share(self) -> float:
        """Return how much of the training is done, 0 to 1: by steps, or by time where that is nearer its end."""
        by_time = self.trained_s / (60 * self.settings.minutes) if self.settings.minutes else 0.0
        return min(max(self.step / self.settings.steps, by_time), 1.0)

    def _draw(self) -> Batch:
        s = self.settings
        long = s.long_window > s.window and self.share >= 1 - s.long_share
        window = s.long_window if long else s.window
        return self.sampler.draw(self.rng, max(1, s.batch * s.window // window // self.team.size), window)

    def train_step(self) -> tuple[Losses, float]:
        """Do one step; return its losses and the norm of the gradients."""
        s, share = self.settings, self.share
        batch = (self._fixed or self._draw()).to(self.team.device)
        if share >= s.revive:
            self.tokenizer.quantiser.let_rest()
        self.tokenizer.train()
        noise, swap = (0.0, 0.0) if self.overfit else (s.augment.noise, s.augment.code_swap)
        with torch.autocast(torch.device(self.team.device).type, torch.bfloat16, enabled=s.precision == "bf16"):
            made = self.tokenizer(batch.features, batch.mask, code_swap=swap, noise=noise)
        losses = losses_of(
            self.tokenizer,
            batch.features,
            made,
            s.loss,
            contacts=batch.contacts,
            mask=batch.mask,
            scale=batch.scale,
            ramp=min(share / s.ramp, 1.0) if s.ramp else 1.0,
        )
        losses.total.backward()
        self.team.average_gradients(self.tokenizer.parameters())
        norm = torch.nn.utils.clip_grad_norm_(self.tokenizer.parameters(), s.clip)
        if not torch.isfinite(norm):
            raise InputError(f"step {self.step}: the gradients are not finite; lower learning_rate ({s.learning_rate})")
        self.optimiser.step(learning_rate(s, share))
        self.step += 1
        self._average()
        self._codes.append(made.quantised.codes.flatten(0, 1).cpu().numpy())
        return losses, float(norm)

    def _average(self) -> None:
        # young means follow quickly, else the first validations would judge the initial weights
        keep = min(self.settings.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.mean_weights.values()), list(self.tokenizer.parameters()), 1 - keep)

    # ---- the whole ----

    def run(self, report: Callable[[Progress], None] | None = None, stop: Callable[[], bool] | None = None) -> bool:
        """Train to the end; return False when `stop` said so before. Saves either way.

        Writes `last.pt`, `best/` (by validation MPJPE) and `log.jsonl` into the training's folder.
        """
        s = self.settings
        s.folder.mkdir(parents=True, exist_ok=True)
        saved_s = logged_s = time.monotonic()
        logged_step = self.step
        while self.share < 1:
            began = time.monotonic()
            losses, norm = self.train_step()
            late = time.monotonic() - saved_s > s.checkpoint_every_s
            asked = stop is not None and stop()
            took_s, due, stopped = self.team.agreed(time.monotonic() - began, late, asked)
            self.trained_s += took_s
            done = self.share >= 1
            if self.step % s.log_every == 0 or done:
                now = time.monotonic()
                speed = (self.step - logged_step) / max(now - logged_s, 1e-9)
                figures = self._log(losses, norm, speed)
                logged_s, logged_step = now, self.step
                if report is not None:
                    report(Progress(self.step, self.share, figures))
            if self.step % s.validate_every == 0 or done:
                self.validate()
            if due or done or stopped:
                self.save()
                saved_s = time.monotonic()
            if stopped and not done:
                return False
        return True

    def _log(self, losses: Losses, norm: float, speed: float) -> dict[str, float]:
        figures = {"loss": float(losses.total.detach())} | {k: float(v) for k, v in losses.parts.items()}
        figures |= {"gradient": norm, "learning_rate": learning_rate(self.settings, self.share)}
        figures |= {"steps_per_s": speed} | self._code_figures()
        self._write({"step": self.step, "trained_s": round(self.trained_s, 1)} | figures)
        return figures

    def _code_figures(self) -> dict[str, float]:
        codes = np.concatenate(list(self._codes))
        out: dict[str, float] = {}
        for level, size in enumerate(self.tokenizer.quantiser.sizes):
            used = codes[:, level][codes[:, level] >= 0]  # -1: left out in training
            counts = code_counts(used, size)
            mark = f"_{level}" if len(self.tokenizer.quantiser.sizes) > 1 else ""
            out |= {f"usage{mark}": usage(counts), f"perplexity{mark}": perplexity(counts)}
            out[f"entropy{mark}"] = entropy_share(counts)
        return out

    def validate(self) -> dict[str, float]:
        """Return figures of the averaged weights on the validation clips; keep the best ones in `best/`."""
        if not self.team.is_first:
            self.team.wait()
            return {}
        if self.tokenizer.settings.features == "hand":
            figures = self._validate_hands()
        else:
            with _Swapped(self):
                figures = evaluate(self.tokenizer, self.data, VALIDATION)
        self._write({"step": self.step, "trained_s": round(self.trained_s, 1), "validation": figures})
        if figures["mpjpe_mm"] < self.best_mm:
            self.best_mm = figures["mpjpe_mm"]
            self.keep(self.settings.folder / BEST)
        self.team.wait()
        return figures

    def _validate_hands(self) -> dict[str, float]:
        from solami_tokenizers.motion.hands import evaluate_hands

        with _Swapped(self):
            return evaluate_hands(self.tokenizer, self.data, VALIDATION)

    def keep(self, folder: Path, card: str = "", dtype: torch.dtype = torch.float32) -> None:
        """Write the averaged weights as a tokenizer for use."""
        with _Swapped(self):
            save(self.tokenizer, folder, card, dtype)

    def _write(self, row: dict[str, Any]) -> None:
        if not self.team.is_first:
            return
        with (self.settings.folder / LOG).open("a") as log:
            log.write(json.dumps(row) + "\n")
        if self.settings.tensorboard:
            self._events(row)

    def _events(self, row: dict[str, Any]) -> None:
        from solami_tokenizers.motion.events import write_events

        write_events(self.settings.folder, row)

    # ---- files ----

    def save(self) -> Path:
        """Write the checkpoint `last.pt`; an interrupted write leaves the one before."""
        path = self.settings.folder / LAST
        path.parent.mkdir(parents=True, exist_ok=True)
        rngs = self.team.gathered({"rng": json.dumps(self.rng.bit_generator.state), "torch_rng": torch.get_rng_state()})
        if not self.team.is_first:
            self.team.wait()
            return path
        state = {
            "settings": self.settings.model_dump_json(),
            "tokenizer": self.tokenizer.state_dict(),
            "mean_weights": self.mean_weights,
            "optimiser": self.optimiser.state_dict(),
            **rngs[0],
            "codes": [torch.from_numpy(c) for c in self._codes],
            "numbers": {"step": self.step, "trained_s": self.trained_s, "best_mm": self.best_mm},
        }
        if torch.cuda.is_available():
            state["cuda_rng"] = torch.cuda.get_rng_state_all()
        if self.team.size > 1:
            state["others"] = rngs[1:]
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.replace(path)
        self.team.wait()
        return path

    def resume(self, path: Path | None = None) -> None:
        """Go on from a checkpoint (default `last.pt`); raises InputError when it is damaged or of another network."""
        path = path or self.settings.folder / LAST
        try:
            state = torch.load(path, map_location=self.team.device, weights_only=True)
            saved = TrainSettings.model_validate_json(state["settings"])
        except Exception as exc:  # torch raises whatever the damaged bytes lead to
            raise InputError(f"{path}: not a whole checkpoint of a training ({exc})") from exc
        if saved.tokenizer != self.settings.tokenizer:
            raise InputError(f"{path}: belongs to another tokenizer; its settings: {saved.tokenizer}")
        rngs = [state, *state.get("others", ())]
        if len(rngs) != self.team.size:
            raise InputError(f"{path}: belongs to {len(rngs)} processes, here are {self.team.size}; start as many")
        self.tokenizer.load_state_dict(state["tokenizer"])
        self.mean_weights = {name: value.clone() for name, value in state["mean_weights"].items()}
        self.optimiser.load_state_dict(state["optimiser"])
        self.rng.bit_generator.state = json.loads(rngs[self.team.rank]["rng"])
        torch.set_rng_state(rngs[self.team.rank]["torch_rng"].cpu())
        if "cuda_rng" in state and torch.cuda.is_available():
            torch.cuda.set_rng_state_all([s.cpu() for s in state["cuda_rng"]])
        self._codes = deque((c.cpu().numpy() for c in state["codes"]), maxlen=_CODES_KEPT)
        numbers = state["numbers"]
        self.step, self.trained_s, self.best_mm = numbers["step"], numbers["trained_s"], numbers["best_mm"]


def _anew(settings: TrainSettings, seen: np.ndarray) -> MotionTokenizer:
    fit = Normaliser.fit if settings.statistics == "floors" else Normaliser.plain
    return MotionTokenizer(settings.tokenizer, fit(seen))


class _Swapped:
    """The tokenizer with its averaged weights, in evaluation mode, for the length of a `with`."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._own: dict[str, Tensor] = {}

    def __enter__(self) -> None:
        tokenizer = self._trainer.tokenizer
        self._own = {name: p.detach().clone() for name, p in tokenizer.named_parameters()}
        self._set(self._trainer.mean_weights)
        tokenizer.eval()

    def __exit__(self, *_: object) -> None:
        self._set(self._own)
        self._trainer.tokenizer.train()

    def _set(self, weights: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, p in self._trainer.tokenizer.named_parameters():
                p.copy_(weights[name])
