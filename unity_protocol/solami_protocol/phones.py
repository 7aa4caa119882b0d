"""The phone set of the project: ARPAbet in lower case, a schwa and silence.

Speech, phones and face talk about the same sounds by these names, whatever the synthesiser calls them. English first;
a language whose sounds are missing maps them to the nearest and is told so in its synthesiser's notes.
Source of the symbols: CMU Pronouncing Dictionary (39 phones); `ax` is the reduced vowel, `sil` a pause.
"""

from typing import NamedTuple

__all__ = ["BILABIAL", "LABIODENTAL", "OPEN_VOWELS", "PHONES", "ROUNDED", "VOWELS", "Phone"]


class Phone(NamedTuple):
    """One sound with its place on a timeline (milliseconds from the first sample of the epoch or utterance)."""

    p: str
    t_ms: float
    d_ms: float


VOWELS = frozenset(["aa", "ae", "ah", "ao", "aw", "ax", "ay", "eh", "er", "ey", "ih", "iy", "ow", "oy", "uh", "uw"])
CONSONANTS = frozenset(
    [
        "b",
        "ch",
        "d",
        "dh",
        "f",
        "g",
        "hh",
        "jh",
        "k",
        "l",
        "m",
        "n",
        "ng",
        "p",
        "r",
        "s",
        "sh",
        "t",
        "th",
        "v",
        "w",
        "y",
        "z",
        "zh",
    ]
)
PHONES: tuple[str, ...] = (*sorted(VOWELS | CONSONANTS), "sil")

BILABIAL = frozenset(["m", "b", "p"])
"""The lips touch."""
LABIODENTAL = frozenset(["f", "v"])
"""The lower lip meets the upper teeth."""
OPEN_VOWELS = frozenset(["aa", "ae", "ah", "ao", "aw", "ay"])
"""The jaw is clearly down."""
ROUNDED = frozenset(["uw", "uh", "ow", "ao", "w", "oy"])
"""The lips are rounded; /u o w/ of the lip measurements are uw, ow and w."""
