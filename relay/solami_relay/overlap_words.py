"""What words mean while the character speaks: a murmur of agreement, or somebody who wants the floor."""

import re
from enum import Enum

__all__ = ["BACKCHANNELS", "STOP_PHRASES", "Verdict", "judge"]

BACKCHANNELS = frozenset(
    "mhm mm mmm hm hmm uh-huh uhhuh uh huh um ah aha oh ok okay yeah yep yes yup right sure really wow nice cool great "
    "true exactly indeed good fine i see got it of course".split()
)
"""Single words; "i see", "got it" and "of course" are covered by their parts."""
STOP_PHRASES = (
    ("stop",), ("wait",), ("hold", "on"), ("hang", "on"), ("excuse", "me"), ("one", "moment"), ("be", "quiet"),
    ("shut", "up"), ("enough",), ("pause",), ("no", "no"),
)  # fmt: skip
"""Phrases that always win, whatever stands beside them."""


class Verdict(Enum):
    """What was said over the character's voice."""

    NOTHING = "nothing"
    BACKCHANNEL = "backchannel"
    WORDS = "words"
    STOP = "stop"


def judge(text: str) -> tuple[Verdict, int]:
    """Return the verdict on `text` and how many words of it are more than a backchannel."""
    words = re.findall(r"[a-z'-]+", text.lower())
    if not words:
        return Verdict.NOTHING, 0
    for phrase in STOP_PHRASES:
        if any(tuple(words[i : i + len(phrase)]) == phrase for i in range(len(words))):
            return Verdict.STOP, len(words)
    content = sum(word not in BACKCHANNELS for word in words)
    return (Verdict.WORDS if content else Verdict.BACKCHANNEL), content
