"""Body and hands: file readers, forward kinematics, rotations and resampling on the 55 joints of the wire (numpy)."""

from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.kinematics import forward
from solami_tokenizers.motion.read import read_motion
from solami_tokenizers.motion.resample import resample

__all__ = ["Clip", "forward", "read_motion", "resample"]
