"""Games: what starts them, how they go, and a body that imitates."""

import time
from typing import Any

import numpy as np
import pytest

from solami.agent import open_brain
from solami.agent.brain import AHEAD_S
from solami.agent.games import Game, Line, game_asked, play
from solami.agent.hand_shapes import thrown
from solami.agent.mirror import Mirror
from solami.behaviour import Performance
from solami.behaviour.hands import FINGER_JOINTS, hand_rotvecs
from solami.brain import Act, Exchange, Phones, Pose, ReplyEvent, Seen, Speech, Text, Turn
from solami.characters import load_library
from solami.speech import open_synthesiser
from solami_protocol import quaternions as q
from solami_protocol.skeleton import JOINT_COUNT, JOINT_INDEX
from solami_tokenizers.motion import forward

COPPER = load_library()["copper"]
WRISTS = [JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"]]


class Onlooker:
    """A view of a user who stands, or raises a hand, and does what is put into `acts`."""

    def __init__(self, frame: Seen | None) -> None:
        self.frame = frame
        self.acts: list[tuple[float, str]] = []

    def head_m(self) -> np.ndarray | None:
        return None

    def latest(self) -> Seen | None:
        return self.frame

    def acts_since(self, since_s: float) -> list[str]:
        return [name for at_s, name in self.acts if at_s >= since_s]


def pose_of(gesture: str, at_ms: float = 1500.0, validity: int = 2) -> Seen:
    performance = Performance(seed=1)
    performance.cue(gesture, at_ms)
    root_m, rotations = performance.render(at_ms)
    return Seen(root_m[-1], rotations[-1], np.full(JOINT_COUNT, validity, np.uint8))


def asked(text: str = "", *acts: Act, history: tuple[Exchange, ...] = (), view: Any = None) -> Turn:
    return Turn(number=3, cause="voice" if text else "act", text=text, acts=acts, history=history, view=view)


@pytest.mark.parametrize(
    ("text", "game"),
    [
        ("mirror me please", "mirror"),
        ("Can you copy me?", "mirror"),
        ("let's play Simon says", "simon"),
        ("rock, paper, scissors!", "hands"),
        ("what games can we play", "list"),
        ("follow me please", "follow"),
        ("tell me about the mirror", None),
        ("what is a rock", None),
    ],
)
def test_words_start_games(text: str, game: Game | None) -> None:
    assert game_asked(asked(text)) == game


def test_both_hands_up_start_the_mirror_and_one_hand_does_not() -> None:
    assert game_asked(asked("", Act("raise_hand", 0.9, "both"))) == "mirror"
    assert game_asked(asked("", Act("raise_hand", 0.9, "left"))) is None


async def lines_of(game: Game, turn: Turn, answer: Any = None) -> list[str]:
    """Play a game by hand; `answer` says what the user does in a stretch, from the line before it."""
    lines: list[str] = []
    async for item in play(game, turn, seed=4):
        if isinstance(item, Line):
            lines.append(item.raw)
        elif answer is not None:
            item.seen[:] = answer(lines[-1], item)
    return lines


async def test_simon_says_tells_who_followed_and_who_was_fooled() -> None:
    view = Onlooker(pose_of("idle"))
    obedient = await lines_of("simon", asked("simon says", view=view), lambda line, watch: list(watch.until))
    careful = await lines_of(
        "simon", asked("simon says", view=view), lambda line, watch: list(watch.until) if "Simon" in line else []
    )
    lazy = await lines_of("simon", asked("simon says", view=view), lambda line, watch: [])
    assert sum("I did not say" in line for line in obedient) == 1
    assert "4 of 5" in obedient[-1]
    assert "all of them" in careful[-1]
    assert "1 of 5" in lazy[-1]
    assert sum("did not see" in line for line in lazy) == 4


async def test_a_game_of_movement_needs_a_user_who_is_seen() -> None:
    for view in (None, Onlooker(None)):
        [line] = await lines_of("mirror", asked("mirror me", view=view))
        assert "can not see you" in line


async def test_hands_are_judged_by_tracked_fingers_or_by_the_word() -> None:
    wins = {("rock", "scissors"), ("paper", "rock"), ("scissors", "paper")}
    for theirs, shape in (("rock", "fist"), ("paper", "open"), ("scissors", "two")):
        seen = pose_of("idle")
        turns = seen.rotations.copy()
        fingers = [JOINT_INDEX[f"right_{name}"] for name in FINGER_JOINTS]
        turns[fingers] = q.from_rotvec(hand_rotvecs(shape) * np.array([1.0, -1.0, -1.0]))
        seen = Seen(seen.root_m, turns, seen.validity)
        assert thrown(seen) == theirs
        lines = await lines_of("hands", asked("rock paper scissors", view=Onlooker(seen)))
        mine = lines[0].split("[show_")[1].split("]")[0]
        said = lines[-1]
        assert ("nobody" in said) == (mine == theirs)
        assert ("I win" in said) == ((mine, theirs) in wins)
        assert ("you win" in said) == ((theirs, mine) in wins)
    first, ask = await lines_of("hands", asked("rock paper scissors"))
    mine = first.split("[show_")[1].split("]")[0]
    history = (Exchange("rock paper scissors", f"Rock, paper, scissors, show! I have {mine}, what do you have?"),)
    turn = asked("I have paper", history=history)
    assert game_asked(turn) == "verdict"
    [line] = await lines_of("verdict", turn)
    assert "paper" in line
    assert ask.endswith("what do you have?")


def test_untracked_fingers_throw_nothing() -> None:
    seen = pose_of("idle")
    validity = seen.validity.copy()
    validity[[JOINT_INDEX["left_index1"], JOINT_INDEX["right_ring2"]]] = 1
    assert thrown(Seen(seen.root_m, seen.rotations, validity)) is None


def imitated(seen: Seen, frames: int = 40) -> tuple[np.ndarray, np.ndarray]:
    own_root, own = Performance(seed=2).render(frames * 1000 / 30 - 1)
    mirror = Mirror()
    rows = [mirror.frame(own_root[i], own[i], seen) for i in range(frames)]
    root_m, rotations = (np.stack(part) for part in zip(*rows, strict=True))
    return root_m, rotations


def test_the_mirror_moves_the_other_hand_to_the_same_height() -> None:
    seen = pose_of("wave_right")
    theirs = forward(seen.root_m[None], seen.rotations[None])[0][0, WRISTS]
    root_m, rotations = imitated(seen)
    ours = forward(root_m, rotations)[0][:, WRISTS]
    np.testing.assert_allclose(ours[-1, ::-1] * [-1, 1, 1], theirs, atol=0.03)
    # without a jump: no faster than a quick arm
    assert np.linalg.norm(np.diff(ours, axis=0), axis=-1).max() * 30 < 4.0
    np.testing.assert_allclose(np.linalg.norm(rotations, axis=-1), 1, atol=1e-5)


def test_a_turned_user_is_mirrored_from_where_they_stand() -> None:
    seen = pose_of("wave_right")
    turn = q.from_axis_angle((0.0, 1.0, 0.0), 120.0)
    turns = seen.rotations.copy()
    turns[0] = q.multiply(turn, turns[0])
    there = Seen(q.rotate(turn, seen.root_m) + np.array([3.0, 0.0, -2.0]), turns, seen.validity)
    a, b = imitated(seen), imitated(there)
    np.testing.assert_allclose(forward(*a)[0][-1], forward(*b)[0][-1], atol=0.01)


def test_inferred_legs_and_absent_fingers_stay_our_own() -> None:
    seen = pose_of("wave_right", validity=1)
    validity = seen.validity.copy()
    validity[WRISTS] = validity[JOINT_INDEX["head"]] = 2
    fingers = [i for name, i in JOINT_INDEX.items() if name[-1].isdigit() and "spine" not in name]
    validity[fingers] = 0
    root_m, rotations = imitated(Seen(seen.root_m + np.array([0.3, 0, 0]), seen.rotations, validity))
    own_root, own = Performance(seed=2).render(40 * 1000 / 30 - 1)
    legs = [JOINT_INDEX[n] for n in ("pelvis", "left_hip", "right_knee")]
    np.testing.assert_allclose(rotations[:, [*legs, *fingers]], own[:, [*legs, *fingers]], atol=1e-6)
    np.testing.assert_allclose(root_m, own_root, atol=1e-6)


async def test_a_mirrored_reply_runs_in_real_time_and_on_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    import solami.agent.games

    monkeypatch.setattr(solami.agent.games, "_MIRROR_S", 2.0)
    brain = open_brain(COPPER, open_synthesiser())
    view = Onlooker(pose_of("wave_right"))
    began, at = time.monotonic(), []
    events: list[ReplyEvent] = []
    async for event in brain.reply(asked("mirror me", view=view)):
        events.append(event)
        at.append(time.monotonic() - began)
    samples = frames = 0
    for event, _ in zip(events, at, strict=True):
        if isinstance(event, Speech):
            assert event.t_ms == pytest.approx(samples / 24, abs=0.1)
            samples += len(event.pcm)
        elif isinstance(event, Pose):
            assert event.t_ms == pytest.approx(frames * 1000 / 30, abs=0.1)
            frames += len(event.root_m)
    assert frames == np.ceil(samples / 24_000 * 30 - 1e-6)
    silent = [(e.t_ms / 1000, t) for e, t in zip(events, at, strict=True) if isinstance(e, Speech) and not e.pcm.any()]
    assert len(silent) == 20
    # a piece leaves just before it is due, not sooner: what it shows is what the user does now
    assert all(t_reply - AHEAD_S - 0.05 <= t < t_reply for t_reply, t in silent)
    assert any(p.phones[0].p == "sil" for p in events if isinstance(p, Phones))
    poses = [e for e in events if isinstance(e, Pose)]
    root_m, rotations = (np.concatenate([getattr(p, part) for p in poses]) for part in ("root_m", "rotations"))
    wrists = forward(root_m, rotations)[0][:, WRISTS]
    middle = round((silent[0][0] + 1.2) * 30)
    assert wrists[middle, 0, 1] > 1.2  # our left hand is up, as their right one is
    assert wrists[-1, 0, 1] < 1.2
    assert np.linalg.norm(np.diff(wrists, axis=0), axis=-1).max() * 30 < 4.0
    assert len([e for e in events if isinstance(e, Text) and e.text]) >= 2


async def test_the_character_follows_a_user_who_steps_back_and_goes_home() -> None:
    view = Onlooker(pose_of("idle"))
    brain = open_brain(COPPER, open_synthesiser())
    poses: list[Pose] = []
    spoken: list[str] = []
    silent_ms = 0.0
    async for event in brain.reply(asked("follow me", view=view)):
        if isinstance(event, Pose):
            poses.append(event)
        elif isinstance(event, Text):
            spoken.append(event.text)
        elif isinstance(event, Speech) and not event.pcm.any():
            silent_ms += 100
            if silent_ms == 700:  # one step back, then the user stands still
                view.acts.append((time.monotonic(), "step_back"))
    assert any("Here I am" in text for text in spoken)
    root_m = np.concatenate([pose.root_m for pose in poses])
    rotations = np.concatenate([pose.rotations for pose in poses])
    assert root_m[:, 2].max() == pytest.approx(0.6, abs=0.06)
    assert abs(root_m[-1, 2]) < 0.05
    ankles = forward(root_m, rotations)[0][:, [JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]]]
    slides = np.linalg.norm(np.diff(ankles[..., [0, 2]], axis=0), axis=-1) * 30 * (ankles[1:, :, 1] < 0.08)
    assert slides.max() < 0.15


async def test_a_mark_walks_a_step_and_back() -> None:
    from solami.agent.source import Sentence, WordSource

    class Walks(WordSource):
        async def sentences(self, turn: Turn):  # type: ignore[no-untyped-def,override]
            yield Sentence("[step_closer] Come and see what I have here, it is quite small.", False)

    brain = open_brain(COPPER, open_synthesiser())
    brain._source = Walks(COPPER, brain._source._dialogue, None)
    poses = [event async for event in brain.reply(asked("hello")) if isinstance(event, Pose)]
    z_m = np.concatenate([pose.root_m for pose in poses])[:, 2]
    assert z_m.max() == pytest.approx(0.3, abs=0.06)
    assert abs(z_m[-1]) < 0.05
