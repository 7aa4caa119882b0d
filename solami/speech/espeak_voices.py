"""The voices that ship with the embedded synthesiser: espeak-ng variants of our own, and the folder they live in.

espeak-ng reads variants from its data folder only, so a private copy of that folder is made of links, with ours added.
All of ours have no flutter, espeak's slow random drift of pitch: it goes on from text to text and moves every phone by
milliseconds, so that the same text is never the same twice. Source of the keys: espeak-ng, docs/voices.md.
"""

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PRESETS", "Preset", "data_folder", "espeak_name"]


@dataclass(frozen=True, slots=True)
class Preset:
    """A speaker of ours: `language` is an espeak voice, `variant` the lines of the variant file."""

    language: str
    about: str
    variant: str


# formant N: frequency, height and width in percent; tone: pairs of Hz and height; pitch: base and range in Hz
PRESETS: dict[str, Preset] = {
    "plain": Preset("en-us", "a steady man, the clearest of them", "flutter 0\n"),
    "brass": Preset(
        "en-us",
        "a small automaton: bright, a little metal in it, lively",
        "flutter 0\npitch 110 200\nformant 1 104 100 90\nformant 2 108 105 80\nformant 3 110 110 80\n"
        "echo 14 18\nstressAmp 19 19 21 21 20 20 21 22\n",
    ),
    "sprite": Preset(
        "en-us",
        "a little creature: high, soft, quick to rise",
        "flutter 0\npitch 165 300\nformant 0 105 90 130\nformant 1 118 90 120\nformant 2 124 90 110\n"
        "formant 3 122 90 110\nformant 4 122 85 110\nformant 5 120 80 110\nstressAmp 18 18 20 20 20 20 21 21\n",
    ),
    "golem": Preset(
        "en-us",
        "something large and kind: low, slow to fall",
        "flutter 0\npitch 64 104\nformant 1 93 110 100\nformant 2 92 105 100\nformant 3 92 100 100\necho 40 12\n",
    ),
}


def espeak_name(speaker: str) -> str:
    """Return espeak's name of a speaker: a preset of ours (`plain` for ""), or an espeak voice.

    A voice without a variant gets that of `plain`; one with a variant of espeak's own keeps it, flutter and all.
    """
    name = speaker or "plain"
    if name in PRESETS:
        return f"{PRESETS[name].language}+{_file_name(name)}"
    return name if "+" in name else f"{name}+{_file_name('plain')}"


def data_folder(shipped: Path) -> Path:
    """Return a folder that links to `shipped` (an `espeak-ng-data`) and holds our variants; removed at exit."""
    root = Path(tempfile.mkdtemp(prefix="solami-espeak-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    own = root / "espeak-ng-data"
    variants = own / "voices" / "!v"
    variants.mkdir(parents=True)
    for source, target in ((shipped, own), (shipped / "voices", own / "voices"), (shipped / "voices" / "!v", variants)):
        for entry in source.iterdir():
            if not (target / entry.name).exists():
                (target / entry.name).symlink_to(entry)
    for name, preset in PRESETS.items():
        (variants / _file_name(name)).write_text(f"language variant\nname {name}\n{preset.variant}")
    return own


def _file_name(preset: str) -> str:
    return f"solami_{preset}"
