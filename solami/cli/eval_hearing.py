"""`solami eval hearing`: is an expected sentence found among sixty, and is other speech turned away?"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import numpy as np

    from solami.speech.evaluate import Reading

__all__ = ["hearing"]

_SENTENCES = 60
_SNR_DB = 10.0


def hearing(
    data: Annotated[Path, typer.Option(envvar="SOLAMI_DATA", help="Folder with speech/.")],
    each: Annotated[int, typer.Option(help="Take every n-th recording only.", min=1)] = 1,
    out: Annotated[Path, typer.Option(help="JSON file.")] = Path("runs/eval-hearing.json"),
) -> None:
    """Sixty expected sentences, spoken by people, clean and in noise; and speech that is none of them.

    The rows are of speakers whom no threshold was set on; those that it was set on stand below.

    \b
    solami eval hearing --data data
    """
    import json

    from rich.progress import track

    from solami.cli.console import console, fail_politely
    from solami.cli.cores import cores

    with fail_politely(), cores() as pool:
        trials = list(_trials(data, each))
        rows: dict[str, list[dict[str, Any]]] = {}
        tried = pool.map(_tried, *list(zip(*trials, strict=True))[1:], chunksize=6)
        for trial, result in zip(trials, track(tried, "listening", len(trials), console=console), strict=True):
            name = f"{trial[0]} (set on)" if _set_on(trial[1].name) else trial[0]
            rows.setdefault(name, []).append(result)
        report = {name: _figures(rows[name]) for name in sorted(rows, key=lambda name: "(" in name)}
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps({"rows": report, "trials": rows}, indent=1) + "\n", encoding="utf-8")
    console.print(_table(report))
    console.print(f"written: {out}", markup=False)


def _trials(data: Path, each: int) -> "Iterator[tuple[str, Reading, np.ndarray, tuple[str, ...]]]":
    """Yield a row's name, a recording, its sound, and the sentences that are expected."""
    import numpy as np

    from solami.agent.sounds import words_of
    from solami.characters import load_library
    from solami.speech.evaluate import readings
    from solami.speech.recordings import read_recording

    given = [r for r in readings(data) if r.group in ("short sentences", "acted") and not r.name.startswith("vctk")]
    said = sorted({" ".join(words_of(r.text)) for r in given})
    cards = [load_library()[name] for name in load_library().ids()]
    firsts = zip(*([example.user[0] for example in card.examples] for card in cards), strict=False)
    asked = dict.fromkeys(" ".join(words_of(way)) for ways in firsts for way in ways)
    others = [a for a in asked if 3 <= len(a.split()) <= 10 and a not in said]
    expected = tuple(said + others[: _SENTENCES - len(said)])
    without = tuple(others[:_SENTENCES])
    noises = [read_recording(path).pcm for path in sorted((data / "speech" / "noise").glob("noise*.flac"))]
    for i, reading in enumerate(given[::each]):
        yield "expected, clean", reading, reading.pcm, expected
        noisy = _mixed(reading.pcm, noises[i % len(noises)], np.random.default_rng(i))
        yield f"expected, {_SNR_DB:.0f} dB noise", reading, noisy, expected
        yield "not expected", reading, reading.pcm, without


def _set_on(name: str) -> bool:
    """Whether `LIKE` was set on this speaker: RAVDESS' actors 1 to 12, the first of the Harvard sentences."""
    return name.startswith("harvard_spk1") if name.startswith("harvard") else int(name[-2:]) <= 12


def _mixed(pcm: "np.ndarray", noise: "np.ndarray", rng: "np.random.Generator") -> "np.ndarray":
    """Return the voice with noise, the voice's loud frames `_SNR_DB` above the noise's power."""
    import numpy as np

    from solami.speech.loudness import voiced_level_db

    start = int(rng.integers(len(noise)))
    cut = np.resize(np.roll(noise, -start), len(pcm)).astype(np.float64)
    voice_db = voiced_level_db(pcm, 160) or -30.0
    noise_db = 10 * np.log10(np.mean((cut / 32768) ** 2) + 1e-12)
    mixed = pcm + cut * 10 ** ((voice_db - _SNR_DB - noise_db) / 20)
    return np.asarray(np.clip(np.round(mixed), -32768, 32767), dtype=np.int16)


def _tried(reading: "Reading", pcm: "np.ndarray", sentences: tuple[str, ...]) -> dict[str, Any]:
    """Return what was heard, and which sentence it is taken for ("" for none)."""
    import numpy as np

    from solami.agent.expected import choose
    from solami.agent.sounds import LIKE, SoundIndex, words_of
    from solami.speech import open_recogniser

    ear = open_recogniser("pocketsphinx", "", sentences, choose)
    quiet = np.zeros(4800, np.int16)
    for piece in np.array_split(np.concatenate([quiet, pcm, quiet]), 40):
        ear.feed(piece)
    heard = ear.pause()
    ear.close()
    index = SoundIndex(list(sentences))
    scores = np.maximum(index.scores(heard.text), index.scores(heard.other))  # as an answer is looked for
    best = int(scores.argmax())
    taken = sentences[best] if scores[best] >= LIKE else ""
    said = " ".join(words_of(reading.text))
    score = round(float(scores[best]), 3)
    return {
        "name": reading.name,
        "said": said,
        "heard": heard.text,
        "other": heard.other,
        "taken": taken,
        "score": score,
    }


def _figures(row: list[dict[str, Any]]) -> dict[str, float]:
    count = len(row)
    found = sum(trial["taken"] == trial["said"] for trial in row)
    refused = sum(not trial["taken"] for trial in row)
    shares = {"found": found / count, "another": (count - found - refused) / count, "refused": refused / count}
    return {"recordings": count, **{name: round(share, 3) for name, share in shares.items()}}


def _table(report: dict[str, dict[str, float]]) -> Any:
    from rich.table import Table

    table = Table(title=f"{_SENTENCES} sentences, people's voices (RAVDESS, Harvard)")
    for column in ("speech", "recordings", "found", "another", "refused"):
        table.add_column(column, justify="left" if column == "speech" else "right")
    for name, row in report.items():
        table.add_row(name, str(row["recordings"]), *(f"{row[k]:.0%}" for k in ("found", "another", "refused")))
    return table
