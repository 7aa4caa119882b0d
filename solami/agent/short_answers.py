"""Words that mean something only as an answer: yes, no, no idea, more, another, say it again."""

from typing import Literal

from .sounds import words_of

__all__ = ["ShortAnswer", "short_answer"]

ShortAnswer = Literal["", "yes", "no", "unsure", "more", "another", "repeat"]

_FILLERS = frozenset("oh well um uh er ah please then so okay ok hm mm hey".split())
_YES_FIRST = frozenset("yes yeah yep yup yea sure certainly absolutely definitely gladly alright".split())
_NO_FIRST = frozenset("no nope nah never".split())


def _set(phrases: str) -> frozenset[str]:
    return frozenset(phrase.strip() for phrase in phrases.replace("\n", " ").split(","))


_PHRASES: dict[ShortAnswer, frozenset[str]] = {
    "yes": _set(
        """
        a bit, a little, a lot, all right, do it, do that, go ahead, good idea, great idea, i am, i can, i
        did, i do, i guess, i guess so, i like it, i like that, i think so, i want to, i will, i would, i
        would like that, i would like to, i would love that, i would love to, indeed, let us, let us do it,
        let us do that, of course, of course i am, of course i do, right, show me, sometimes, sounds good,
        tell me, that would be great, that would be nice, very much, why not, with pleasure, you may
        """
    ),
    "no": _set(
        """
        i am not, i can not, i did not, i do not, i do not think so, i do not want to, i have not, i will
        not, i would not, i would rather not, later, maybe another time, maybe later, never mind, not at
        all, not me, not now, not really, not today, not yet, nothing, rather not
        """
    ),
    "unsure": _set(
        "i do not know, i give up, i have no clue, i have no idea, i am not sure, no clue, no idea, not sure"
    ),
    "more": _set(
        """
        and, and then, and what happened, and what then, continue, explain, go on, how, how come, how did
        that happen, how so, i want to know more, keep going, more, tell me more, tell me more about it,
        tell me more about that, then what, what else, what happened, what happened next,
        what happened then, what happens next, what next, what then, why, why is that, why not that
        """
    ),
    "another": _set(
        """
        a different one, another, another one, next, next one, once more, one more, the next one
        """
    ),
    "repeat": _set(
        """
        again, can you repeat, can you repeat that, can you say that again, come again, could you repeat
        that, could you say that again, i did not hear that, i did not hear you, i did not understand, i do
        not understand, once again, pardon, repeat, repeat that, say it again, say that again, sorry what,
        tell me again, what, what are you saying, what did you say, what was that
        """
    ),
}
_AMOUNTS = frozenset(("very much", "a lot", "a bit", "a little"))
_LONGEST_REST = 4


def short_answer(text: str, name: str = "") -> tuple[ShortAnswer, bool]:
    """Return what the text means as a mere answer ("" if it is none), and whether it says nothing besides.

    "yes" is ("yes", True), "yes I like the sea" is ("yes", False), "tell me a story" is ("", False).
    """
    own = set(words_of(name))
    words = [word for word in words_of(text) if word not in own]
    bare = [word for word in words if word not in _FILLERS]
    if words and not bare:
        return ("yes", True) if {"okay", "ok", "please"} & set(words) else ("", False)
    phrase = " ".join(bare)
    rest = " ".join(word for word in bare if word not in ("thank", "thanks", "you"))
    rest = phrase if rest in _AMOUNTS else rest  # "thank you very much" answers nothing
    for meaning, phrases in _PHRASES.items():
        if phrase in phrases or rest in phrases:
            return meaning, True
    for meaning, firsts in (("yes", _YES_FIRST), ("no", _NO_FIRST)):
        if bare and bare[0] in firsts:
            more = [word for word in bare[1:] if word not in firsts and word not in ("thank", "thanks", "you")]
            phrase = " ".join(more)
            mere = not more or phrase in _PHRASES["yes"] or phrase in _PHRASES["no"]
            if mere or len(more) <= _LONGEST_REST:
                return meaning, mere  # type: ignore[return-value]
    return "", False
