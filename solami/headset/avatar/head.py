"""The head's parts around the skin: eyes, teeth, tongue, brows, lashes, ears; and the face shapes for all of them."""

from collections.abc import Callable

import numpy as np

from solami.headset.avatar.automaton import under_dome
from solami.headset.avatar.facemesh import NECK_Y, FaceMesh, build_face_mesh, eye_loop
from solami.headset.avatar.faceshapes import moved_by_shapes, skin_points
from solami.headset.avatar.hair import under_hair
from solami.headset.avatar.headform import EYE, EYE_RADIUS_M, HEAD, MOUTH_Y, jaw_plate_edge, onto_front, outwards, seam
from solami.headset.avatar.look import Look
from solami.headset.avatar.mesh import Part, smooth, smoothstep, tube, without
from solami.headset.avatar.skinning import chain, rigid
from solami_protocol.skeleton import JOINT_INDEX

__all__ = ["head_parts"]


def head_parts(look: Look) -> list[Part]:
    """Return skin, eyes, teeth, tongue, brows, lashes and ears of the head."""
    parts = [_skin(under_dome if look.kind == "automaton" else under_hair)]
    for sign in (1.0, -1.0):
        parts += [_eyeball(sign), _lashes(sign), _brow(sign)]
        if look.kind in ("person", "magician"):
            parts.append(_ear(sign))
    return [*parts, *_teeth(), _tongue()]


def _skin(hidden: Callable[[np.ndarray], np.ndarray]) -> Part:
    mesh = build_face_mesh()
    p = mesh.points
    inside = mesh.lip_ring <= -2
    upper = np.where(mesh.lip_ring == -1, np.where(p[:, 1] >= seam(p[:, 0]), 1, -1), mesh.lip_side).astype(float)
    q = skin_points(p, upper=upper, lid_ring=mesh.lid_ring, lid_angle=mesh.lid_angle)
    q.soft = np.where(mesh.lip_ring <= -3, 0.0, 1.0)
    q.jaw = np.where(mesh.lip_ring <= -3, np.where(upper > 0, 0.0, np.where(upper < 0, 1.0, 0.5)), q.jaw)
    shapes = moved_by_shapes(q)
    loop = mesh.mouth_loop
    firm = (mesh.lip_ring != -1) | (mesh.lid_ring != -1)
    for way in shapes.values():
        # the wall right behind the seam goes where the lip goes
        way[mesh.lip_ring == -2] = way[loop]
    together = smooth(np.concatenate(list(shapes.values()), axis=1), mesh.triangles, np.where(firm, 0.0, 0.5), 2)
    shapes = {name: together[:, 3 * k : 3 * k + 3] for k, name in enumerate(shapes)}
    swatches = _paint(mesh, inside)
    weights = chain(p + HEAD, ("spine3", "neck", "head"), (0.03, 0.05))
    jaw = smoothstep(0.0, 1.0, q.jaw) * 0.9
    weights *= (1 - jaw)[:, None]
    weights[:, JOINT_INDEX["jaw"]] += jaw
    part = Part(
        name="skin",
        positions=p + HEAD,
        triangles=mesh.triangles,
        swatches=swatches,
        weights=weights,
        shade=_shade(p),
        morphs=shapes,
    )
    return without(part, hidden(p))


def _paint(mesh: FaceMesh, inside: np.ndarray) -> list[str]:
    lip = mesh.lip_ring[mesh.triangles]
    out = []
    for ring in lip:
        deepest = ring.min()
        if deepest >= 0 and ring.max() <= 2:
            out.append("lips")
        elif deepest <= -4:
            out.append("throat")
        elif deepest <= -3:
            out.append("mouth")
        elif deepest == -2:
            out.append("lips")
        else:
            out.append("skin")
    middle = mesh.points[mesh.triangles].mean(1)
    plate = (np.abs(middle[:, 0]) < jaw_plate_edge(middle[:, 1] - MOUTH_Y)) & (middle[:, 1] < MOUTH_Y)
    plate &= (middle[:, 1] > -0.060) & (middle[:, 2] > 0.03)
    out = ["jaw_plate" if here and name == "skin" else name for here, name in zip(plate, out, strict=True)]
    ring = np.searchsorted(-np.array(NECK_Y), -middle[:, 1])
    out = ["neck" if k and k % 2 else name for k, name in zip(ring, out, strict=True)]
    lid = mesh.lid_ring[mesh.triangles]
    return ["skin_deep" if (row == -2).any() else name for row, name in zip(lid, out, strict=True)]


def _shade(p: np.ndarray) -> np.ndarray:
    """Return the darkening under the chin and around the eyes that soft light would give."""
    chin = smoothstep(-0.050, -0.075, p[:, 1]) * smoothstep(0.0, 0.03, p[:, 2])
    return 1 - 0.14 * chin


def _eyeball(sign: float) -> Part:
    """Return an eyeball: rings around its axis, painted pupil, iris and white, a glint above."""
    degrees = np.array([0.0, 9.8, 10.4, 18.0, 25.5, 29.0, 29.6, 40.0, 60.0, 85.0, 110.0])
    bands = [
        "pupil",
        "pupil",
        "iris_dark",
        "iris",
        "iris",
        "iris_dark",
        "eye_white",
        "eye_white",
        "eye_white",
        "eye_white",
    ]
    sides = 28
    angle = 2 * np.pi * np.arange(sides) / sides
    rings = []
    for d in np.radians(degrees):
        # the cornea stands out a little, the iris behind it is flat
        r = EYE_RADIUS_M
        rings.append(
            np.stack([r * np.sin(d) * np.cos(angle), r * np.sin(d) * np.sin(angle), np.full(sides, r * np.cos(d))], 1)
        )
    positions, triangles = tube(np.stack(rings))
    swatches = [b for b in bands for _ in range(2 * sides)]
    height = np.sin(angle)
    # the lower half of the iris catches light
    for band, name in ((3, "iris_light"),):
        for i in range(sides):
            if height[i] < -0.25:
                swatches[band * 2 * sides + i] = name
                swatches[band * 2 * sides + sides + i] = name
    glint_p, glint_t = _glint()
    triangles = np.concatenate([triangles[:, ::-1], glint_t + len(positions)])
    swatches = swatches + ["glint"] * len(glint_t)
    positions = np.concatenate([positions, glint_p])
    centre = EYE * np.array([sign, 1, 1])
    p = positions + centre
    none = np.zeros(len(p))
    q = skin_points(p, soft=none, jaw=none, eyeball=none + sign)
    return Part(
        name="left_eye" if sign > 0 else "right_eye",
        positions=p + HEAD,
        triangles=_faced(p, triangles, centre),
        swatches=swatches,
        weights=rigid(len(p), "left_eye" if sign > 0 else "right_eye"),
        morphs=moved_by_shapes(q),
    )


def _glint() -> tuple[np.ndarray, np.ndarray]:
    """Return two little discs on the eye's upper left, as a window would draw them."""
    points: list[np.ndarray] = []
    faces: list[np.ndarray] = []
    for x, y, r in ((-0.0042, 0.0058, 0.0026), (0.0046, -0.0052, 0.0012)):
        angle = 2 * np.pi * np.arange(10) / 10
        xy = np.array([x, y]) + r * np.stack([np.cos(angle), np.sin(angle)], 1)
        xy = np.concatenate([xy, [[x, y]]])
        z = np.sqrt((EYE_RADIUS_M + 0.0004) ** 2 - (xy**2).sum(1))
        start = sum(len(known) for known in points)
        points.append(np.column_stack([xy, z]))
        ring = np.arange(10) + start
        faces.append(np.stack([ring, np.roll(ring, -1), np.full(10, start + 10)], 1))
    return np.concatenate(points), np.concatenate(faces)


def _faced(p: np.ndarray, triangles: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return the triangles turned away from `centre`."""
    a, b, c = (p[triangles[:, k]] for k in range(3))
    inside = np.einsum("ij,ij->i", np.cross(b - a, c - a), (a + b + c) / 3 - centre) < 0
    out = triangles.copy()
    out[inside] = out[inside][:, ::-1]
    return out


def _lashes(sign: float) -> Part:
    """Return the dark line of the upper lid's edge with a little wing at the outer corner."""
    n = 24
    inner, angle = eye_loop(0.0002, 2 * n)
    outer, _ = eye_loop(0.0017, 2 * n)
    use = np.arange(-1, n + 1) % (2 * n)  # the upper half, a bit beyond both corners
    inner, outer, angle = inner[use], outer[use], angle[use]
    c = np.cos(angle)
    outer = inner + (outer - inner) * (0.55 + 0.75 * smoothstep(-0.8, 0.9, c))[:, None]
    outer[:2] += np.array([[0.0036, 0.0022], [0.0022, 0.0014]])
    q_in = onto_front(inner, 0.0004)
    q_out = onto_front(outer, 0.0013)
    p = np.concatenate([q_in, q_out]) * np.array([sign, 1, 1])
    count = len(use)
    i = np.arange(count - 1)
    triangles = np.concatenate([np.stack([i, i + count, i + 1], 1), np.stack([i + 1, i + count, i + count + 1], 1)])
    angle = np.clip(
        np.where(angle > np.pi * 1.5, 0.02, np.where(angle > np.pi, np.pi - 0.02, angle)), 0.02, np.pi - 0.02
    )
    edge = skin_points(q_in * np.array([sign, 1, 1]), lid_ring=np.zeros(count), lid_angle=angle)
    shapes = {}
    for name, way in moved_by_shapes(edge).items():
        # the outer edge keeps its distance to the inner one and stays over the lid
        moved = onto_front((q_out * np.array([sign, 1, 1]) + way)[:, :2], 0.0019)
        shapes[name] = np.concatenate([way + np.array([0, 0, 0.0004]), moved - q_out * np.array([sign, 1, 1])])
    return Part(
        name="lashes",
        positions=p + HEAD,
        triangles=_faced(p, triangles, np.array([sign * EYE[0], EYE[1], EYE[2]])),
        swatches=["lash"] * len(triangles),
        weights=rigid(len(p), "head"),
        morphs=shapes,
    )


def _brow(sign: float) -> Part:
    """Return an eyebrow: a flat tapered tube over the bone, highest at two thirds."""
    t = np.linspace(0, 1, 13)
    x = 0.0155 + 0.0405 * t
    y = 0.0835 + 0.0072 * np.sin(np.pi * np.clip(t * 0.80 + 0.06, 0, 1)) - 0.0045 * t**2
    half = 0.0030 * (0.55 + 0.75 * t) * np.sqrt(np.clip(1 - t**4, 0.02, 1)) * (0.75 + 0.25 * smoothstep(0, 0.2, t))
    centre = onto_front(np.stack([x, y], 1), 0.0004)
    away = outwards(centre)
    ahead = np.gradient(centre, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    up = np.cross(away, ahead)
    angle = 2 * np.pi * np.arange(8) / 8
    rings = centre[:, None] + half[:, None, None] * (
        np.cos(angle)[None, :, None] * up[:, None] + 0.42 * np.sin(angle)[None, :, None] * away[:, None]
    )
    p, triangles = tube(rings, closed_start=True, closed_end=True)
    p = p * np.array([sign, 1, 1])
    q = skin_points(p)
    return Part(
        name="brow",
        positions=p + HEAD,
        triangles=triangles if sign > 0 else triangles[:, ::-1],
        swatches=["brow"] * len(triangles),
        weights=rigid(len(p), "head"),
        morphs=moved_by_shapes(q),
    )


def _ear(sign: float) -> Part:
    """Return an ear: an outline that leaves the head, a rim, a bowl within."""
    n = 20
    a = 2 * np.pi * np.arange(n) / n
    # seen from the left: x to the back, y up; wider above
    back = np.cos(a) * (0.0155 + 0.0045 * np.sin(a)) + 0.003 * np.sin(a)
    up = np.sin(a) * 0.0285 - 0.002 * np.cos(a)
    rings = []
    for size, out in (
        (0.62, -0.012),
        (0.80, 0.000),
        (1.0, 0.007),
        (1.02, 0.0105),
        (0.90, 0.0125),
        (0.76, 0.0100),
        (0.55, 0.0055),
        (0.30, 0.004),
    ):
        flare = out + 0.0075 * (back * size + 0.01) / 0.02 * (out > -0.01)
        rings.append(np.stack([0.0800 + flare, 0.050 + up * size, -0.012 - back * size - 0.004], 1))
    p, triangles = tube(np.stack(rings), closed_end=True)
    p = p * np.array([sign, 1, 1])
    swatches = ["skin"] * len(triangles)
    shade = np.ones(len(p))
    shade[5 * n :] = 0.82
    shade[6 * n :] = 0.72
    volume = np.einsum(
        "ij,ij->",
        p[triangles[:, 0]] - p.mean(0),
        np.cross(p[triangles[:, 1]] - p.mean(0), p[triangles[:, 2]] - p.mean(0)),
    )
    return Part(
        name="ear",
        positions=p + HEAD,
        triangles=triangles if volume > 0 else triangles[:, ::-1],
        swatches=swatches,
        weights=rigid(len(p), "head"),
        shade=shade,
    )


def _teeth() -> list[Part]:
    """Return both rows of teeth: smooth bands along the dental arch, the lower one on the jaw."""
    out = []
    lip_z = float(onto_front(np.array([[0.0, MOUTH_Y]]))[0, 2])
    for name, low, high, back, upper in (
        # as long as the lining of a shut mouth leaves room for, see `_line_mouth`
        ("upper_teeth", -0.0048, 0.0070, 0.0090, 1.0),
        ("lower_teeth", -0.0140, -0.0050, 0.0100, -1.0),
    ):
        t = np.linspace(-1, 1, 15)
        x = (0.0190 if upper > 0 else 0.0180) * t
        sink = upper * 0.0030 * t**4  # the edge goes back into the gums towards the cheeks
        z = lip_z - back - 0.0135 * t**2
        ring = []
        for dz, y in ((0, low), (0.0006, (low + high) / 2), (0, high), (-0.0035, high), (-0.0035, low)):
            edge = y == (low if upper > 0 else high)
            ring.append(np.stack([x * (1 + dz * 10), MOUTH_Y + y + edge * sink, z + dz], 1))
        rings = np.stack(ring, 1)  # (15, 5, 3)
        p, triangles = tube(rings, closed_start=True, closed_end=True)
        none = np.zeros(len(p))
        q = skin_points(p, soft=none, jaw=none + (upper < 0), upper=none + upper)
        joint = "head" if upper > 0 else "jaw"
        out.append(
            Part(
                name=name,
                positions=p + HEAD,
                triangles=triangles,
                swatches=["teeth"] * len(triangles),
                weights=rigid(len(p), joint),
                morphs=moved_by_shapes(q),
            )
        )
        signed = np.einsum(
            "ij,ij->",
            p[triangles[:, 0]] - p.mean(0),
            np.cross(p[triangles[:, 1]] - p.mean(0), p[triangles[:, 2]] - p.mean(0)),
        )
        if signed < 0:
            out[-1].triangles = triangles[:, ::-1]
    return out


def _tongue() -> Part:
    """Return the tongue, resting behind the lower teeth."""
    t = np.linspace(0, 1, 9)
    lip_z = float(onto_front(np.array([[0.0, MOUTH_Y]]))[0, 2])
    z = lip_z - 0.046 + 0.034 * t
    y = MOUTH_Y - 0.0095 + 0.0035 * np.sin(np.pi * t)
    half = 0.0135 * np.sqrt(np.clip(1 - (t * 0.97) ** 3.5, 0, 1))
    thick = 0.0045 * np.sqrt(np.clip(1 - (t * 0.97) ** 4, 0, 1))
    angle = 2 * np.pi * np.arange(12) / 12
    rings = np.stack(
        [
            np.stack([h * np.cos(angle), yy + k * np.sin(angle), np.full(12, zz)], 1)
            for h, k, yy, zz in zip(half, thick, y, z, strict=True)
        ]
    )
    p, triangles = tube(rings, closed_start=True, closed_end=True)
    none = np.zeros(len(p))
    tip = np.clip((p[:, 2] - z[0]) / (z[-1] - z[0]), 0, 1)
    q = skin_points(p, soft=none, jaw=none + 1, upper=none - 1, tongue=tip)
    return Part(
        name="tongue",
        positions=p + HEAD,
        triangles=triangles,
        swatches=["tongue"] * len(triangles),
        weights=rigid(len(p), "jaw"),
        shade=0.45 + 0.55 * tip,
        morphs=moved_by_shapes(q),
    )
