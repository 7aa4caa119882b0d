"""Words that mean something only as an answer: yes, no, more, another, say it again."""

from typing import Literal

from .sounds import words_of

__all__ = ["ShortAnswer", "short_answer"]

ShortAnswer = Literal["", "yes", "no", "more", "another", "repeat"]

_FILLERS = frozenset("oh well um uh er ah please then so okay ok hm mm hey".split())
_YES_FIRST = frozenset("yes yeah yep yup yea sure certainly absolutely definitely gladly alright".split())
_NO_FIRST = frozenset("no nope nah never".split())
_PHRASES: dict[ShortAnswer, frozenset[str]] = {
    "yes": frozenset(
        {
            "of course", "why not", "i would", "i do", "i am", "i can", "i will", "i did", "i would love to", "i would like to",
            "i would like that", "i would love that", "go ahead", "do it", "do that", "all right", "tell me", "i want to",
            "i think so", "i guess", "i guess so", "that would be nice", "that would be great", "sounds good", "with pleasure",
            "let us", "let us do it", "let us do that", "show me", "good idea", "great idea", "you may", "right", "indeed",
            "of course i do", "of course i am", "very much", "a lot", "sometimes", "a little", "a bit", "i like it", "i like that",
        }
    ),
    "no": frozenset(
        {
            "not really", "not now", "not today", "not at all", "i do not", "i would not", "i am not", "i can not", "i did not",
            "i do not think so", "i do not want to", "never mind", "rather not", "i would rather not", "maybe later",
            "later", "maybe another time", "i have not", "i will not", "nothing", "not me", "not yet",
        }
    ),
    "more": frozenset(
        {
            "more", "tell me more", "go on", "and then", "what else", "what happened", "what happened next", "what happened then",
            "then what", "keep going", "continue", "and", "why", "why is that", "how come", "how so", "what then", "what next",
            "and what then", "tell me more about it", "tell me more about that", "i want to know more", "why not that",
            "what do you mean", "explain", "how", "what happens next", "and what happened", "how did that happen",
        }
    ),
    "another": frozenset({"another", "another one", "one more", "a different one", "next", "the next one", "next one", "once more"}),
    "repeat": frozenset(
        {
            "what", "pardon", "what did you say", "say that again", "say it again", "can you say that again", "repeat that",
            "can you repeat that", "could you repeat that", "repeat", "again", "come again", "i did not hear you",
            "i did not hear that", "i did not understand", "i do not understand", "sorry what", "what was that", "once again",
            "can you repeat", "could you say that again", "what are you saying", "tell me again",
        }
    ),
}  # fmt: skip
_LONGEST_REST = 4


def short_answer(text: str, name: str = "") -> tuple[ShortAnswer, bool]:
    """Return what the text means as a mere answer ("" if it is none), and whether it says nothing besides.

    "yes" is ("yes", True), "yes I like the sea" is ("yes", False), "tell me a story" is ("", False).
    """
    own = {word for word in words_of(name)}
    words = [word for word in words_of(text) if word not in own]
    bare = [word for word in words if word not in _FILLERS]
    if words and not bare:
        return ("yes", True) if {"okay", "ok", "please"} & set(words) else ("", False)
    thanks = " ".join(word for word in bare if word not in ("thank", "thanks", "you")) or " ".join(bare)
    for meaning, phrases in _PHRASES.items():
        if " ".join(bare) in phrases or thanks in phrases:
            return meaning, True
    for meaning, firsts in (("yes", _YES_FIRST), ("no", _NO_FIRST)):
        if bare and bare[0] in firsts:
            rest = [word for word in bare[1:] if word not in firsts and word not in ("thank", "thanks", "you")]
            phrase = " ".join(rest)
            mere = not rest or phrase in _PHRASES["yes"] or phrase in _PHRASES["no"]
            if mere or len(rest) <= _LONGEST_REST:
                return meaning, mere  # type: ignore[return-value]
    return "", False
