"""Cutting a stream of text into sentences as soon as each is complete, so that speech begins before the text ends."""

import re

__all__ = ["SentenceCutter"]

_END = re.compile(r"([.!?…]+[\"'”’)\]*]*)(?=\s)|\n+")
_NOT_AN_END = re.compile(r"(?:^|[\s(\[\"])(?:mr|mrs|ms|dr|st|prof|e\.g|i\.e|etc|vs|no|\d{1,3})\.$", re.IGNORECASE)
_THINKING = re.compile(r"<think>.*?(?:</think>|$)", re.DOTALL)


class SentenceCutter:
    """Feed it pieces of text; it returns the sentences that are complete. Text in `<think>` tags is dropped."""

    def __init__(self) -> None:
        self._raw = ""
        self._taken = 0

    def feed(self, piece: str) -> list[str]:
        """Add a piece; return the sentences that it completed."""
        self._raw += piece
        return self._cut(final=False)

    def flush(self) -> list[str]:
        """Return what is left, as the last sentence or sentences."""
        return self._cut(final=True)

    def _visible(self, final: bool) -> str:
        text = _THINKING.sub("", self._raw)
        # the head of a tag may still be on its way
        opening = text.rfind("<")
        if not final and opening >= 0 and "<think>".startswith(text[opening:]):
            text = text[:opening]
        return text

    def _cut(self, final: bool) -> list[str]:
        text = self._visible(final)
        sentences: list[str] = []
        start = self._taken
        for match in _END.finditer(text, start):
            candidate = text[start : match.end()]
            # a mark such as [nod.] is not cut, nor "3." of a list
            inside_mark = candidate.count("[") > candidate.count("]")
            if inside_mark or (not match.group().isspace() and _NOT_AN_END.search(candidate.rstrip())):
                continue
            sentences.append(candidate.strip())
            start = match.end()
        if final:
            sentences.append(text[start:].strip())
            start = len(text)
        self._taken = start
        return [sentence for sentence in sentences if re.search(r"\w", sentence)]
