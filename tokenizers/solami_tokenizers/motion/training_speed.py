"""How fast a training runs and how much memory it takes, in a process of its own."""

import resource
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch

from solami_tokenizers.motion.motion_data import MotionData
from solami_tokenizers.motion.trainer_config import TrainSettings
from solami_tokenizers.motion.training import Trainer

__all__ = ["compare_training"]

_WARM_STEPS = 3


def compare_training(
    trainings: dict[str, TrainSettings], data: Path, seconds: float, rounds: int = 2
) -> dict[str, dict[str, float]]:
    """Return by name `train_fps`, frames of motion a second, and `train_memory_mb`, the most that was held.

    data: a `.npz` of `MotionData`. Each training runs alone, in turn, several rounds; the fastest counts, which is the
    least disturbed one. Memory holds the data and torch itself.
    """
    found: dict[str, dict[str, float]] = {name: {"train_fps": 0.0, "train_memory_mb": 0.0} for name in trainings}
    for _ in range(rounds):
        for name, settings in trainings.items():
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                fps, memory_mb = pool.submit(_measure, settings, data, seconds).result()
            best = found[name]
            best["train_fps"] = max(best["train_fps"], fps)
            best["train_memory_mb"] = max(best["train_memory_mb"], memory_mb)
    return found


def _measure(settings: TrainSettings, data: Path, seconds: float) -> tuple[float, float]:
    trainer = Trainer(settings, MotionData.load(data))
    for _ in range(_WARM_STEPS):
        trainer.train_step()
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds or steps < _WARM_STEPS:
        trainer.train_step()
        steps += 1
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    frames = steps * settings.batch * settings.window
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return frames / (time.perf_counter() - began), peak_kb / 1024
