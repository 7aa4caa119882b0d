"""Hands with five fingers: a lofted palm whose last ring opens into four fingers, and a thumb out of its side."""

import numpy as np

from solami.headset.avatar.mesh import Part, cap, join_rings, smooth, smoothstep
from solami.headset.avatar.skinning import REST, chain, mirrored

__all__ = ["hands"]

FINGERS = ("index", "middle", "ring", "pinky")
SIDES = 8
RADIUS_M = {"index": 0.0092, "middle": 0.0095, "ring": 0.0090, "pinky": 0.0080, "thumb": 0.0108}
TIP_M = {"index": 0.024, "middle": 0.026, "ring": 0.025, "pinky": 0.020, "thumb": 0.028}
WEB_M = 0.012  # the skin between two fingers ends this far beyond the knuckle
# x from the wrist, half width to the thumb's side, to the little finger's side, half thickness, height of the middle
_PALM = np.array(
    [
        (-0.045, 0.0255, 0.0255, 0.0205, 0.000),
        (-0.020, 0.0250, 0.0250, 0.0190, 0.000),
        (0.000, 0.0265, 0.0260, 0.0180, 0.000),
        (0.018, 0.0310, 0.0310, 0.0180, -0.001),
        (0.036, 0.0350, 0.0365, 0.0175, -0.002),
        (0.056, 0.0360, 0.0420, 0.0160, -0.002),
        (0.076, 0.0355, 0.0450, 0.0140, -0.001),
    ]
)
THUMB_ROWS = (3, 5)
JOINT_STRIPS = (3, 7)  # the strips of a finger right behind its second and third joint


def hands() -> list[Part]:
    """Return the left and the right hand, open where the sleeves cover them."""
    left = _left_hand()
    return [left, mirrored(left)]


def _palm_ring(row: np.ndarray) -> np.ndarray:
    """Return (20, 3) from the wrist's centre: 9 points over the back of the hand, edge, 9 under the palm, edge."""
    x, thumb_side, little_side, thick, height = row
    across = np.linspace(1, -1, 9) * 0.93
    z = np.where(across > 0, across * thumb_side, across * little_side)
    arch = thick * (1 - 0.42 * np.abs(across) ** 3)
    back = np.stack([np.full(9, x), height + arch, z], 1)
    under = np.stack([np.full(9, x), height - arch, z], 1)[::-1]
    little = np.array([[x, height, -little_side]])
    thumb = np.array([[x, height, thumb_side]])
    return np.concatenate([back, little, under, thumb])


def _knuckle_ring() -> np.ndarray:
    """Return (20, 3): the last ring, in the shape of the four fingers' bases side by side."""
    wrist = REST["left_wrist"]
    base = np.array([REST[f"left_{f}1"] - wrist for f in FINGERS])
    radius = np.array([RADIUS_M[f] for f in FINGERS])
    webs = (base[:-1] + base[1:]) / 2
    edges = np.stack([base[0] + (0, 0, radius[0] * 1.08), *webs, base[3] - (0, 0, radius[3] * 1.08)])
    back, under = [], []
    for k in range(9):
        centre = base[k // 2] if k % 2 else edges[k // 2]
        high = (radius[k // 2] * 1.08) if k % 2 else 0.0066
        x = centre[0] + WEB_M - (0.004 if k % 2 else 0.0)
        back.append((x - 0.006, centre[1] + high, centre[2]))
        under.append((x + 0.004, centre[1] - high, centre[2]))
    little = edges[4] + (WEB_M, 0, 0)
    thumb = edges[0] + (WEB_M, 0, 0)
    return np.array([*back, little, *under[::-1], thumb])


def _left_hand() -> Part:
    rings = [_palm_ring(r) for r in _PALM] + [_knuckle_ring()]
    points = list(np.concatenate(rings) + REST["left_wrist"])
    grid = np.arange(len(rings) * 20).reshape(-1, 20)
    faces = []
    for r in range(len(rings) - 1):
        strip = join_rings(grid[r], grid[r + 1])
        if THUMB_ROWS[0] <= r < THUMB_ROWS[1]:
            column = np.tile(np.arange(20), 2)
            strip = strip[(column != 18) & (column != 19)]
        faces.append(strip)
    owner: list[tuple[str, np.ndarray]] = []
    last = grid[-1]
    web = [len(points) + i for i in range(3)]
    for i in range(3):
        points.append((points[last[2 * i + 2]] + points[last[16 - 2 * i]]) / 2 - np.array([0.001, 0, 0]))
    middles = [last[19], *web, last[9]]
    starts = []
    for i, finger in enumerate(FINGERS):
        starts.append(sum(map(len, faces)))
        back = last[2 * i : 2 * i + 3]
        under = last[16 - 2 * i : 19 - 2 * i]
        loop = np.array([*back, middles[i + 1], *under, middles[i]])
        faces += _finger(points, owner, finger, loop, up=np.array([0.0, 1.0, 0.0]))
    low, high = THUMB_ROWS
    middle = (low + high) // 2
    rim = [(low, 0), (middle, 0), (high, 0), (high, 19), (high, 18), (middle, 18), (low, 18), (low, 19)]
    loop = np.array([grid[row, column] for row, column in rim])
    starts.append(sum(map(len, faces)))
    faces += _finger(points, owner, "thumb", loop, up=np.array([0.25, 1.0, 0.35]))
    positions, triangles = np.array(points), np.concatenate(faces)
    paint = ["skin"] * len(triangles)
    for begin in starts:
        for strip_number in JOINT_STRIPS:
            first = begin + strip_number * 2 * SIDES
            paint[first : first + 2 * SIDES] = ["finger_joint"] * (2 * SIDES)
    return _finish(positions, triangles, owner, paint)


def _finger(
    points: list[np.ndarray], owner: list[tuple[str, np.ndarray]], finger: str, loop: np.ndarray, up: np.ndarray
) -> list[np.ndarray]:
    """Grow one finger out of a loop of 8 vertices: rings along its bones and a round tip. Returns its faces."""
    joints = np.array([REST[f"left_{finger}{k}"] for k in (1, 2, 3)])
    end = joints[2] + (joints[2] - joints[1]) / np.linalg.norm(joints[2] - joints[1]) * TIP_M[finger]
    line = np.concatenate([joints, end[None]])
    radius = RADIUS_M[finger]
    length = np.linalg.norm(np.diff(line, axis=0), axis=1)
    start = 0.62 if finger != "thumb" else 0.45
    stations: list[tuple[float, float]] = []  # position in bones, radius
    for bone, share, r in (
        (0, start, 1.0), (0, 0.84, 0.97), (1, 0.0, 1.0), (1, 0.16, 0.97), (1, 0.5, 0.92), (1, 0.82, 0.92),
        (2, 0.0, 0.94), (2, 0.18, 0.9), (2, 0.5, 0.88), (2, 0.75, 0.78), (2, 0.91, 0.55), (2, 0.98, 0.28),
    ):  # fmt: skip
        stations.append((bone + share, r * radius))
    previous, faces = loop, []
    begin = len(points)
    for at, r in stations:
        bone = min(int(at), 2)
        centre = line[bone] + (line[bone + 1] - line[bone]) * (at - bone)
        ahead = (line[bone + 1] - line[bone]) / length[bone]
        side = np.cross(ahead, up)
        side /= np.linalg.norm(side)
        upward = np.cross(side, ahead)
        # point 1 of the loop lies on the back, then towards the little finger
        angle = 2 * np.pi * (np.arange(SIDES) - 1) / SIDES
        ring_points = centre + r * (np.cos(angle)[:, None] * upward - np.sin(angle)[:, None] * side)
        ring = np.arange(SIDES) + len(points)
        points.extend(ring_points)
        faces.append(join_rings(previous, ring))
        previous = ring
    points.append(line[3] + 0.0006 * (line[3] - line[2]) / length[2])
    faces.append(cap(previous, len(points) - 1))
    owner.append((finger, np.arange(begin, len(points))))
    return faces


def _finish(
    positions: np.ndarray, triangles: np.ndarray, owner: list[tuple[str, np.ndarray]], paint: list[str]
) -> Part:
    wrist = REST["left_wrist"]
    local = positions - wrist
    weights = chain(positions, ("left_elbow", "left_wrist"), (0.02,))
    for finger, vertices in owner:
        names = ("left_wrist", *(f"left_{finger}{k}" for k in (1, 2, 3)))
        weights[vertices] = chain(positions[vertices], names, (0.012, 0.007, 0.006))
    if np.einsum("ij,ij->", positions[triangles[:, 0]] - positions.mean(0), np.cross(
        positions[triangles[:, 1]] - positions.mean(0), positions[triangles[:, 2]] - positions.mean(0)
    )) < 0:  # fmt: skip
        triangles = triangles[:, ::-1]
    base = smoothstep(0.010, 0.030, local[:, 0]) * smoothstep(0.150, 0.120, local[:, 0])
    for _, vertices in owner:
        base[vertices[SIDES * 2 :]] = 0
    positions = smooth(positions, triangles, 0.5 * base, 4, grow=0.5)
    weights = smooth(weights, triangles, 0.5 * base, 3)
    return Part(name="left_hand", positions=positions, triangles=triangles, swatches=paint, weights=weights)
