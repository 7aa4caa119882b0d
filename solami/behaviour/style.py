"""How a character moves: three numbers of its card scale every gesture and the idle life."""

from dataclasses import dataclass

from solami_protocol.errors import InputError

__all__ = ["Style"]

_LIMITS = {"energy": (0.0, 1.5), "openness": (0.0, 1.5), "tempo": (0.5, 2.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """Size, width and speed of movement; 1 is an ordinary lively person. Raises InputError outside the limits."""

    energy: float = 1.0
    """0 (still, small) to 1.5 (large): the size of strokes, sway and breath."""
    openness: float = 1.0
    """0 (arms close to the body) to 1.5 (wide)."""
    tempo: float = 1.0
    """0.5 (slow) to 2 (quick): divides the durations of gestures."""

    def __post_init__(self) -> None:
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"motion style: {name}={value} is outside {low:g} to {high:g}; 1 is ordinary")

    @property
    def amplitude(self) -> float:
        """Factor on oscillations and on the body's part of a gesture, 0.65 to 1.2."""
        return 0.65 + 0.35 * self.energy if self.energy <= 1 else 1.0 + 0.4 * (self.energy - 1)

    @property
    def reach(self) -> float:
        """Factor on the way of the hands from rest to a free target, 0.85 to 1.06."""
        return 0.85 + 0.15 * self.energy if self.energy <= 1 else 1.0 + 0.12 * (self.energy - 1)
