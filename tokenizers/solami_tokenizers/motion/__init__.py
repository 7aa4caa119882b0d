"""Body and hands: file readers, forward kinematics, rotations, resampling and features on the 55 joints of the wire
(numpy), and tokenizers that turn motion into codes (torch, loaded when `MotionTokenizer` is first used)."""

from typing import TYPE_CHECKING, Any

from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.kinematics import forward
from solami_tokenizers.motion.read import read_motion
from solami_tokenizers.motion.resample import resample

if TYPE_CHECKING:
    from solami_tokenizers.motion.tokenizer import MotionTokenizer

__all__ = ["Clip", "MotionTokenizer", "forward", "read_motion", "resample"]


def __getattr__(name: str) -> Any:
    if name != "MotionTokenizer":
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from solami_tokenizers.motion.tokenizer import MotionTokenizer

    return MotionTokenizer
