"""The face animator: phones and sound to 52 ARKit weights at 30 frames a second, and what measures its lips."""

from solami.audio2face.animator import FPS, Animator, animate
from solami.audio2face.measure import LipReport, measure_lips
from solami.audio2face.style import Style, style_of

__all__ = ["FPS", "Animator", "LipReport", "Style", "animate", "measure_lips", "style_of"]
