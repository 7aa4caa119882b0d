"""Who trains and who judges: splits by take groups, the same on every machine.

A held-out style or content is held out wholly. The rest of a source is drawn by content (or another label): of its
take groups, in the order of a hash of their names, the first go to the unseen takes, the next to validation, all others
to training.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable

from solami_datasets.items import Item
from solami_protocol.errors import InputError

__all__ = ["assign_splits"]


def assign_splits(items: Iterable[Item], seed: int = 0) -> dict[str, str]:
    """Return each recording's split by its name.

    Splits: `train`, `validation`, `unseen_takes`, `held_out_style`, `held_out_content`, or what the source's rule says
    under `only`; the rule's prefix stands before each. Raises InputError for a held-out label that no clip has.
    """
    items = list(items)
    out: dict[str, str] = {}
    drawn: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in items:
        rule = item.source.splits
        if rule.only:
            out[item.name] = rule.only
        elif item.labels.get("style") in rule.held_out_styles:
            out[item.name] = "held_out_style"
        elif item.labels.get("content") in rule.held_out_contents:
            out[item.name] = "held_out_content"
        else:
            drawn[item.source.name, item.labels.get(rule.draw_by, "")].append(item)
    for group in drawn.values():
        out |= _draw(group, seed)
    _check_held_out(items)
    return {item.name: item.source.splits.prefix + out[item.name] for item in items}


def _draw(items: list[Item], seed: int) -> dict[str, str]:
    rule = items[0].source.splits
    takes = sorted({item.take for item in items}, key=lambda take: _order(f"{seed}/{items[0].source.name}/{take}"))
    unseen = round(rule.unseen_takes * len(takes))
    validation = round(rule.validation * len(takes))
    by_take = dict.fromkeys(takes, "train")
    by_take |= dict.fromkeys(takes[:unseen], "unseen_takes")
    by_take |= dict.fromkeys(takes[unseen : unseen + validation], "validation")
    return {item.name: by_take[item.take] for item in items}


def _order(text: str) -> bytes:
    return hashlib.blake2s(text.encode()).digest()


def _check_held_out(items: list[Item]) -> None:
    """Labels held out by mistake (a typo) would leave a row of the results empty."""
    for source in {item.source.name: item.source for item in items}.values():
        for label, wanted in (("style", source.splits.held_out_styles), ("content", source.splits.held_out_contents)):
            has = {item.labels.get(label, "") for item in items if item.source.name == source.name}
            for value in wanted:
                if value not in has:
                    known = ", ".join(sorted(filter(None, has))) or "none"
                    raise InputError(
                        f"source '{source.name}': no clip of {label} '{value}' to hold out; it has: {known}"
                    )
