"""Clothes that are the body: a top with sleeves, trousers, shoes, each one welded surface of lofted rings."""

import numpy as np

from solami.headset.avatar.mesh import Part, join_rings, smooth, smoothstep, subdivide, tube
from solami.headset.avatar.skinning import REST, chain, mirrored, trunk

__all__ = ["shoes", "top", "torso_share", "trousers"]

COLUMNS = 32  # points around the trunk; column 0 is the front, 8 the left side
SLEEVE_SIDES = 14
LEG_SIDES = 20

# y, half width, depth to the front, depth to the back, centre z
_TRUNK = np.array(
    [
        (0.865, 0.166, 0.118, 0.132, 0.000),
        (0.900, 0.166, 0.118, 0.130, 0.000),
        (0.940, 0.159, 0.113, 0.120, -0.002),
        (1.000, 0.144, 0.106, 0.104, -0.005),
        (1.060, 0.134, 0.101, 0.093, -0.008),
        (1.120, 0.136, 0.103, 0.092, -0.008),
        (1.190, 0.146, 0.110, 0.097, -0.006),
        (1.260, 0.156, 0.114, 0.104, -0.004),
        (1.310, 0.161, 0.112, 0.108, -0.006),
        (1.352, 0.160, 0.106, 0.108, -0.010),
        (1.388, 0.157, 0.097, 0.104, -0.014),
        (1.424, 0.151, 0.084, 0.095, -0.018),
        (1.454, 0.134, 0.068, 0.079, -0.020),
        (1.466, 0.104, 0.060, 0.068, -0.022),
        (1.466, 0.086, 0.057, 0.064, -0.024),
        (1.463, 0.077, 0.058, 0.060, -0.026),
        (1.468, 0.0720, 0.060, 0.058, -0.026),
        (1.475, 0.0695, 0.059, 0.056, -0.026),
        (1.475, 0.0650, 0.054, 0.052, -0.026),
        (1.455, 0.0630, 0.051, 0.050, -0.026),
    ]
)
_ARM_TOP_Y, _ARM_LOW_Y = 1.454, 1.352
_HEM_ROWS = 2
_COLLAR_Y = 1.463
_BELT_Y = (1.018, 1.050)
_BELT_M = 0.0045
# x, radius up, radius forward, of the left sleeve
_SLEEVE = np.array(
    [
        (0.178, 0.0560, 0.0560),
        (0.205, 0.0550, 0.0550),
        (0.240, 0.0530, 0.0530),
        (0.280, 0.0505, 0.0510),
        (0.320, 0.0485, 0.0490),
        (0.360, 0.0470, 0.0475),
        (0.390, 0.0460, 0.0468),
        (0.412, 0.0455, 0.0465),
        (0.432, 0.0452, 0.0465),
        (0.452, 0.0450, 0.0460),
        (0.475, 0.0450, 0.0455),
        (0.510, 0.0448, 0.0450),
        (0.550, 0.0440, 0.0440),
        (0.590, 0.0425, 0.0425),
        (0.618, 0.0410, 0.0410),
    ]
)
_CUFF = np.array(
    [
        (0.621, 0.0375, 0.0375),
        (0.640, 0.0375, 0.0375),
        (0.660, 0.0370, 0.0370),
        (0.660, 0.0300, 0.0300),
        (0.630, 0.0290, 0.0290),
    ]
)
_LEG_Y = (
    0.800,
    0.760,
    0.710,
    0.650,
    0.590,
    0.545,
    0.515,
    0.490,
    0.465,
    0.435,
    0.395,
    0.335,
    0.270,
    0.200,
    0.140,
    0.095,
    0.062,
)
_LEG_RADIUS = np.array(
    [  # y, sideways, to the front, to the back
        (0.800, 0.0830, 0.098, 0.100),
        (0.760, 0.0820, 0.092, 0.094),
        (0.650, 0.0745, 0.080, 0.080),
        (0.545, 0.0650, 0.069, 0.067),
        (0.490, 0.0610, 0.066, 0.061),
        (0.435, 0.0590, 0.061, 0.062),
        (0.335, 0.0575, 0.056, 0.066),
        (0.200, 0.0550, 0.054, 0.060),
        (0.062, 0.0570, 0.058, 0.062),
    ]
)


def _trunk_ring(row: np.ndarray, grow: float = 0.0, power: float = 2.35) -> np.ndarray:
    """Return (32, 3): a rounded cross-section of the trunk, from the front towards the left side."""
    y, half, front, back, centre_z = row
    angle = 2 * np.pi * np.arange(COLUMNS) / COLUMNS
    s, c = np.sin(angle), np.cos(angle)
    round_off = (np.abs(s) ** power + np.abs(c) ** power) ** (-1 / power)
    depth = np.where(c >= 0, front, back) + grow
    return np.stack([(half + grow) * s * round_off, np.full(COLUMNS, y), centre_z + depth * c * round_off], 1)


def torso_share(points: np.ndarray, power: float = 2.35) -> tuple[np.ndarray, np.ndarray]:
    """Return, for points (..., 3) of the T-pose, how far out they lie and the torso's half size there, metres.

    The first is 0 on the torso's axis, 1 on the surface that `top` draws, and infinite above and below the torso.
    """
    rows = _TRUNK[:16]
    x, y, z = np.moveaxis(points, -1, 0)
    half, front, back, centre = (np.interp(y, rows[:, 0], rows[:, k]) for k in (1, 2, 3, 4))
    deep = np.where(z >= centre, front, back)
    share = (np.abs(x / half) ** power + np.abs((z - centre) / deep) ** power) ** (1 / power)
    return np.where((y < rows[0, 0]) | (y > rows[-1, 0]), np.inf, share), np.minimum(half, deep)


def _sleeve_ring(row: np.ndarray, sign: float) -> np.ndarray:
    """Return (14, 3): a ring of a sleeve; point 2 is on top, then towards the back."""
    x, up, forward = row
    angle = 2 * np.pi * (np.arange(SLEEVE_SIDES) - 2) / SLEEVE_SIDES
    centre_z = np.interp(x, (0.17, 0.43, 0.68), (-0.020, -0.025, -0.020))
    y = REST["left_shoulder"][1] + up * np.cos(angle)
    return np.stack([np.full(SLEEVE_SIDES, sign * x), y, centre_z - forward * np.sin(angle)], 1)


def _trunk_rows(belt: bool) -> np.ndarray:
    """Return the rows of the trunk, with four more for a belt that stands out by `_BELT_M`."""
    if not belt:
        return _TRUNK
    low, high = _BELT_Y
    rows = []
    for y, out in ((low - 0.002, 0.0), (low, _BELT_M), (high, _BELT_M), (high + 0.002, 0.0)):
        row = np.array([np.interp(y, _TRUNK[:6, 0], _TRUNK[:6, k]) for k in range(5)])
        row[1:4] += out
        rows.append(row)
    return np.concatenate([_TRUNK[:4], rows, _TRUNK[4:]])


def top(belt: bool = False) -> Part:
    """Return the jacket: trunk with a hem, sleeves with cuffs, a standing collar; open at neck, hands and hips."""
    fold = np.array([(0.868, 0.150, 0.104, 0.118, 0.0), (0.92, 0.140, 0.098, 0.108, 0.0)])
    hem = [_trunk_ring(fold[1]), _trunk_ring(fold[0])]
    rows = _trunk_rows(belt)
    rings = [*hem, *(_trunk_ring(r) for r in rows)]
    first = len(hem)
    points = list(np.concatenate(rings))
    grid = np.arange(len(rings) * COLUMNS).reshape(-1, COLUMNS)
    faces: list[np.ndarray] = []
    paint: list[str] = []
    low, high = (first + int(np.flatnonzero(rows[:, 0] == y)[0]) for y in (_ARM_LOW_Y, _ARM_TOP_Y))
    collar = first + int(np.flatnonzero(rows[:, 0] == _COLLAR_Y)[0])

    def add(new: np.ndarray, swatch: str) -> None:
        faces.append(new)
        paint.extend([swatch] * len(new))

    for r in range(len(rings) - 1):
        strip = join_rings(grid[r], grid[r + 1])
        if low <= r < high:
            column = np.tile(np.arange(COLUMNS), 2)
            strip = strip[~(((column >= 6) & (column < 10)) | ((column >= 22) & (column < 26)))]
        trim = r < first + _HEM_ROWS - 1 or r >= collar
        girt = belt and r >= first and rows[r - first, 0] in (_BELT_Y[0], _BELT_Y[0] - 0.002, _BELT_Y[1])
        add(strip, "belt" if girt else "top_deep" if trim else "top")
    for sign, front, back in ((1.0, 6, 10), (-1.0, 26, 22)):
        step = 1 if sign > 0 else -1
        columns = list(range(front, back + step, step))
        loop = [grid[high, c] for c in columns]
        loop += [grid[r, back] for r in range(high - 1, low - 1, -1)]
        loop += [grid[low, c] for c in columns[-2::-1]]
        loop += [grid[r, front] for r in range(low + 1, high)]
        previous = np.array(loop)
        for k, row in enumerate(np.concatenate([_SLEEVE, _CUFF])):
            ring = np.arange(SLEEVE_SIDES) + len(points)
            points.extend(_sleeve_ring(row, sign))
            strip = join_rings(previous, ring)
            cuff = k > len(_SLEEVE)
            add(strip if sign < 0 else strip[:, ::-1], "top_deep" if cuff else "top")
            previous = ring
    positions = np.array(points)
    triangles = np.concatenate(faces)
    x, y = np.abs(positions[:, 0]), positions[:, 1]
    joint = smoothstep(0.26, 0.17, x) * smoothstep(0.08, 0.13, x) * smoothstep(1.28, 1.34, y)
    positions = smooth(positions, triangles, 0.6 * joint, 8, grow=0.55)
    weights = smooth(trunk(positions), triangles, 0.5 * smoothstep(1.20, 1.30, y) * smoothstep(0.34, 0.24, x), 6)
    return Part(name="top", positions=positions, triangles=triangles, swatches=paint, weights=weights)


def trousers() -> Part:
    """Return the trousers, waist under the top, hems over the shoes."""
    rows = _TRUNK[[3, 2, 1, 0]].copy()
    rows[:, 1:4] -= np.array([0.006, 0.006, 0.006])
    rings = [_trunk_ring(r) for r in rows]
    crotch = np.array([(0, 0.822, -0.050), (0, 0.815, 0.0), (0, 0.822, 0.045)])
    points = [*np.concatenate(rings), *crotch]
    grid = np.arange(len(rings) * COLUMNS).reshape(-1, COLUMNS)
    inner = grid.size + np.arange(3)
    faces = [join_rings(grid[r], grid[r + 1])[:, ::-1] for r in range(len(rings) - 1)]
    paint = ["trousers"] * sum(map(len, faces))
    for sign in (1.0, -1.0):
        half = grid[-1, [(c if sign > 0 else -c) % COLUMNS for c in range(COLUMNS // 2 + 1)]]
        previous = np.concatenate([half, inner])
        for ring_points in [*_leg_rings(sign), *_leg_hem(sign)]:
            ring = np.arange(LEG_SIDES) + len(points)
            points.extend(ring_points)
            strip = join_rings(previous, ring)
            faces.append(strip[:, ::-1] if sign > 0 else strip)
            paint += ["trousers"] * len(strip)
            previous = ring
    positions, triangles = np.array(points), np.concatenate(faces)
    y = positions[:, 1]
    positions = smooth(positions, triangles, 0.55 * smoothstep(0.66, 0.74, y) * smoothstep(0.93, 0.87, y), 8, grow=0.5)
    weights = smooth(trunk(positions), triangles, 0.5 * smoothstep(0.68, 0.76, y), 4)
    return Part(name="trousers", positions=positions, triangles=triangles, swatches=paint, weights=weights)


def _leg_ring(y: float, sign: float, grow: float = 0.0) -> np.ndarray:
    """Return (20, 3): point 18 looks to the other leg, point 3 to the front."""
    angle = 2 * np.pi * (np.arange(LEG_SIDES) - 18) / LEG_SIDES
    side, front, back = (np.interp(-y, -_LEG_RADIUS[:, 0], _LEG_RADIUS[:, k]) + grow for k in (1, 2, 3))
    knee_y, ankle_y = REST["left_knee"][1], REST["left_ankle"][1]
    centre_x = np.interp(-y, (-0.88, -knee_y, -ankle_y), (0.089, 0.095, 0.095))
    centre_z = np.interp(-y, (-0.88, -knee_y, -ankle_y), (-0.004, 0.004, -0.008))
    s = np.sin(angle)
    z = centre_z + np.where(s > 0, front, back) * s
    return np.stack([sign * (centre_x - side * np.cos(angle)), np.full(LEG_SIDES, y), z], 1)


def _leg_rings(sign: float) -> list[np.ndarray]:
    return [_leg_ring(y, sign) for y in _LEG_Y]


def _leg_hem(sign: float) -> list[np.ndarray]:
    return [_leg_ring(0.060, sign, -0.008), _leg_ring(0.11, sign, -0.014)]


# z, half width at the sole, height, centre x: the left shoe from heel to toe, relative to the ankle
_SHOE = np.array(
    [
        (-0.068, 0.020, 0.048, 0.000),
        (-0.062, 0.031, 0.066, 0.000),
        (-0.045, 0.038, 0.084, 0.000),
        (-0.015, 0.040, 0.098, 0.000),
        (0.020, 0.041, 0.098, 0.001),
        (0.055, 0.044, 0.084, 0.003),
        (0.090, 0.048, 0.070, 0.006),
        (0.125, 0.050, 0.060, 0.008),
        (0.155, 0.047, 0.053, 0.008),
        (0.178, 0.038, 0.045, 0.006),
        (0.192, 0.022, 0.035, 0.004),
    ]
)
SHOE_SIDES = 18


def _shoe_ring(row: np.ndarray, bottom: float, grow: float, limit: float) -> np.ndarray:
    """Return (18, 3): a cross-section that is flat below and round above; `limit` cuts its height."""
    z, half, height, centre_x = row
    angle = 2 * np.pi * np.arange(SHOE_SIDES) / SHOE_SIDES
    s, c = np.sin(angle), np.cos(angle)
    x = np.sign(s) * np.abs(s) ** 0.72 * (half + grow)
    up = np.where(c > 0, np.abs(c) ** 0.85, -(np.abs(c) ** 0.45))
    high, low = min(height, limit), bottom
    middle = low + 0.36 * (high - low)
    y = np.where(up > 0, middle + up * (high - middle), middle + up * (middle - low))
    # the upper narrows towards the instep
    x = x * np.where(up > 0, 1 - 0.38 * smoothstep(0.0, 1.0, up) * (high > 0.05), 1.0)
    ankle = REST["left_ankle"]
    return np.stack([ankle[0] + centre_x + x, y, np.full(SHOE_SIDES, ankle[2] + z)], 1)


def shoes() -> list[Part]:
    """Return both shoes with their soles."""
    out = []
    for name, bottom, grow, limit, swatch in (
        ("left_shoe", 0.010, 0.0, 1.0, "shoes"),
        ("left_sole", 0.000, 0.003, 0.022, "sole"),
    ):
        steps = np.linspace(0, len(_SHOE) - 1, 15 if swatch == "shoes" else 11)
        rows = subdivide(_SHOE, steps)
        if swatch == "sole":
            rows = rows * np.array([1.02, 1, 1, 1])
        positions, triangles = tube(
            np.stack([_shoe_ring(r, bottom, grow, limit) for r in rows]), closed_start=True, closed_end=True
        )
        triangles = triangles[:, ::-1]
        weights = chain(positions, ("left_ankle", "left_foot"), (0.035,))
        part = Part(
            name=name, positions=positions, triangles=triangles, swatches=[swatch] * len(triangles), weights=weights
        )
        out += [part, mirrored(part)]
    return out
