"""Where the character stands in the space that it shares with the user (DESIGN 3.13)."""

import math

import numpy as np

from solami_protocol.control import Place

__all__ = ["before_user", "in_new_space"]


def before_user(root_m: np.ndarray, pelvis: np.ndarray, ahead_m: float) -> Place:
    """Return a place `ahead_m` metres before the user, facing.

    root_m (3,) metres; pelvis (4,) x y z w: its +z is where the user looks.
    """
    x, y, z, w = (float(v) for v in pelvis)
    forward_x, forward_z = 2 * (x * z + w * y), 1 - 2 * (x * x + y * y)
    yaw_rad = math.atan2(forward_x, forward_z)
    return Place(
        x=float(root_m[0]) + ahead_m * math.sin(yaw_rad),
        z=float(root_m[2]) + ahead_m * math.cos(yaw_rad),
        yaw_rad=_wrapped(yaw_rad + math.pi),
    )


def in_new_space(old: Place, transform: Place) -> Place:
    """Return the place in a new space epoch, where old coordinates = `transform` applied to new ones."""
    dx, dz = old.x - transform.x, old.z - transform.z
    cos, sin = math.cos(-transform.yaw_rad), math.sin(-transform.yaw_rad)
    return Place(
        x=cos * dx + sin * dz,
        y=old.y - transform.y,
        z=-sin * dx + cos * dz,
        yaw_rad=_wrapped(old.yaw_rad - transform.yaw_rad),
    )


def _wrapped(yaw_rad: float) -> float:
    return math.atan2(math.sin(yaw_rad), math.cos(yaw_rad))
