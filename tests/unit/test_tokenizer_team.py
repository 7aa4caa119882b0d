"""Two processes that train one tokenizer: the same weights in both, resumed exactly; and events for TensorBoard."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from solami.behaviour.practice import practice_takes
from solami_protocol.errors import InputError
from solami_protocol.settings import load_settings
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.motion_data import ClipEntry, MotionData
from solami_tokenizers.motion.trainer_config import TrainSettings
from solami_tokenizers.motion.training import Trainer

TINY = [
    "tokenizer.width=16", "tokenizer.latent=8", "tokenizer.quantiser.kind=residual", "tokenizer.quantiser.size=16",
    "tokenizer.quantiser.depth=2", "batch=4", "window=32", "long_window=64", "steps=8", "log_every=2",
    "validate_every=4", "name=t",
]  # fmt: skip
TRAIN = """
import hashlib, sys
from pathlib import Path
from solami_protocol.settings import load_settings
from solami_tokenizers.motion.motion_data import MotionData
from solami_tokenizers.motion.trainer_config import TrainSettings
from solami_tokenizers.motion.training import Trainer
data, stop_at, resume, *more = sys.argv[1:]
trainer = Trainer(load_settings(TrainSettings, "train", None, more, env={}), MotionData.load(Path(data)))
if resume == "yes":
    trainer.resume()
trainer.run(stop=lambda: trainer.step >= int(stop_at))
digest = hashlib.sha256()
for name, value in sorted(trainer.tokenizer.state_dict().items()):
    digest.update(value.contiguous().numpy().tobytes())
print("weights", trainer.team.rank, trainer.team.size, trainer.step, digest.hexdigest())
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def describe(clip: Clip) -> ClipEntry:
        return ClipEntry(name=clip.name, split="validation" if clip.name.endswith("5") else "train")

    takes = practice_takes(0.5, take_s=5.0)
    clips = [Clip(name=t.name, root_m=t.root_m, rotations=t.rotations, fps=30.0) for t in takes]
    path = tmp_path_factory.mktemp("data") / "data.npz"
    MotionData.from_clips(clips, describe).save(path)
    return path


def trainer(data: Path, folder: Path, *more: str) -> Trainer:
    settings = load_settings(TrainSettings, "train", None, [*TINY, f"out={folder}", *more], env={})
    return Trainer(settings, MotionData.load(data))


def together(data: Path, folder: Path, stop_at: int, resume: str = "no") -> list[str]:
    """Run two processes as `accelerate launch` does; return what they say of their weights."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    running = []
    for rank in range(2):
        env = {**os.environ, "WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank), "MASTER_PORT": port}
        env |= {"MASTER_ADDR": "127.0.0.1", "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
        command = [sys.executable, "-c", TRAIN, str(data), str(stop_at), resume, *TINY, f"out={folder}"]
        running.append(subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    outs = [process.communicate(timeout=240) for process in running]
    assert all(process.returncode == 0 for process in running), outs[0][1][-2000:] + outs[1][1][-2000:]
    return [line for out, _ in outs for line in out.splitlines() if line.startswith("weights")]


@pytest.mark.slow  # four processes that load torch
def test_two_processes_train_one_tokenizer_and_go_on_exactly(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="extra train is not installed")
    whole = [line.split() for line in together(data, tmp_path / "whole", 99)]
    assert [row[1:4] for row in whole] == [["0", "2", "8"], ["1", "2", "8"]]
    assert whole[0][4] == whole[1][4]
    rows = [json.loads(line) for line in (tmp_path / "whole/t/log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "validation" in row] == [4, 8]  # written once
    first = [line.split() for line in together(data, tmp_path / "parts", 3)]
    assert {row[3] for row in first} == {"3"}
    again = [line.split() for line in together(data, tmp_path / "parts", 99, resume="yes")]
    assert {row[4] for row in again} == {whole[0][4]}
    with pytest.raises(InputError, match="belongs to 2 processes, here are 1"):
        trainer(data, tmp_path / "parts").resume()


def test_events_are_what_the_log_says(data: Path, tmp_path: Path) -> None:
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="no tensorboard")
    assert trainer(data, tmp_path, "tensorboard=true").run()
    rows = [json.loads(line) for line in (tmp_path / "t/log.jsonl").read_text().splitlines()]
    events = reading.EventAccumulator(str(tmp_path / "t/events"))
    events.Reload()
    losses = [(event.step, event.value) for event in events.Scalars("training/loss")]
    assert [step for step, _ in losses] == [2, 4, 6, 8]
    np.testing.assert_allclose([v for _, v in losses], [row["loss"] for row in rows if "loss" in row], rtol=1e-6)
    assert [event.step for event in events.Scalars("validation/mpjpe_mm")] == [4, 8]
