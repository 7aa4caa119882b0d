"""Numbers of turn taking (DESIGN 3.5), each with its unit in its name."""

from pydantic import Field

from solami_protocol.settings import Settings

__all__ = ["TurnSettings"]


class TurnSettings(Settings):
    """When a pause is an endpoint, when a voice interrupts, how long anything is waited for."""

    hold_after_voiced_ms: float = 60
    """Voice that holds a playing reply; it can be taken back, so it may be short."""
    turn_after_voiced_ms: float = 120
    """Voice that opens a turn; a knock or a click is shorter."""
    burst_gap_ms: float = 200
    """Silence after which a burst that opened no turn is forgotten."""
    eager_ms: float = 200
    """Silence after which the reply is begun speculatively."""
    confirm_ms: float = 490
    """Silence that ends a turn that sounds like a finished sentence."""
    confirm_late_ms: float = 1200
    """Silence that ends any turn."""
    complete_at: float = Field(0.6, ge=0, le=1)
    """Completeness from which a turn counts as a finished sentence."""
    unfinished_at: float = Field(0.45, ge=0, le=1)
    """Completeness up to which it waits the whole of `confirm_late_ms`; between the two it waits in proportion."""
    transcript_wait_ms: float = 2500
    """Silence after which a turn is confirmed although its words have not come."""
    resume_after_voiced_ms: float = 30
    """Voice that takes a pause back; a smack of the lips is shorter."""
    stall_ms: float = 1000
    """No audio for so long, with the socket up, counts as silence."""
    join_ms: float = 1500
    """A user who goes on within this time of a reply's start was cut off."""
    rejoin_voiced_ms: float = 400
    """Voice over such a fresh reply that means that the user goes on; a cough is shorter."""
    decide_ms: float = Field(2000, le=2000)
    """A held reply is released or cancelled within this time."""
    words_to_cut: int = 2
    """Words in a partial transcript that cancel a held reply; final words need one."""
    confidence_min: float = 0.02
    """Below this a transcript counts as no words."""
    ack_ms: float = 2000
    """A hold, release or cancel without a playback report for so long is counted."""
    ask_back_voiced_ms: float = 450
    """Voice without a word in it that is answered by asking back; a cough is shorter."""
    filler_ms: float = 700
    """No reply sound for so long after the endpoint: a filler."""
    slow_ms: float = 4000
    """No reply for so long: the client is told."""
    reply_timeout_ms: float = 10_000
    """No reply for so long: the turn fails."""
    apology_ms: float = 2500
    """How long the apology state lasts after a failed turn."""
    max_turn_ms: float = 60_000
    gone_ms: float = 30_000
    """A client that stays away for so long loses the reply that it left."""
    silence_ms: float = 20_000
    """A user who is silent for so long is noticed, once."""
    greet: bool = True
    answered_acts: tuple[str, ...] = ("wave", "bow", "raise_hand")
    """Acts that are answered although nobody speaks."""
    act_max_ms: float = 1500
    """An act that goes on for so long is answered while it lasts."""
    act_memory_ms: float = 1500
    """Acts that ended this long before the first word belong to the words."""
    act_again_ms: float = 1500
    """The same act within this time of its end is the same act."""

    def silence_for(self, complete: float) -> float:
        """Return the silence in milliseconds that ends a turn of this completeness."""
        span = max(self.complete_at - self.unfinished_at, 1e-6)
        unfinished = min(1.0, max(0.0, (self.complete_at - complete) / span))
        return self.confirm_ms + unfinished * (self.confirm_late_ms - self.confirm_ms)
