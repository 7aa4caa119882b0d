"""Engines of the extras: whisper with weights of chance, XTTS by the signatures that it is written against."""

import ast
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from solami.speech.options import EngineOptions
from solami_protocol.errors import SettingsError


@pytest.mark.skipif(importlib.util.find_spec("whisper") is None, reason="openai-whisper (extra `asr`) is not installed")
def test_whisper_runs_with_weights_of_chance(tmp_path: Path) -> None:
    """The way of the sound and of the text; what random weights hear is nothing to compare."""
    import torch
    from whisper.model import ModelDimensions, Whisper

    from solami.speech.whisper_ears import WhisperEars

    size = ModelDimensions(80, 1500, 32, 2, 1, 51864, 448, 32, 2, 1)
    torch.manual_seed(1)
    path = tmp_path / "tiny.pt"
    torch.save({"dims": size.__dict__, "model_state_dict": Whisper(size).state_dict()}, path)
    heard = WhisperEars(EngineOptions(model=str(path)))(np.zeros(16_000, np.int16))
    assert isinstance(heard.text, str)
    assert 0 <= heard.confidence <= 1
    (tmp_path / "broken.pt").write_bytes(b"no weights")
    with pytest.raises(SettingsError, match=r"broken\.pt is no whisper model"):
        WhisperEars(EngineOptions(model=str(tmp_path / "broken.pt")))


def _parameters_of_xtts() -> dict[str, list[str]]:
    """Return the parameters of XTTS' methods, read from its source: importing it takes a GPU build."""
    spec = importlib.util.find_spec("TTS")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("coqui-tts (extra `tts`) is not installed; the XTTS voice is unproven here")
    source = (Path(next(iter(spec.submodule_search_locations))) / "tts/models/xtts.py").read_text()
    [found] = [n for n in ast.parse(source).body if isinstance(n, ast.ClassDef) and n.name == "Xtts"]
    return {f.name: [a.arg for a in f.args.args] for f in found.body if isinstance(f, ast.FunctionDef)}


def test_xtts_has_the_methods_that_we_call() -> None:
    methods = _parameters_of_xtts()
    start = ["self", "text", "language", "gpt_cond_latent", "speaker_embedding"]
    assert methods["inference_stream"][:5] == start
    assert "speed" in methods["inference_stream"]
    assert "audio_path" in methods["get_conditioning_latents"]
    assert {"config", "checkpoint_dir", "eval"} <= set(methods["load_checkpoint"])
