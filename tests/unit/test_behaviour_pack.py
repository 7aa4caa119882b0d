"""The behaviour pack closes its loops; the face lives; beats and names fit the words."""

from itertools import pairwise

import numpy as np
import pytest

from solami.behaviour import (
    GESTURES,
    PACK_STATES,
    PackClip,
    Performance,
    Style,
    beats,
    behaviour_pack,
    face_life,
    resolve,
    stance,
)
from solami_protocol import quaternions as q
from solami_protocol.arkit import FACE_INDEX as F
from solami_protocol.skeleton import JOINT_INDEX as J
from solami_tokenizers.motion.kinematics import forward

PACK = behaviour_pack(Style(), seed=7)


def test_every_state_has_its_clips() -> None:
    count = {state: [clip for clip in PACK if clip.state == state] for state in PACK_STATES}
    assert len(count["idle"]) >= 3
    assert len(count["listen"]) == 2
    assert len(count["think"]) == 2
    assert len(count["apology"]) == 1
    assert len({clip.name for clip in PACK}) == len(PACK)
    for clip in count["idle"]:
        assert 6 <= len(clip.root_m) / 30 <= 10
    for clip in PACK:
        assert clip.root_m.shape == (len(clip.rotations), 3)
        assert clip.rotations.shape[1:] == (55, 4)
        assert clip.face.shape == (len(clip.rotations), 52)
        assert clip.root_m.dtype == clip.rotations.dtype == clip.face.dtype == np.float32
        assert clip.loop == (clip.state in ("idle", "listen", "think"))


@pytest.mark.parametrize("style", [Style(), Style(energy=1.5, tempo=1.6), Style(energy=0.1, openness=0, tempo=0.6)])
def test_loops_close_and_begin_near_the_stance(style: Style) -> None:
    upright = stance(style).pose()[1]
    for clip in behaviour_pack(style, seed=3):
        if clip.state in ("turn", "assent", "filler"):  # streamed, never repeated
            continue
        inner = q.angle_between(clip.rotations[1:].astype(float), clip.rotations[:-1].astype(float)).max(axis=1)
        seam = q.angle_between(clip.rotations[0].astype(float), clip.rotations[-1].astype(float)).max()
        assert seam <= max(np.percentile(inner, 50), np.radians(0.3)), clip.name
        assert np.linalg.norm(clip.root_m[0] - clip.root_m[-1]) < 1e-3
        for end in (0, -1):
            assert np.degrees(q.angle_between(clip.rotations[end], upright)).max() < 6
        assert np.abs(clip.face[0] - clip.face[-1]).max() < 0.03


@pytest.mark.parametrize("clip", [clip for clip in PACK if clip.state == "turn"], ids=lambda clip: clip.name)
def test_turns_end_facing_the_user_by_steps_that_do_not_slide(clip: PackClip) -> None:
    degrees = int(clip.name.split("_")[-1]) * (1 if "left" in clip.name else -1)
    places, turns = forward(clip.root_m.astype(float), clip.rotations.astype(float))
    yaw = np.degrees(np.unwrap([q.yaw_of(turn) for turn in clip.rotations[:, 0]]))
    assert yaw[0] == pytest.approx(-degrees, abs=3)
    assert yaw[-1] == pytest.approx(0, abs=3)
    assert np.abs(clip.root_m[[0, -1]][:, [0, 2]]).max() < 0.04
    assert len(yaw) / 30 < 3.2
    # the head has turned to the user before the hips have, as far as a neck goes
    half = int(np.argmax(np.abs(yaw - yaw[0]) > abs(degrees) / 3))
    if abs(degrees) < 110:
        assert abs(np.degrees(q.yaw_of(turns[half, J["head"]]))) < abs(yaw[half]) - 10
    ankles = places[:, [J["left_ankle"], J["right_ankle"]]]
    moving = np.linalg.norm(np.diff(ankles[..., [0, 2]], axis=0), axis=-1) * 30
    low = ankles[1:, :, 1] < ankles[0, :, 1].max() + 0.012
    assert np.percentile(moving * low, 90) < 0.06  # metres a second
    spin = np.linalg.norm(q.to_rotvec(q.multiply(q.conjugate(clip.rotations[:-1]), clip.rotations[1:])), axis=-1) * 30
    assert np.abs(np.diff(spin, axis=0)).max() < 1.5 * np.percentile(spin.max(axis=1), 99)


def test_clips_do_what_they_are_called() -> None:
    by_name = {clip.name: clip for clip in PACK}
    think, apology, listen = by_name["think_chin"], by_name["apology"], by_name["listen_nod"]
    places, _ = forward(think.root_m.astype(float), think.rotations.astype(float))
    knuckle = places[:, J["right_index1"]] - places[:, J["head"]]
    assert np.linalg.norm(knuckle, axis=-1).min() < 0.17
    places, _ = forward(apology.root_m.astype(float), apology.rotations.astype(float))
    assert np.ptp(places[:, J["head"], 1]) > 0.03
    lean = forward(listen.root_m.astype(float), listen.rotations.astype(float))[0][:, J["head"], 2]
    assert np.ptp(lean) > 0.03


def test_blinks_are_as_many_as_a_persons_and_never_missed() -> None:
    face = face_life(np.arange(0, 120_000, 1000 / 30), 5)
    lids = face[:, F["eyeBlinkLeft"]]
    starts = np.flatnonzero((lids[1:] > 0.5) & (lids[:-1] <= 0.5))
    gaps = np.diff(starts) / 30
    assert 20 <= len(starts) <= 60
    assert gaps.min() > 1.8
    assert gaps.max() < 6.2
    assert all(lids[s : s + 4].max() == 1.0 for s in starts)
    assert all((lids[s - 1 : s + 6] > 0.5).sum() <= 4 for s in starts)
    np.testing.assert_array_equal(lids, face[:, F["eyeBlinkRight"]])


def test_faces_stay_in_range_and_depend_on_time_and_seed_alone() -> None:
    t = np.arange(0, 20_000, 1000 / 30)
    face = face_life(t, 5)
    assert face.min() >= 0
    assert face.max() <= 1
    np.testing.assert_allclose(face_life(t[100:130], 5), face[100:130], atol=1e-6)
    assert not np.array_equal(face_life(t, 6), face)
    assert face_life(np.zeros(0), 1).shape == (0, 52)
    looks = face[:, F["eyeLookOutLeft"]] - face[:, F["eyeLookInLeft"]]
    np.testing.assert_allclose(looks, face[:, F["eyeLookInRight"]] - face[:, F["eyeLookOutRight"]], atol=1e-6)
    assert 0.03 < looks.max() < 0.3
    assert face[:, F["jawOpen"]].max() == 0
    assert 0.01 < face[:, F["mouthSmileLeft"]].mean() < 0.15


WORDS = [
    (word, 320.0 * i, 280.0)
    for i, word in enumerate(
        "I believe the wonderful garden behind the old castle deserves another visit because its flowers bloom every "
        "summer and nobody ever notices how beautiful everything becomes in the quiet evening light".split()
    )
]


@pytest.mark.parametrize("seed", range(25))
def test_beats_are_sparse_on_heavy_words_and_varied(seed: int) -> None:
    cues = beats(WORDS, seed)
    assert 2 <= len(cues) <= 6
    strokes = [cue.stroke_ms for cue in cues]
    assert all(b - a >= 1100 for a, b in pairwise(strokes))
    for cue in cues:
        word = next(text for text, t, d in WORDS if t <= cue.stroke_ms < t + d)
        assert len(word) > 3
        assert cue.gesture in GESTURES
    names = [cue.gesture for cue in cues]
    assert all(len({a, b, c}) > 1 for a, b, c in zip(names, names[1:], names[2:], strict=False))
    assert beats(WORDS, seed) == cues


def test_beats_can_all_be_performed() -> None:
    performance = Performance(Style(), None, 0)
    assert all(performance.cue(cue.gesture, cue.stroke_ms) is not None for cue in beats(WORDS, 3))
    assert beats([], 0) == []
    assert beats([("the", 0, 200), ("a", 300, 90)], 0) == []
    assert len({tuple(cue.gesture for cue in beats(WORDS, seed)) for seed in range(10)}) > 3


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[wave]", "wave_right"),
        ("*waves*", "wave_right"),
        ("waves with the left hand", "wave_left"),
        ("*nods slowly*", "nod"),
        ("Shrugs", "shrug"),
        ("thinks", "think"),
        ("shakes his head", "shake"),
        ("points at you", "point_you"),
        ("points to herself", "point_self"),
        ("*bows deeply*", "bow"),
        ("gives a thumbs-up", "thumbs_up"),
        ("think_left", "think_left"),
        ("[beat left]", "beat_left"),
        ("opens her arms", "welcome"),
        ("clapping", "clap"),
        ("smiles", None),
        ("knows", None),
        ("", None),
    ],
)
def test_names_are_found_in_what_texts_say(text: str, name: str | None) -> None:
    assert resolve(text) == name


def test_every_gesture_resolves_to_itself() -> None:
    assert all(resolve(name) == name == resolve(f"[{name.replace('_', ' ')}]") for name in GESTURES)
