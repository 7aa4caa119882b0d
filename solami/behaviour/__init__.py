"""The character's authored body: gestures, idle life, gaze, blending, and the pack that clients play between turns."""

from solami.behaviour.blend import BLEND_MS, Seam, join
from solami.behaviour.cues import Cue, beats, carries_stress
from solami.behaviour.face_life import face_life
from solami.behaviour.gaze import gaze
from solami.behaviour.gesture import Gesture, Key
from solami.behaviour.gestures import GESTURES
from solami.behaviour.names import resolve
from solami.behaviour.pack import PACK_STATES, PackClip, behaviour_pack
from solami.behaviour.performance import Performance
from solami.behaviour.recorded import INSTEAD, recorded_gestures
from solami.behaviour.stance import stance
from solami.behaviour.style import Style

__all__ = [
    "BLEND_MS",
    "GESTURES",
    "INSTEAD",
    "PACK_STATES",
    "Cue",
    "Gesture",
    "Key",
    "PackClip",
    "Performance",
    "Seam",
    "Style",
    "beats",
    "behaviour_pack",
    "carries_stress",
    "face_life",
    "gaze",
    "join",
    "recorded_gestures",
    "resolve",
    "stance",
]
