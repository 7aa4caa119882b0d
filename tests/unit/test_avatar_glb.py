"""The avatar file: what an engine that reads it relies on, and that the face does what its shapes are named for."""

import json
import struct
from functools import cache
from typing import get_args

import numpy as np
import pytest

from solami.audio2face import animate
from solami.headset.avatar import Look, build_glb
from solami.headset.avatar.look import Kind
from solami_protocol.arkit import FACE_MIRROR, FACE_NAMES
from solami_protocol.errors import InputError
from solami_protocol.phones import Phone
from solami_protocol.quaternions import from_axis_angle, multiply, rotate
from solami_protocol.skeleton import JOINT_INDEX, JOINTS, PARENTS, REST_OFFSETS, rest_positions

KINDS: tuple[Kind, ...] = get_args(Kind)
TYPES = {5126: ("<f4", 4), 5123: ("<u2", 2), 5121: ("u1", 1)}
WIDTH = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class Glb:
    """A GLB as a reader sees it: written here from the glTF specification, apart from the writer."""

    def __init__(self, data: bytes) -> None:
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        size, kind = struct.unpack_from("<I4s", data, 12)
        assert kind == b"JSON"
        self.json = json.loads(data[20 : 20 + size])
        size_bin, kind = struct.unpack_from("<I4s", data, 20 + size)
        assert kind == b"BIN\0"
        self.bin = data[28 + size :]
        assert len(self.bin) == size_bin == self.json["buffers"][0]["byteLength"]

    def _view(self, index: int, count: int, component: int, width: int) -> np.ndarray:
        view = self.json["bufferViews"][index]
        dtype, size = TYPES[component]
        assert view["byteLength"] >= count * width * size
        assert view["byteOffset"] + view["byteLength"] <= len(self.bin)
        return np.frombuffer(self.bin, dtype, count * width, view["byteOffset"]).reshape(count, width)

    def read(self, index: int) -> np.ndarray:
        a = self.json["accessors"][index]
        width = WIDTH[a["type"]]
        if "sparse" in a:
            out = np.zeros((a["count"], width), np.float32)
            s = a["sparse"]
            rows = self._view(s["indices"]["bufferView"], s["count"], s["indices"]["componentType"], 1)[:, 0]
            assert (np.diff(rows.astype(int)) > 0).all()  # the specification asks for rising indices
            assert rows[-1] < a["count"]
            out[rows] = self._view(s["values"]["bufferView"], s["count"], a["componentType"], width)
        else:
            out = self._view(a["bufferView"], a["count"], a["componentType"], width)
        if "min" in a:
            np.testing.assert_allclose(out.min(0), a["min"], atol=1e-6)
            np.testing.assert_allclose(out.max(0), a["max"], atol=1e-6)
        return out

    def mesh(self, name: str) -> dict:
        return next(m for m in self.json["meshes"] if m["name"] == name)


@cache
def built(kind: Kind) -> bytes:
    return build_glb(Look(kind))


@pytest.fixture(scope="module", params=KINDS)
def glb(request: pytest.FixtureRequest) -> Glb:
    return Glb(built(request.param))


@pytest.fixture(scope="module")
def person() -> Glb:
    return Glb(built("person"))


def surfaces(glb: Glb, names: tuple[str, ...] = ("body", "face")) -> list[dict]:
    return [p for name in names for p in glb.mesh(name)["primitives"]]


def material(glb: Glb, primitive: dict) -> str:
    return glb.json["materials"][primitive["material"]]["name"]


def skin_points(glb: Glb, shapes: dict[str, float]) -> np.ndarray:
    """Positions of the face's skin with shapes applied."""
    skin = next(p for p in surfaces(glb, ("face",)) if material(glb, p) == "skin")
    out = glb.read(skin["attributes"]["POSITION"]).astype(float)
    for name, value in shapes.items():
        out = out + value * glb.read(skin["targets"][FACE_NAMES.index(name)]["POSITION"])
    return out


def test_is_small_enough_and_the_same_each_time() -> None:
    assert built("automaton") == build_glb(Look("automaton"))
    for kind in KINDS:
        assert len(built(kind)) <= 3_000_000
        glb = Glb(built(kind))
        triangles = sum(len(glb.read(p["indices"])) // 3 for p in surfaces(glb))
        assert 5_000 < triangles <= 20_000
        assert len(surfaces(glb)) <= 20  # draw calls


def test_colours_of_a_card_change_the_file() -> None:
    data = build_glb(Look.of_card({"avatar": "", "colours": {"hair": "#ff0000"}}))
    assert data != built("person")
    with pytest.raises(InputError, match="hat"):
        Look("person", {"hat": "#ff0000"})
    with pytest.raises(InputError, match="#rrggbb"):
        Look("person", {"hair": "red"})
    with pytest.raises(InputError, match="dragon"):
        Look.of_card({"avatar": "dragon"})


def test_skeleton_is_that_of_the_wire(glb: Glb) -> None:
    skin = glb.json["skins"][0]
    nodes = [glb.json["nodes"][i] for i in skin["joints"]]
    assert [n["name"] for n in nodes] == list(JOINTS)
    np.testing.assert_allclose([n["translation"] for n in nodes], REST_OFFSETS, atol=1e-6)
    assert all("rotation" not in n and "scale" not in n for n in nodes)
    for i, node in enumerate(nodes):
        for child in node.get("children", []):
            assert PARENTS[skin["joints"].index(child)] == i
    bind = glb.read(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
    np.testing.assert_allclose(bind[:, :3, 3], -rest_positions(), atol=1e-5)


def test_every_vertex_has_whole_weights_and_a_unit_normal(glb: Glb) -> None:
    for p in surfaces(glb):
        a = p["attributes"]
        assert (glb.read(a["WEIGHTS_0"]).astype(int).sum(1) == 255).all()
        assert glb.read(a["JOINTS_0"]).max() < len(JOINTS)
        np.testing.assert_allclose(np.linalg.norm(glb.read(a["NORMAL"]), axis=1), 1, atol=1e-3)
        assert glb.read(p["indices"]).max() < len(glb.read(a["POSITION"]))


def test_face_shapes_are_arkits_and_each_moves_something(glb: Glb) -> None:
    face = glb.mesh("face")
    assert tuple(face["extras"]["targetNames"]) == FACE_NAMES
    for i, name in enumerate(FACE_NAMES):
        moved = max(np.abs(glb.read(p["targets"][i]["POSITION"])).max() for p in face["primitives"])
        assert 0.0008 < moved < 0.08, name


def test_shapes_of_both_sides_mirror_each_other(person: Glb) -> None:
    for i, name in enumerate(FACE_NAMES):
        if not name.endswith("Left"):
            continue
        here, there = (
            np.concatenate([person.read(p["targets"][k]["POSITION"]) for p in surfaces(person, ("face",))])
            for k in (i, FACE_MIRROR[i])
        )
        np.testing.assert_allclose(np.abs(here).sum(0), np.abs(there).sum(0), rtol=0.06, atol=2e-3, err_msg=name)
        assert here[:, 1].sum() == pytest.approx(there[:, 1].sum(), rel=0.06, abs=2e-3), name


def lips_apart(glb: Glb, shapes: dict[str, float]) -> float:
    """The widest distance between upper and lower lip along the seam, metres: the seam's vertices lie on each other
    at rest, so those that were pairs there are compared."""
    rest = skin_points(glb, {})
    head = rest_positions()[JOINT_INDEX["head"]]
    front = (np.abs(rest[:, 0]) < 0.022) & (rest[:, 2] > head[2] + 0.085)
    drop = skin_points(glb, {"jawOpen": 1.0})[:, 1] - rest[:, 1]
    seam = []
    for i in np.flatnonzero(front & (drop < -0.015)):
        twins = np.flatnonzero(front & (np.linalg.norm(rest - rest[i], axis=1) < 4e-4) & (drop > drop[i] + 0.010))
        seam += [(i, j) for j in twins]
    assert len(seam) >= 5
    now = skin_points(glb, shapes)
    return max(np.linalg.norm(now[i] - now[j]) for i, j in seam)


def test_jaw_opens_by_about_25_degrees_and_mouth_close_shuts_it(person: Glb) -> None:
    rest, wide = skin_points(person, {}), skin_points(person, {"jawOpen": 1.0})
    chin = np.argmin(np.where((rest[:, 2] > 0.07) & (np.abs(rest[:, 0]) < 0.008) & (rest[:, 1] > 1.44), rest[:, 1], 9))
    # the hinge lies in front of the ear; the chin's way seen from there
    hinge = rest_positions()[JOINT_INDEX["head"]] + (0, 0.03, -0.01)
    a, b = (p[chin, 1:] - hinge[1:] for p in (rest, wide))
    angle = np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))
    assert 20 < angle < 30
    assert lips_apart(person, {"jawOpen": 1.0}) > 0.025
    for value in (0.25, 0.6, 1.0):
        assert lips_apart(person, {"jawOpen": value, "mouthClose": value}) < 0.0015


@pytest.mark.parametrize("feeling", ["joy", "sadness", "anger", "surprise", "fear", "disgust"])
def test_shut_lips_meet_in_every_mood(person: Glb, feeling: str) -> None:
    """An /m/ between open vowels, at full feeling: the lips of the mesh touch, and part again."""
    phones = [Phone("aa", 100, 160), Phone("m", 260, 100), Phone("aa", 360, 200)]
    buzz = (8_000 * np.sign(np.sin(2 * np.pi * 120 * np.arange(14_000) / 24_000))).astype(np.int16)
    face = animate(buzz, phones, affect={feeling: 1.0})

    def apart(frame: int) -> float:
        return lips_apart(person, {name: float(w) for name, w in zip(FACE_NAMES, face[frame], strict=True) if w > 0})

    assert min(apart(8), apart(9)) < 0.002
    assert apart(14) > 0.008


def test_blink_closes_the_eyes_without_touching_the_eyeballs(person: Glb) -> None:
    from solami.headset.avatar.facemesh import build_face_mesh
    from solami.headset.avatar.faceshapes import displacement, skin_points
    from solami.headset.avatar.headform import EYE, EYE_RADIUS_M

    mesh = build_face_mesh()
    q = skin_points(mesh.points, lid_ring=mesh.lid_ring, lid_angle=mesh.lid_angle)
    way = displacement("eyeBlinkLeft", q)
    edge = (mesh.lid_ring == 0) & (mesh.points[:, 0] > 0)
    for value in (0.0, 0.5, 1.0):
        away = np.linalg.norm(mesh.points[edge] + value * way[edge] - EYE, axis=1)
        assert away.min() > EYE_RADIUS_M - 0.0004, value
    shut = mesh.points[edge] + way[edge]
    angle = mesh.lid_angle[edge]
    upper, lower = (shut[(np.sin(angle) * s > 0.2)] for s in (1, -1))
    for point in upper:
        nearest = lower[np.argmin(np.abs(lower[:, 0] - point[0]))]
        assert point[1] - nearest[1] < 0.0006


def test_stands_on_the_ground(glb: Glb) -> None:
    points = np.concatenate([glb.read(p["attributes"]["POSITION"]) for p in surfaces(glb)])
    assert -0.004 < points[:, 1].min() < 0.004
    assert 1.72 < points[:, 1].max() < 1.95
    assert np.abs(points[:, 0]).max() == pytest.approx(0.86, abs=0.06)  # fingertips


def posed(glb: Glb, primitive: dict, rotations: np.ndarray) -> np.ndarray:
    """Linear blend skinning, as an engine does it."""
    world_q, world_p = rotations.copy(), np.zeros((len(JOINTS), 3))
    world_p[0] = REST_OFFSETS[0]
    for i in range(1, len(JOINTS)):
        world_q[i] = multiply(world_q[PARENTS[i]], rotations[i])
        world_p[i] = world_p[PARENTS[i]] + rotate(world_q[PARENTS[i]], REST_OFFSETS[i])
    a = primitive["attributes"]
    p, joints = glb.read(a["POSITION"]).astype(float), glb.read(a["JOINTS_0"]).astype(int)
    share = glb.read(a["WEIGHTS_0"]) / 255.0
    rest = rest_positions()
    moved = world_p[joints] + rotate(world_q[joints], p[:, None] - rest[joints])
    return (moved * share[:, :, None]).sum(1)


def poses() -> dict[str, np.ndarray]:
    still = np.zeros((len(JOINTS), 4))
    still[:, 3] = 1
    down, wave, step = still.copy(), still.copy(), still.copy()
    for pose in (down, wave, step):
        for side, sign in (("left", -1), ("right", 1)):
            pose[JOINT_INDEX[f"{side}_shoulder"]] = from_axis_angle((0, 0, 1), sign * 75)
    wave[JOINT_INDEX["right_shoulder"]] = from_axis_angle((0, 0, 1), 10)
    wave[JOINT_INDEX["right_elbow"]] = from_axis_angle((0, 0, 1), -110)
    step[JOINT_INDEX["left_hip"]] = from_axis_angle((1, 0, 0), -70)
    step[JOINT_INDEX["left_knee"]] = from_axis_angle((1, 0, 0), 80)
    return {"down": down, "wave": wave, "step": step}


@pytest.mark.parametrize("name", ["down", "wave", "step"])
def test_limbs_stay_whole_when_they_bend(person: Glb, name: str) -> None:
    pose = poses()[name]
    for primitive in surfaces(person, ("body",)):
        if material(person, primitive) not in ("cloth", "skin"):
            continue
        rest = person.read(primitive["attributes"]["POSITION"])
        now = posed(person, primitive, pose)
        faces = person.read(primitive["indices"]).reshape(-1, 3)
        edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
        before, after = (np.linalg.norm(p[edges[:, 0]] - p[edges[:, 1]], axis=1) for p in (rest, now))
        assert after.max() < 0.11  # no triangle is torn across a joint
        assert np.quantile(after / np.maximum(before, 1e-4), 0.995) < 2.2


def test_the_page_says_what_is_missing_or_wrong(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from solami.headset import page
    from solami_protocol.errors import MissingExtra

    rotations = np.zeros((4, 55, 4), np.float32)
    rotations[..., 3] = 1
    turn = page.TurnPage(
        character="A",
        audio=np.zeros(10, np.int16),
        audio_rate=24_000,
        root=np.zeros((4, 3)),
        rotations=rotations,
        face=np.zeros((4, 52)),
        avatar_glb=b"x",
    )
    with pytest.raises(InputError, match=r"face.*\(3, 52\)"):
        page.write_turn_page(tmp_path / "a.html", replace(turn, face=np.zeros((3, 52))))
    with pytest.raises(InputError, match=r"root.*finite"):
        page.write_turn_page(tmp_path / "a.html", replace(turn, root=np.full((4, 3), np.nan)))
    monkeypatch.setattr(page, "TEMPLATE", "not-built.html")
    with pytest.raises(MissingExtra, match="npm run build"):
        page.write_turn_page(tmp_path / "a.html", turn)
    assert not (tmp_path / "a.html").exists()
