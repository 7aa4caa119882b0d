"""What makes the body a clockwork figure: crown and lantern, eye rims, ear wheels, seams, buttons, a key."""

import numpy as np

from solami.headset.avatar.faceshapes import moved_by_shapes, skin_points
from solami.headset.avatar.headform import EYE, HEAD, MOUTH_Y, jaw_plate_edge, onto, onto_front, outwards
from solami.headset.avatar.mesh import Part
from solami.headset.avatar.skinning import mirrored, rigid, trunk
from solami.headset.avatar.solids import lathe, wire

__all__ = ["body_fittings", "buttons", "head_fittings", "under_dome"]

UP = np.array([0.0, 1.0, 0.0])
DOME = HEAD + np.array([0.0, 0.118, -0.013])
DOME_AXIS = np.array([0.0, 1.0, -0.16])


def head_fittings() -> list[Part]:
    """Return the metal on the head that a person does not have."""
    wheel = _ear_wheel()
    return [*_dome(), *_eye_rims(), *wheel, *map(mirrored, wheel), *_seams()]


def under_dome(p: np.ndarray) -> np.ndarray:
    """Return which points (V, 3) of the head, its own coordinates, the dome hides from every side."""
    return (p + HEAD - DOME) @ DOME_AXIS > 0.012


def body_fittings() -> list[Part]:
    """Return the buttons of the coat, the buckle of its belt and the key in the back."""
    return [*buttons(), _buckle(), *_key()]


def _part(name: str, shape: tuple[np.ndarray, np.ndarray], swatch: str, joint: str = "head") -> Part:
    positions, triangles = shape
    return Part(
        name=name,
        positions=positions,
        triangles=triangles,
        swatches=[swatch] * len(triangles),
        weights=rigid(len(positions), joint),
    )


def _dome() -> list[Part]:
    """Return the crown, riveted on, and the lantern that stands on it: gallery, light, bars, roof."""
    base, axis = DOME, DOME_AXIS
    wide = (1.0, 1.155)
    rim = np.array([(-0.006, 0.088), (-0.005, 0.0935), (-0.001, 0.0950), (0.003, 0.0935), (0.004, 0.088)])
    t = np.linspace(0.02, 1.0, 9) * np.pi / 2
    shell = np.stack([0.002 + 0.080 * np.sin(t), 0.0925 * np.cos(t) ** 0.9 + 1e-4], 1)
    gallery = np.array([(0.070, 0.046), (0.076, 0.052), (0.081, 0.052), (0.083, 0.044), (0.083, 0.036)])
    lamp = np.array([(0.083, 0.0300), (0.090, 0.0335), (0.112, 0.0335), (0.119, 0.0290)])
    roof = np.array(
        [(0.118, 0.0420), (0.122, 0.0430), (0.134, 0.0260), (0.143, 0.0100), (0.147, 0.0040), (0.155, 0.0058),
         (0.160, 0.0030)]
    )  # fmt: skip
    parts = [
        _part("rim", lathe(rim, base, axis, 32, wide), "brass"),
        _part("dome", lathe(shell, base, axis, 32, wide), "dome"),
        _part("gallery", lathe(gallery, base, axis, 20), "brass"),
        _part("lamp", lathe(lamp, base, axis, 16), "lamp"),
        _part("lamp_roof", lathe(roof, base, axis, 16), "dome"),
    ]
    unit = axis / np.linalg.norm(axis)
    forward = np.cross(np.array([1.0, 0, 0]), unit)
    for k in range(6):
        a = 2 * np.pi * (k + 0.5) / 6
        way = np.sin(a) * np.array([1.0, 0, 0]) + 1.155 * np.cos(a) * forward
        bar = base + np.stack([along * unit + 0.0385 * way / np.linalg.norm(way) for along in (0.082, 0.100, 0.119)])
        parts.append(_part("lamp_bar", wire(bar, 0.0020, 4, up=np.tile(way, (3, 1))), "brass"))
    for k in range(12):
        a = 2 * np.pi * (k + 0.5) / 12
        way = np.sin(a) * np.array([1.0, 0, 0]) + 1.155 * np.cos(a) * forward
        bead = np.array([(-0.001, 0.0030), (0.0022, 0.0018)])
        parts.append(_part("rivet", lathe(bead, base + 0.0945 * way, way, 6), "rivet"))
    return parts


def _eye_rims() -> list[Part]:
    """Return a round brass rim with a dark seat around each eye, as of a ship's window."""
    out = []
    angle = 2 * np.pi * np.arange(24) / 24
    for sign in (1.0, -1.0):
        turn = np.array([sign, 1.0, 1.0])
        away = np.stack([np.cos(angle), np.sin(angle), np.full(24, 0.25)], 1) * turn
        for radius, thick, lift, sides, swatch in (
            (0.0262, 0.0042, 0.0030, 6, "brass"),
            (0.0225, 0.0016, 0.0012, 4, "rivet"),
        ):
            xy = EYE[:2] + np.array([0.0006, 0.0004]) + radius * np.stack([np.cos(angle), np.sin(angle)], 1)
            line = onto_front(xy, lift) * turn
            # the rim is a flat hoop: it does not sink into the socket as the skin does
            line[:, 2] = 0.35 * line[:, 2] + 0.65 * np.interp(xy[:, 0], (0.010, 0.062), (0.0965, 0.0800))
            out.append(_part("eye_rim", wire(line + HEAD, thick, sides, closed=True, up=away, flat=0.8), swatch))
    return out


def _ear_wheel() -> list[Part]:
    """Return a toothed wheel with a hub, in the place of the left ear."""
    origin = HEAD + np.array([0.078, 0.048, -0.014])
    axis = np.array([1.0, 0.06, 0.04])
    plate = np.array([(0.0, 0.026), (0.010, 0.029), (0.0115, 0.0275), (0.0125, 0.022)])
    disc = np.array(
        [
            (0.0100, 0.0215),
            (0.0190, 0.0205),
            (0.0205, 0.0190),
            (0.0185, 0.0120),
            (0.0185, 0.0070),
            (0.0245, 0.0062),
            (0.0262, 0.0040),
        ]
    )
    positions, triangles = lathe(plate, origin, axis, 36)
    centre = origin + axis / np.linalg.norm(axis) * 0.006
    tooth = np.tile([1.0, 1.0, 0.86], 12)
    for ring in range(4):
        here = slice(ring * 36, ring * 36 + 36)
        flat = positions[here] - centre
        along = (flat @ axis / (axis @ axis))[:, None] * axis
        positions[here] = centre + along + (flat - along) * tooth[:, None]
    return [
        _part("left_wheel", (positions, triangles), "brass"),
        _part("left_hub", lathe(disc, origin, axis, 18), "dome"),
    ]


def _seams() -> list[Part]:
    """Return the lines between the plates of the face: from the mouth down to the chin, and from dome to jaw."""
    out = []
    for sign in (1.0, -1.0):
        t = np.linspace(0, 1, 12)
        xy = np.stack([sign * jaw_plate_edge(-0.001 - 0.036 * t), MOUTH_Y - 0.001 - 0.036 * t], 1)
        out.append(_seam(onto_front(xy)))
        # down the temple, in front of the wheel, to the corner of the jaw
        azimuth, height = np.radians(np.linspace(52, 74, 16)), np.linspace(0.52, -0.62, 16)
        way = np.stack([sign * np.sin(azimuth) * np.cos(height), np.sin(height), np.cos(azimuth) * np.cos(height)], 1)
        line = onto(way)
        out.append(_seam(line))
        for k in (2, 6, 10, 13):
            here, away = line[k : k + 1], outwards(line[k : k + 1])
            side = np.cross(away[0], UP)
            bead = np.array([(-0.001, 0.0026), (0.0016, 0.0016)])
            p, triangles = lathe(bead, here[0] - sign * 0.006 * side, away[0], 6)
            out.append(_moving("rivet", p, triangles, "rivet"))
    return out


def _seam(line: np.ndarray) -> Part:
    p, triangles = wire(line, 0.0015, 4, up=outwards(line), flat=0.7)
    return _moving("seam", p, triangles, "seam")


def _moving(name: str, p: np.ndarray, triangles: np.ndarray, swatch: str) -> Part:
    """Return a part on the face that follows the face shapes; p is in head coordinates."""
    part = _part(name, (p + HEAD, triangles), swatch)
    part.morphs = moved_by_shapes(skin_points(p))
    return part


def buttons() -> list[Part]:
    """Return two rows of brass buttons down the coat."""
    out = []
    knob = np.array([(-0.003, 0.0095), (0.0020, 0.0100), (0.0055, 0.0060)])
    for y, half, z in (
        (1.385, 0.050, 0.0775),
        (1.315, 0.047, 0.1010),
        (1.245, 0.043, 0.1065),
        (1.175, 0.039, 0.1000),
        (1.108, 0.036, 0.0935),
    ):
        for sign in (1.0, -1.0):
            origin = np.array([sign * half, y, z])
            p, triangles = lathe(knob, origin, np.array([sign * 0.28, 0.10 if y > 1.35 else 0.0, 1.0]), 8)
            part = _part("button", (p, triangles), "brass")
            part.weights = np.tile(trunk(origin[None]), (len(p), 1))
            out.append(part)
    return out


def _buckle() -> Part:
    """Return the buckle, a square hoop on the front of the belt."""
    corners = np.array([(-1, -1), (0, -1.08), (1, -1), (1.08, 0), (1, 1), (0, 1.08), (-1, 1), (-1.08, 0)])
    line = np.column_stack([corners * (0.024, 0.021), np.zeros(8)]) + np.array([0.0, 1.034, 0.1025])
    shape = wire(line, 0.0048, 6, closed=True, up=np.tile((0.0, 0.0, 1.0), (8, 1)), flat=0.7)
    part = _part("buckle", shape, "brass")
    part.weights = np.tile(trunk(np.array([[0.0, 1.034, 0.1]])), (len(shape[0]), 1))
    return part


def _key() -> list[Part]:
    """Return the big winding key between the shoulder blades."""
    origin = np.array([0.0, 1.225, -0.098])
    shaft = np.array(
        [
            (-0.01, 0.022),
            (0.010, 0.022),
            (0.013, 0.018),
            (0.016, 0.0085),
            (0.075, 0.0085),
            (0.080, 0.0105),
            (0.092, 0.0105),
            (0.096, 0.006),
        ]
    )
    parts = [_part("key_shaft", lathe(shaft, origin, np.array([0.0, 0.06, -1.0]), 14), "brass")]
    hub = origin + np.array([0.0, 0.006, -0.086])
    angle = 2 * np.pi * np.arange(18) / 18
    for sign in (1.0, -1.0):
        # two leaves like a butterfly's wings, turned a little out of the level
        reach = 0.042 + 0.036 * np.cos(angle)
        leaf = np.stack([sign * reach, 0.033 * np.sin(angle) * (0.55 + 0.45 * reach / 0.078), np.zeros(18)], 1)
        tilt = np.radians(18)
        turned = np.stack(
            [
                leaf[:, 0] * np.cos(tilt) - leaf[:, 1] * np.sin(tilt),
                leaf[:, 0] * np.sin(tilt) + leaf[:, 1] * np.cos(tilt),
                leaf[:, 2],
            ],
            1,
        )
        positions, triangles = wire(hub + turned, 0.0070, 6, closed=True, up=np.tile((0.0, 0.0, 1.0), (18, 1)))
        parts.append(_part("key_leaf", (positions, triangles), "brass"))
    for part in parts:
        part.weights = np.tile(trunk(np.array([[0.0, 1.225, -0.1]])), (len(part.positions), 1))
    return parts
