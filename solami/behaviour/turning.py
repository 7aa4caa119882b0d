"""Clips in which the character turns on the spot by steps, to face somebody who walked around it.

Each is told from its end: the character arrives at the origin facing +z, where the user is, and begins turned away by
the clip's angle, eyes and head already on the user. Who plays it takes the new place with its first frame.
"""

import numpy as np

from solami.behaviour.performance import Performance
from solami.behaviour.style import Style
from solami_protocol import quaternions as q
from solami_protocol.skeleton import FPS

__all__ = ["TURNS_DEG", "turned"]

TURNS_DEG = (35, 70, 105, 140, -35, -70, -105, -140)
"""Positive turns left."""
_USER_HEAD_M = np.array([0.0, 1.55, 1.5])
_REST_MS = 250.0
"""Behind the last step."""


def turned(degrees: float, style: Style, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return root (T, 3) and rotations (T, 55, 4) of a turn by `degrees`, which ends in the stance at the origin."""
    away = q.from_rotvec(np.array([0.0, -np.radians(degrees), 0.0]))
    before = Performance(style, None, seed)
    before.look_at(q.rotate(q.conjugate(away), _USER_HEAD_M))
    root_m, rotations = (part.astype(np.float64) for part in before.render(2 * 1000.0 / FPS))
    rotations[:, 0] = q.multiply(away, rotations[:, 0])
    performance = Performance(style, (q.rotate(away, root_m), rotations), seed)
    performance.look_at(_USER_HEAD_M)
    end_ms = performance.step(0.0, 0.0, np.radians(degrees))
    return performance.render(end_ms + _REST_MS)
