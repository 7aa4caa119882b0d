"""The whole way of a turn through real processes, as the commands give it to a user."""

import contextlib
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import numpy as np
import psutil
import pytest

from solami.agent.marks import parse_marks
from solami.characters import load_library
from solami.headset.inputs import DEFAULT_WORDS
from solami_protocol.skeleton import JOINT_INDEX
from solami_tokenizers.motion import forward

SOLAMI = str(Path(sys.executable).with_name("solami"))


def talk(out: Path, *args: str, timeout_s: float = 120) -> dict:
    """Run `solami talk`; returns turn.json. Nothing that it started is left running."""
    done = command("talk", "--out", str(out), *args, timeout_s=timeout_s)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads((out / "turn.json").read_text())


def command(*args: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a `solami` command and assert that it leaves no process behind."""
    mark = uuid.uuid4().hex
    env = {**os.environ, "SOLAMI_TEST_RUN": mark}
    done = subprocess.run([SOLAMI, *args], capture_output=True, text=True, timeout=timeout_s, check=False, env=env)
    assert marked(mark) == []
    return done


def marked(mark: str) -> list[str]:
    """Return the command lines of the processes that were started under `mark`."""
    out = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("SOLAMI_TEST_RUN") == mark:
                out.append(" ".join(process.cmdline()))
    return out


def shown(out: Path) -> dict[str, np.ndarray]:
    with np.load(out / "turn.npz", allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def waved(out: Path) -> bool:
    """True when a wrist of the character was above its shoulder for half a second of the last reply."""
    arrays = shown(out)
    last = arrays["epoch"].max()
    part = arrays["epoch"] == last
    places, _ = forward(arrays["root_m"][part], arrays["rotations"][part])
    above = np.zeros(part.sum(), bool)
    for side in ("left", "right"):
        wrist, shoulder = (places[:, JOINT_INDEX[f"{side}_{name}"], 1] for name in ("wrist", "shoulder"))
        above |= wrist > shoulder
    return int(above.sum()) >= 15


def check_reply(numbers: dict) -> None:
    """The promises that every spoken, moving answer keeps."""
    assert numbers["audio_s"] > 0.5
    assert -30 <= numbers["voiced_dbfs"] <= -14
    assert numbers["clipped_samples"] == 0
    assert abs(numbers["pose_frames"] - numbers["audio_s"] * 30) <= 12
    assert abs(numbers["face_frames"] - numbers["audio_s"] * 30) <= 12
    assert numbers["degraded"] == []
    assert numbers["reply_epochs"] == 1


def answers(card_id: str, words: str) -> set[str]:
    """What the card's exchange for `words` answers, without gesture marks."""
    example = next(e for e in load_library()[card_id].examples if words in e.user)
    return {parse_marks(answer.say).text for answer in example.character}


def test_builtin_turn_is_heard_word_for_word_and_answered_from_the_card(tmp_path: Path) -> None:
    numbers = talk(tmp_path)
    assert numbers["transcript"] == DEFAULT_WORDS
    check_reply(numbers)
    assert numbers["brain"] == "retrieval"
    assert any(answer in numbers["reply_text"] for answer in answers("copper", "how old are you"))
    for name in ("turn.html", "turn.json", "turn.wav", "turn.npz"):
        assert (tmp_path / name).stat().st_size > 1000
    face = shown(tmp_path)["face"]
    assert face.max() > 0.2  # somebody spoke
    assert waved(tmp_path)  # the built-in turn waves


@pytest.mark.slow
def test_text_turn(tmp_path: Path) -> None:
    numbers = talk(tmp_path, "--text", "what is your name")
    check_reply(numbers)


@pytest.mark.slow
def test_real_headset_turn(tmp_path: Path, data: Path) -> None:
    audio, motion = data / "solami/audio/audio_user.wav", data / "solami/anim_data/Smplx_user.npz"
    numbers = talk(tmp_path, "--audio", str(audio), "--motion", str(motion))
    check_reply(numbers)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, data: Path) -> dict[str, Path]:
    """A wave and a walk of bandai2 as BVH files."""
    out = tmp_path_factory.mktemp("bandai2")
    subprocess.run([SOLAMI, "data", "unpack", str(data / "motion/bandai2_subset.tar.xz"), str(out)], check=True)
    found = {
        kind: sorted(out.rglob(f"*{name}_normal_*.bvh"))
        for kind, name in (("wave", "wave-right-hand"), ("walk", "walk"))
    }
    return {kind: files[0] for kind, files in found.items()}


@pytest.mark.slow
@pytest.mark.timeout(300)  # three whole talks
def test_a_wave_is_waved_back_and_a_walk_is_not(tmp_path: Path, data: Path, clips: dict[str, Path]) -> None:
    audio = data / "speech/ljspeech/LJ001-0005.flac"
    for kind in ("wave", "walk", "none"):
        out = tmp_path / kind
        motion = [] if kind == "none" else ["--motion", str(clips[kind])]
        numbers = talk(out, "--audio", str(audio), *motion)
        check_reply(numbers)
        assert waved(out) == (kind == "wave"), kind


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--audio", "missing.wav"], "missing.wav: No such file"),
        (["--audio", "garbage.wav"], "not a readable recording"),
        (["--audio", "empty.wav"], "0 samples"),
        (["--audio", "claims.wav"], "the WAV header claims"),
        (["--motion", "pickle.npz"], "pickle"),
        (["--motion", "shape.npz"], "expected"),
        (["--motion", "nan.npz"], "finite"),
        (["--motion", "noise.bvh"], "noise.bvh"),
        (["--text", "hi", "--relay", "ws://127.0.0.1:9"], "nothing answers"),
    ],
)
def test_bad_input_is_said_in_one_sentence(tmp_path: Path, args: list[str], words: str) -> None:
    make_bad_files(tmp_path)
    done = subprocess.run(
        [SOLAMI, "talk", *args], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def make_bad_files(folder: Path) -> None:
    import soundfile

    (folder / "garbage.wav").write_bytes(os.urandom(3000))
    soundfile.write(folder / "empty.wav", np.zeros((0, 1), np.int16), 16_000)
    soundfile.write(folder / "claims.wav", np.zeros(1600, np.int16), 16_000)
    raw = bytearray((folder / "claims.wav").read_bytes())
    at = raw.index(b"data") + 4
    raw[at : at + 4] = (1 << 30).to_bytes(4, "little")
    (folder / "claims.wav").write_bytes(raw)
    np.savez(folder / "pickle.npz", poses=np.array([{}], dtype=object), trans=np.zeros((1, 3)))
    np.savez(folder / "shape.npz", poses=np.zeros((4, 7)), trans=np.zeros((4, 3)))
    np.savez(folder / "nan.npz", poses=np.full((4, 165), np.nan), trans=np.zeros((4, 3)))
    (folder / "noise.bvh").write_text("HIERARCHY\nROOT x\n{\n")


@pytest.mark.slow
def test_unknown_character_is_named_with_those_that_exist(tmp_path: Path) -> None:
    done = command("talk", "--text", "hi", "--character", "nobody", "--out", str(tmp_path), timeout_s=60)
    assert done.returncode == 1
    assert "copper" in done.stderr
