"""Games that need few words: mirror me, Simon says, follow me, rock-paper-scissors; one reply that watches the user.

A game is a list of lines and of stretches in which the character watches (`Watch`). What was seen in a stretch decides
the next line. A voice ends a game as it ends any reply; the rest of the session knows nothing of games.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from solami.brain import Turn, View

from .hand_shapes import Throw, thrown
from .sounds import words_of

__all__ = ["CALLS", "Game", "Line", "Watch", "game_asked", "play"]

Game = Literal["mirror", "simon", "hands", "follow", "verdict", "list"]

CALLS: dict[Game, tuple[str, ...]] = {
    "mirror": ("mirror me", "copy me", "imitate me", "do what i do", "be my mirror", "mirror game"),
    "simon": ("simon says", "play simon"),
    "hands": ("rock paper scissors", "rock paper", "paper scissors"),
    "follow": ("follow me", "walk with me"),
    "list": ("what games", "which games", "another game with me"),
}
"""What starts each game, as words in a row."""
_MIRROR_S = 20.0
_ANSWER_S, _TRICK_S = 5.0, 3.0
_ROUNDS = 5
_SIGHT_S = 1.0
_PACE_M, _FOLLOW_S = 0.3, 7.0
_ORDERS: dict[str, str] = {
    "wave": "wave your hand",
    "bow": "take a bow",
    "nod": "nod your head",
    "raise_hand": "put one hand up high",
    "shake": "shake your head",
}
_THROWS: tuple[Throw, ...] = ("rock", "paper", "scissors")
_BEATEN: dict[Throw, Throw] = {"rock": "scissors", "paper": "rock", "scissors": "paper"}
_ASKED = "what do you have?"


@dataclass(frozen=True, slots=True)
class Line:
    """Something to say, gesture marks included."""

    raw: str
    affect: dict[str, float] = field(default_factory=dict)
    step_m: float = 0.0
    """How far the character walks meanwhile; positive is towards the user."""


@dataclass(slots=True)
class Watch:
    """The character is silent for `seconds` and watches; it imitates the user where `mirror` says so.

    until: acts that end it early. seen: what the user did meanwhile, filled in by who plays the reply.
    """

    seconds: float
    mirror: bool = False
    until: frozenset[str] = frozenset()
    seen: list[str] = field(default_factory=list)


def game_asked(turn: Turn) -> Game | None:
    """Return the game that a turn starts: by its words, by both hands held up, or by an answer to ours."""
    if any(act.name == "raise_hand" and act.side == "both" for act in turn.acts) and not turn.text:
        return "mirror"
    words = " ".join(words_of(turn.text))
    if _throw_in(words) and turn.history and turn.history[-1].character.lower().endswith(_ASKED):
        return "verdict"
    padded = f" {words} "
    return next((game for game, calls in CALLS.items() if any(f" {call} " in padded for call in calls)), None)


async def play(game: Game, turn: Turn, seed: int) -> AsyncGenerator[Line | Watch, None]:
    """Yield what a game consists of. Between two items, the last `Watch` has been played."""
    if game == "verdict":
        mine = _throw_in(turn.history[-1].character.lower())
        yours = _throw_in(" ".join(words_of(turn.text)))
        assert yours is not None
        yield _verdict(mine or "rock", yours)
        return
    if game == "list":
        yield Line("We can play mirror me, Simon says, follow me, or rock, paper, scissors. Which one would you like?")
        return
    if game != "hands" and not await _in_sight(turn.view):
        yield Line("[shrug] I would love to, but I can not see you move. Shall we play rock, paper, scissors instead?")
        return
    rounds = {"mirror": _mirror, "simon": _simon, "hands": _hands, "follow": _follow}[game]
    async for item in rounds(turn.view, np.random.default_rng([seed, turn.number])):
        yield item


async def _in_sight(view: View | None) -> bool:
    """Return whether the user is seen; one who has just come is waited for."""
    until_s = time.monotonic() + _SIGHT_S
    while view is not None and view.latest() is None and time.monotonic() < until_s:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return view is not None and view.latest() is not None


async def _mirror(_view: View | None, _rng: np.random.Generator) -> AsyncGenerator[Line | Watch, None]:
    yield Line("[nod] All right, I am your mirror. Move!", {"joy": 0.5})
    yield Watch(_MIRROR_S, mirror=True)
    yield Line("[clap] That was fun! You move well. Shall we do something else?", {"joy": 0.8})


async def _simon(_view: View | None, rng: np.random.Generator) -> AsyncGenerator[Line | Watch, None]:
    yield Line("[count_one] Simon says! Do it only when I say so.", {"joy": 0.4})
    acts = [str(act) for act in rng.permutation(list(_ORDERS))][:_ROUNDS]
    trick = int(rng.integers(1, len(acts)))
    right = 0
    for number, act in enumerate(acts):
        order = _ORDERS[act]
        tricked = number == trick
        yield Line(f"[point_you] Now, {order}!" if tricked else f"[open_palms] Simon says, {order}!")
        watch = Watch(_TRICK_S if tricked else _ANSWER_S, until=frozenset((act,)))
        yield watch
        did = act in watch.seen
        right += did != tricked
        yield _praise(did, tricked)
    score = "all of them" if right == len(acts) else f"{right} of {len(acts)}"
    yield Line(f"[celebrate] You had {score} right. Shall we play again?", {"joy": 0.8})


async def _follow(_view: View | None, _rng: np.random.Generator) -> AsyncGenerator[Line | Watch, None]:
    yield Line("[nod] I follow you. Step back, and I come.", {"joy": 0.4}, step_m=_PACE_M)
    for came in ("Here I am.", "Still here!", "You will not lose me."):
        watch = Watch(_FOLLOW_S, until=frozenset(("approach", "step_back")))
        yield watch
        if "step_back" in watch.seen:
            yield Line(f"[open_palms] {came}", {"joy": 0.5}, step_m=_PACE_M)
        elif "approach" in watch.seen:
            yield Line("[surprise] Oh! Then I make room.", {"surprise": 0.4}, step_m=-_PACE_M)
        else:
            break
    yield Line("[nod] That was a nice walk. I go back to my place.", {"joy": 0.5})


def _praise(did: bool, tricked: bool) -> Line:
    if tricked:
        return Line("Ha! I did not say Simon says.", {"joy": 0.7}) if did else Line("[nod] You were not fooled.")
    return Line("[thumbs_up] Well done!", {"joy": 0.6}) if did else Line("[tilt] I did not see it. Next one.")


async def _hands(view: View | None, rng: np.random.Generator) -> AsyncGenerator[Line | Watch, None]:
    mine = _THROWS[int(rng.integers(3))]
    yield Line(f"[count_one] Rock, [count_two] paper, [count_three] scissors, [show_{mine}] show!", {"joy": 0.3})
    yield Watch(1.2)
    yours = thrown(view.latest()) if view is not None else None
    if yours is None:
        yield Line(f"[show_{mine}] I have {mine}, {_ASKED}")
    else:
        yield _verdict(mine, yours)


def _verdict(mine: Throw, yours: Throw) -> Line:
    if mine == yours:
        return Line(f"[shrug] {mine} and {yours}, nobody wins. Once more, rock, paper, scissors?", {"surprise": 0.3})
    if _BEATEN[mine] == yours:
        return Line(f"[celebrate] My {mine} beats your {yours}, I win! Another round?", {"joy": 0.8})
    return Line(f"[clap] Your {yours} beats my {mine}, you win! Another round?", {"surprise": 0.5})


def _throw_in(text: str) -> Throw | None:
    said: Iterable[str] = words_of(text)
    found = [throw for throw in _THROWS if throw in said]
    return found[0] if len(found) == 1 else None
