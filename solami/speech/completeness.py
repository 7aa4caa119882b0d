"""Is this a finished sentence? A score from the words alone, robust to some wrong ones."""

__all__ = ["completeness"]

_OPEN = frozenset(
    """a an the and or but so because if when while that which who of to in on at by for with from into about as than
    my your his her its our their this these those is are was were am be been has have had do does did can could will
    would shall should may might must not very more most some any every each no i we they he she um uh er
    like""".split()
)
_ASK = frozenset("what who whose which why how when where".split())
_ENDS_A_QUESTION = frozenset(
    "is are was were am be do does did have had can could will would should like for about to".split()
)


def completeness(text: str) -> float:
    """Return 0 to 1 for the words of a turn so far; 0.5 and more reads as finished."""
    words = text.lower().split()
    if not words:
        return 0.5
    last = words[-1]
    if last in _ENDS_A_QUESTION and len(words) >= 3 and _ASK & set(words[:-1]):
        return 0.6  # "what can you do", "where are you from": such words end questions
    if last in _OPEN:
        return 0.15
    return 0.6 if len(words) == 1 else 0.8
