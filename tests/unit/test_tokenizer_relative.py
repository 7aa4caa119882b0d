"""The learned codebook of relative transforms: it learns, comes back from a file, and is judged beside the bins."""

from pathlib import Path

import numpy as np
import pytest

from solami_protocol.errors import InputError
from solami_tokenizers.motion.relative import RelativeBins
from solami_tokenizers.motion.relative_codebook import RelativeCodebook, relative_errors, train_relative


def transforms(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    facing, bearing = rng.uniform(-np.pi, np.pi, (2, count))
    away = rng.uniform(0.5, 4.0, count)
    columns = [
        np.cos(facing),
        -np.sin(facing),
        away * np.sin(bearing),
        rng.normal(0, 0.06, count),
        away * np.cos(bearing),
    ]
    return np.stack(columns, axis=-1).astype(np.float32)


@pytest.fixture(scope="module")
def codebook() -> RelativeCodebook:
    return train_relative(transforms(20_000, 0), steps=600)


def test_errors_with_known_answers() -> None:
    true = transforms(100, 1)
    same = relative_errors(true, true)
    assert max(same.values()) < 1e-6
    turned = true.copy()
    turned[:, :2] = np.stack([-true[:, 1], true[:, 0]], axis=-1)
    assert relative_errors(turned, true)["facing_deg"] == pytest.approx(90)
    farther = true * np.float32([1, 1, 1.1, 1, 1.1])
    found = relative_errors(farther, true)
    assert found["distance_share"] == pytest.approx(0.1, abs=1e-5)
    assert found["bearing_deg"] < 1e-3


def test_one_code_says_roughly_where_the_partner_is_and_bins_say_it_better(codebook: RelativeCodebook) -> None:
    true = transforms(3000, 2)
    codes = codebook.encode(true)
    assert codes.shape == (3000, 1)
    assert len(np.unique(codes)) > 128
    learned, bins = relative_errors(codebook.decode(codes), true), RelativeBins()
    exact = relative_errors(bins.decode(bins.encode(true)), true)
    assert learned["bearing_deg"] < 30  # chance: 90
    assert learned["facing_deg"] < 45
    assert all(exact[name] < learned[name] for name in ("bearing_deg", "facing_deg", "distance_share"))
    circle = np.hypot(*codebook.decode(codes)[:, :2].T)
    np.testing.assert_allclose(circle, 1, atol=1e-5)


def test_it_comes_back_from_a_file_and_bad_ones_are_named(codebook: RelativeCodebook, tmp_path: Path) -> None:
    codebook.save_pretrained(tmp_path)
    again = RelativeCodebook.from_pretrained(tmp_path)
    true = transforms(200, 3)
    np.testing.assert_array_equal(again.encode(true), codebook.encode(true))
    with pytest.raises(InputError, match="out of range"):
        again.decode(np.array([[256]]))
    with pytest.raises(InputError, match="finite"):
        again.encode(np.full((2, 5), np.nan))
    with pytest.raises(InputError, match="expected"):
        train_relative(true[:10])
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(InputError, match="not a whole relative codebook"):
        RelativeCodebook.from_pretrained(tmp_path)
