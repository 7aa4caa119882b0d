"""Numbers of voice activity detection."""

from solami_protocol.settings import Settings

__all__ = ["VadSettings"]


class VadSettings(Settings):
    """When a frame of the microphone holds a voice."""

    level_db: float = -45.0
    """Frames above this may be voiced (DESIGN 1: the last voiced sample)."""
    soft_level_db: float = -60.0
    """The same for the softest voice."""
    below_voice_db: float = 8.0
    """A voice whose loudest part is within this of `level_db` is soft: its threshold keeps this far below it."""
    forget_voice_db_s: float = 0.2
    above_floor_db: float = 6.0
    """How far a voice stands out of steady noise."""
    floor_s: float = 4.0
    floor_percentile: float = 10.0
    begin_probability: float = 0.5
    stay_probability: float = 0.1
