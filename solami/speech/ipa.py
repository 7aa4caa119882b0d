"""IPA as espeak-ng writes it, in the phone set of the project."""

__all__ = ["STRESS", "phones_of"]

STRESS = "ˈˌ"
_DROPPED = "ˈˌːˑ̩̃̊͡ʰʲ‿-̪̬_ "
# longest first; a diphthong is one phone, an r-coloured vowel a vowel and an r
_IPA: dict[str, tuple[str, ...]] = {
    "eɪ": ("ey",), "aɪ": ("ay",), "ɔɪ": ("oy",), "oɪ": ("oy",), "aʊ": ("aw",), "oʊ": ("ow",), "əʊ": ("ow",),
    "tʃ": ("ch",), "dʒ": ("jh",), "ts": ("t", "s"), "dz": ("d", "z"),
    "ɪə": ("ih", "ax"), "eə": ("eh", "ax"), "ʊə": ("uh", "ax"), "iə": ("iy", "ax"), "aɪə": ("ay", "ax"),
    "aʊə": ("aw", "ax"), "əl": ("ax", "l"), "ɚ": ("er",), "ɝ": ("er",), "ɜ": ("er",), "ɐ": ("ax",), "ə": ("ax",),
    "ᵻ": ("ih",), "ɨ": ("ih",), "ɪ": ("ih",), "i": ("iy",), "y": ("iy",), "e": ("eh",), "ɛ": ("eh",), "æ": ("ae",),
    "a": ("aa",), "ɑ": ("aa",), "ɒ": ("aa",), "ɔ": ("ao",), "o": ("ow",), "ʊ": ("uh",), "u": ("uw",), "ʌ": ("ah",),
    "ø": ("er",), "œ": ("er",), "ɡ": ("g",), "g": ("g",), "x": ("hh",), "ç": ("hh",), "h": ("hh",), "ɹ": ("r",),
    "r": ("r",), "ɾ": ("d",), "ʁ": ("r",), "j": ("y",), "ʃ": ("sh",), "ʒ": ("zh",), "θ": ("th",), "ð": ("dh",),
    "ŋ": ("ng",), "ɲ": ("n", "y"), "ɫ": ("l",), "ɬ": ("l",), "ʍ": ("w",), "ʋ": ("v",), "β": ("v",), "ɸ": ("f",),
    "ʔ": ("t",), "n": ("n",), "m": ("m",), "b": ("b",), "p": ("p",), "t": ("t",), "d": ("d",), "k": ("k",), "f": ("f",),
    "v": ("v",), "s": ("s",), "z": ("z",), "l": ("l",), "w": ("w",), "c": ("k",), "q": ("k",), "ɣ": ("g",),
}  # fmt: skip
_LONGEST = max(map(len, _IPA))


def phones_of(ipa: str) -> tuple[str, ...]:
    """Return our phones for one espeak phoneme. Raises KeyError with the symbol that has no phone."""
    text = "".join(c for c in ipa if c not in _DROPPED and not c.isdigit())
    out: list[str] = []
    at = 0
    while at < len(text):
        for size in range(min(_LONGEST, len(text) - at), 0, -1):
            if (found := _IPA.get(text[at : at + size])) is not None:
                out += found
                at += size
                break
        else:
            raise KeyError(f"{text[at]!r} of {ipa!r}")
    return tuple(out)
