"""Is this a finished sentence? A score from the words alone, robust to some wrong ones."""

__all__ = ["completeness"]

_OPEN = frozenset(
    """a an the and or but so because if when while that which who of to in on at by for with from into about as than
    my your his her its our their this these those is are was were am be been has have had do does did can could will
    would shall should may might must not very more most some any every each no i we they he she um uh er like""".split()
)


def completeness(text: str) -> float:
    """Return 0 to 1 for the words of a turn so far; 0.5 and more reads as finished."""
    words = text.lower().split()
    if not words:
        return 0.5
    last = words[-1]
    if last in _OPEN:
        return 0.15
    return 0.6 if len(words) == 1 else 0.8
