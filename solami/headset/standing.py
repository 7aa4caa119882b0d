"""Where the character stands as epochs move it: figures of one place, seen from another."""

import math

import numpy as np

from solami.headset.idle_layer import Figure
from solami_protocol import quaternions as q
from solami_protocol.control import Place

__all__ = ["apart_m", "seen_from"]

UP = (0.0, 1.0, 0.0)


def apart_m(one: Place, other: Place) -> float:
    """Return how far two places lie apart."""
    return math.dist((one.x, one.y, one.z), (other.x, other.y, other.z))


def seen_from(home: Place, place: Place, figure: Figure) -> Figure:
    """Return a figure whose pose belongs to `place` in the coordinates of `home`."""
    if place == home:
        return figure
    root_m, rotations, face = figure
    turn = q.from_axis_angle(UP, np.degrees(place.yaw_rad - home.yaw_rad))
    away = np.array([place.x - home.x, place.y - home.y, place.z - home.z])
    moved = rotations.copy()
    moved[0] = q.multiply(turn, rotations[0])
    off_m = q.rotate(q.from_axis_angle(UP, -np.degrees(home.yaw_rad)), away)
    return (q.rotate(turn, root_m) + off_m).astype(np.float32), moved, face
