"""What a client that comes back gets: the entries that it missed, with one gap for media that nobody wants any more."""

from collections.abc import Iterable, Iterator

from solami_protocol.control import Gap
from solami_protocol.media import stamp_seq
from solami_relay.bus import DownEntry

__all__ = ["numbered", "replay"]


def numbered(entry: DownEntry) -> str | bytes:
    """Return the entry as it travels, its seq in the JSON or in the media header."""
    if entry.kind == "media":
        return stamp_seq(entry.data, entry.seq)
    # the worker writes JSON objects with at least a type: the number goes in front of it
    return f'{{"seq":{entry.seq},{entry.data[1:].decode()}'


def replay(entries: Iterable[DownEntry], over_epoch: int) -> Iterator[str | bytes]:
    """Yield what to send for `entries`, in order.

    Media of epochs up to `over_epoch` are left out; one `gap` stands for each unbroken run of them.
    """
    gap: tuple[int, int] | None = None
    for entry in entries:
        if entry.kind == "media" and 0 < entry.epoch <= over_epoch:
            gap = (gap[0] if gap else entry.seq, entry.seq)
            continue
        if gap:
            yield _gap(gap)
            gap = None
        yield numbered(entry)
    if gap:
        yield _gap(gap)


def _gap(ends: tuple[int, int]) -> str:
    return Gap.model_validate({"from": ends[0], "to": ends[1]}).encode()
