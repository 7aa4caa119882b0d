"""From what a text calls a gesture to the gesture's name: `*nods slowly*`, `[waves]`, `points at herself`."""

import re

from solami.behaviour.gestures import GESTURES
from solami.behaviour.recorded import INSTEAD

__all__ = ["resolve"]

# The words (stems) that must all occur, and the gesture; the first row that fits wins, so special ones stand first.
_PHRASES: tuple[tuple[str, str], ...] = (
    ("thumb", "thumbs_up"),
    ("shak head", "shake"),
    ("shak hand", "offer_right"),
    ("nod once", "nod_once"),
    ("tilt", "tilt"),
    ("cock head", "tilt"),
    ("hand hip", "hands_on_hips"),
    ("akimbo", "hands_on_hips"),
    ("hand heart", "point_self"),
    ("hand chest", "point_self"),
    ("point self", "point_self"),
    ("point himself", "point_self"),
    ("point herself", "point_self"),
    ("point itself", "point_self"),
    ("point themself", "point_self"),
    ("point me", "point_self"),
    ("point myself", "point_self"),
    ("point", "point_you"),
    ("hand chin", "think"),
    ("touch chin", "think"),
    ("stroke chin", "think"),
    ("scratch head", "think"),
    ("think", "think"),
    ("ponder", "think"),
    ("consider", "think"),
    ("wonder", "think"),
    ("look away", "look_away"),
    ("look aside", "look_away"),
    ("open arm", "welcome"),
    ("spread arm", "welcome"),
    ("welcom", "welcome"),
    ("hug", "welcome"),
    ("open palm", "open_palms"),
    ("open hand", "open_palms"),
    ("spread hand", "open_palms"),
    ("explain", "open_palms"),
    ("gestur", "open_palms"),
    ("offer", "offer_right"),
    ("present", "offer_right"),
    ("hold out hand", "offer_right"),
    ("hand together", "hands_together"),
    ("clasp", "hands_together"),
    ("fold hand", "hands_together"),
    ("wav both", "wave_both"),
    ("wav", "wave_right"),
    ("rais both hand", "raise_both"),
    ("rais hand", "raise_right"),
    ("guid", "guide"),
    ("show way", "guide"),
    ("call out", "call"),
    ("hello", "wave_right"),
    ("greet", "wave_right"),
    ("goodby", "wave_right"),
    ("shrug", "shrug"),
    ("curtsy", "bow"),
    ("bow", "bow"),
    ("apologis", "apology"),
    ("apologiz", "apology"),
    ("apology", "apology"),
    ("sorry", "apology"),
    ("clap", "clap"),
    ("applaud", "clap"),
    ("surpris", "surprise"),
    ("gasp", "surprise"),
    ("startl", "surprise"),
    ("celebrat", "celebrate"),
    ("cheer", "celebrate"),
    ("rais arm", "celebrate"),
    ("salut", "salute"),
    ("stop", "stop"),
    ("halt", "stop"),
    ("no", "no"),
    ("refus", "no"),
    ("wag finger", "no"),
    ("nod", "nod"),
    ("agre", "nod"),
    ("yes", "nod"),
    ("disagre", "shake"),
    ("shak", "shake"),
    ("count one", "count_one"),
    ("one finger", "count_one"),
    ("count two", "count_two"),
    ("two finger", "count_two"),
    ("count three", "count_three"),
    ("three finger", "count_three"),
    ("sway", "idle"),
    ("lean", "listen"),
    ("listen", "listen"),
    ("beat", "beat_both"),
)


def resolve(name: str) -> str | None:
    """Return the name in `GESTURES` or `INSTEAD` that a mark or a phrase means, None where it means no gesture.

    Marks around it, capitals, underscores and endings (waves, waving, waved) do not matter; `left` chooses the left
    variant where there is one.
    """
    words = re.findall(r"[a-z]+", name.lower().replace("_", " "))
    exact = "_".join(words)
    if exact in GESTURES or exact in INSTEAD:
        return exact
    stems = {_stem(word) for word in words}
    for phrase, gesture in _PHRASES:
        if stems.issuperset(phrase.split()):
            return _left(gesture) if "left" in stems else gesture
    return None


def _left(gesture: str) -> str:
    for other in (gesture.replace("_right", "_left"), f"{gesture}_left", gesture.replace("_both", "_left")):
        if (other in GESTURES or other in INSTEAD) and other != gesture:
            return other
    return gesture


def _stem(word: str) -> str:
    """Return the word without its ending: waves, waved, waving, wave -> wav; palms -> palm; nodding -> nod."""
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl" else word
