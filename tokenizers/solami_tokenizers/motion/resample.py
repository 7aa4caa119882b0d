"""Resampling to another frame rate."""

from dataclasses import replace

import numpy as np

from solami_protocol import quaternions as quat
from solami_protocol.skeleton import FPS
from solami_tokenizers.motion.clip import Clip

__all__ = ["resample"]


def resample(clip: Clip, fps: float = FPS) -> Clip:
    """Return the clip at another rate (default 30): frame k shows the moment k / fps of the original.

    Rotations by slerp on the short arc, the root linearly. The last frame shown is the last one that lies inside the
    original. A clip at that rate comes back unchanged.
    """
    if abs(clip.fps - fps) < 1e-6:
        return clip
    last_s = (clip.frames - 1) / clip.fps
    # 1e-6 of a frame: 1/fps in binary must not lose the last frame
    times_s = np.arange(int(np.floor(last_s * fps + 1e-6)) + 1) / fps
    at = np.clip(times_s * clip.fps, 0, clip.frames - 1)
    before = np.minimum(np.floor(at).astype(int), clip.frames - 1)
    after = np.minimum(before + 1, clip.frames - 1)
    share = (at - before).astype(np.float32)
    root = clip.root_m[before] * (1 - share[:, None]) + clip.root_m[after] * share[:, None]
    rotations = quat.slerp(clip.rotations[before], clip.rotations[after], share[:, None])
    note = f"resampled from {clip.fps:g} to {fps:g} frames a second"
    return replace(
        clip,
        root_m=root.astype(np.float32),
        rotations=rotations.astype(np.float32),
        fps=float(fps),
        notes=(*clip.notes, note),
    )
