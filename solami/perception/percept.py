"""What perception reports."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Percept", "Phase", "Side"]

Side = Literal["left", "right", "both", ""]
Phase = Literal["began", "ended"]


@dataclass(frozen=True, slots=True)
class Percept:
    """Something the user's body did, as soon as it is sure, and once more when it is over.

    `name`: wave, raise_hand, nod, shake, bow, point, approach, step_back, look_away; tracking_lost and tracking_ok
    (which only begin).
    `t_us` is the time of the frame that settled it, `began_us` when the movement started (earlier), for both phases.
    """

    name: str
    side: Side
    confidence: float
    t_us: int
    phase: Phase
    began_us: int
