"""Sentences for recordings, made from their labels by templates: no person has written them, and they say so.

A description that came with a recording (`clips.json`: `what`) is passed on as given.
"""

from collections.abc import Mapping

__all__ = ["captions_of"]

_CONTENTS = {
    "bow": "bows",
    "bye": "waves goodbye",
    "byebye": "waves goodbye again and again",
    "call": "calls somebody over",
    "dash": "sprints",
    "dance-long": "dances",
    "dance-short": "dances",
    "guide": "shows somebody the way",
    "kick": "kicks",
    "punch": "punches",
    "raise-up-both-hands": "raises both hands",
    "raise-up-left-hand": "raises the left hand",
    "raise-up-right-hand": "raises the right hand",
    "respond": "answers a call",
    "run": "runs",
    "slash": "strikes with a sword",
    "walk": "walks",
    "walk-back": "walks backwards",
    "walk-left": "walks to the left",
    "walk-right": "walks to the right",
    "walk-turn-left": "walks and turns left",
    "walk-turn-right": "walks and turns right",
    "wave-both-hands": "waves with both hands",
    "wave-left-hand": "waves with the left hand",
    "wave-right-hand": "waves with the right hand",
}
_STYLES = {
    "active": "actively",
    "angry": "angrily",
    "childish": "like a child",
    "chimpira": "like a young rowdy",
    "elderly": "like an old person",
    "exhausted": "exhausted",
    "feminine": "in a feminine way",
    "giant": "like a giant",
    "happy": "happily",
    "masculine": "in a masculine way",
    "masculinity": "in a masculine way",
    "musical": "as if to music",
    "normal": "",
    "not-confident": "without confidence",
    "old": "like an old person",
    "proud": "proudly",
    "sad": "sadly",
    "tired": "tired",
    "youthful": "like a young person",
}
_WHO = ("a person", "someone", "the character")


def captions_of(labels: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    """Return sentences and where they come from: `given`, `template`, or `none` for a recording without labels."""
    if labels.get("description"):
        return (labels["description"],), "given"
    content = labels.get("content", "")
    if not content:
        return (), "none"
    does = _CONTENTS.get(content, f"does this: {content.replace('-', ' ').replace('_', ' ')}")
    style = labels.get("style", "")
    how = _STYLES.get(style, f"in a {style.replace('-', ' ').replace('_', ' ')} way") if style else ""
    return tuple(" ".join(filter(None, (who, does, how))) for who in _WHO), "template"
