"""Forward kinematics of body features for losses, in torch, in the heading's own frame.

Everything is expressed in the heading of its own frame with the root at x = z = 0, so that no error of an earlier frame
leaks in; steps in the world are built from neighbouring frames and the root's own rates.
"""

import torch
from torch import Tensor

from solami_protocol.skeleton import FPS, PARENTS, REST_OFFSETS
from solami_tokenizers.motion.features import BODY_JOINTS, VELOCITY, YAW_RATE

__all__ = ["joint_places", "joint_steps", "root_track", "rot6d_matrices"]


def _levels() -> list[tuple[list[int], list[int]]]:
    depth = [0] * BODY_JOINTS
    for j in range(1, BODY_JOINTS):
        depth[j] = depth[PARENTS[j]] + 1
    levels = [[j for j in range(BODY_JOINTS) if depth[j] == d] for d in range(1, max(depth) + 1)]
    return [(level, [int(PARENTS[j]) for j in level]) for level in levels]


_LEVELS = _levels()
_ORDER = [0] + [j for level, _ in _LEVELS for j in level]
_BACK = [_ORDER.index(j) for j in range(BODY_JOINTS)]


def rot6d_matrices(six: Tensor) -> Tensor:
    """Return rotation matrices (..., 3, 3) of six numbers (..., 6), their first two columns made orthonormal."""
    x = six[..., :3] / six[..., :3].norm(dim=-1, keepdim=True).clamp_min(1e-6)
    y = six[..., 3:] - (x * six[..., 3:]).sum(-1, keepdim=True) * x
    y = y / y.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    return torch.stack([x, y, torch.linalg.cross(x, y, dim=-1)], dim=-1)


def joint_places(body: Tensor, scale: Tensor | None = None) -> Tensor:
    """Return joint positions (B, T, 22, 3) in metres of body features (B, T, 136), root at x = z = 0.

    scale: (B,) body height over the skeleton's own; the root height in the features is that of the scaled body.
    """
    offsets = torch.as_tensor(REST_OFFSETS[:BODY_JOINTS], dtype=body.dtype, device=body.device)
    if scale is None:
        bones = offsets.expand(*body.shape[:2], -1, -1)
    else:
        bones = (scale[:, None, None] * offsets)[:, None].expand(-1, body.shape[1], -1, -1)
    local = rot6d_matrices(body[..., 4:136].unflatten(-1, (BODY_JOINTS, 6)))  # (B, T, 22, 3, 3)
    zero = torch.zeros_like(body[..., 3])
    turns = [local[..., :1, :, :]]
    places = [torch.stack([zero, body[..., 3], zero], dim=-1)[..., None, :]]
    all_turns, all_places = turns[0], places[0]
    for joints, parents in _LEVELS:
        # joints come level by level, so a parent's place in the list so far is its place in _ORDER
        at = [_ORDER.index(p) for p in parents]
        above = all_turns[..., at, :, :]
        step = (above @ bones[..., joints, :, None])[..., 0]
        all_places = torch.cat([all_places, all_places[..., at, :] + step], dim=-2)
        all_turns = torch.cat([all_turns, above @ local[..., joints, :, :]], dim=-3)
    return all_places[..., _BACK, :]


def joint_steps(body: Tensor, places: Tensor) -> Tensor:
    """Return how each joint moves in the world from the frame before, (B, T - 1, 22, 3) metres, in the frame's heading.

    places: (B, T, 22, 3) of the same features.
    """
    yaw = body[:, 1:, YAW_RATE] / FPS  # (B, T - 1, 1)
    before = places[:, :-1]
    sin, cos = torch.sin(-yaw), torch.cos(-yaw)
    turned_x = cos * before[..., 0] + sin * before[..., 2]
    turned_z = cos * before[..., 2] - sin * before[..., 0]
    steps = places[:, 1:] - torch.stack([turned_x, before[..., 1], turned_z], dim=-1)
    root = body[:, 1:, VELOCITY] / FPS
    return steps + torch.stack([root[..., 0], torch.zeros_like(root[..., 0]), root[..., 1]], dim=-1)[..., None, :]


def root_track(body: Tensor) -> Tensor:
    """Return the root's way (B, T, 3) from the window's start: x, z in metres, heading in radians."""
    rates = body[..., :3] / FPS
    rates = torch.cat([torch.zeros_like(rates[:, :1]), rates[:, 1:]], dim=1)
    yaw = rates[..., 0].cumsum(dim=1)
    sin, cos = torch.sin(yaw), torch.cos(yaw)
    x = (cos * rates[..., 1] + sin * rates[..., 2]).cumsum(dim=1)
    z = (cos * rates[..., 2] - sin * rates[..., 1]).cumsum(dim=1)
    return torch.stack([x, z, yaw], dim=-1)
