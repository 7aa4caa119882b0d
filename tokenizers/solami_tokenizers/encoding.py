"""The ways in which a tokenizer encodes (without torch, for command lines)."""

from typing import Literal

__all__ = ["Encoding"]

Encoding = Literal["open", "closed", "search"]
"""open: the encoder alone, the fastest by far. closed: of the codes near by, the one of which the decoder makes what is
nearest to the person. search: also looks where no code lies near by, for motion unlike all recordings (see
`motion.closed_loop`)."""
