"""What of a reply was heard: the history takes that and no more (DESIGN 3.5)."""

from collections.abc import Sequence

from solami.brain import Text

__all__ = ["heard_text"]


def heard_text(captions: Sequence[Text], audio_ms: float) -> str:
    """Return the words of the captions that had been played at `audio_ms`.

    A caption in progress counts by whole words: as many as its elapsed share, rounded down.
    """
    parts: list[str] = []
    for caption in captions:
        if audio_ms <= caption.at_ms:
            break
        share = 1.0 if caption.d_ms <= 0 else min(1.0, (audio_ms - caption.at_ms) / caption.d_ms)
        words = caption.text.split()
        parts += words[: int(share * len(words) + 1e-6)]
    return " ".join(parts)
