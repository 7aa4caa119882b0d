"""What the user did: gestures and tracking health from the stream of poses."""

from solami.perception.perceive import Perception
from solami.perception.percept import Percept

__all__ = ["Percept", "Perception"]
