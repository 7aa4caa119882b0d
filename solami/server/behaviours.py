"""A character's behaviour pack as it travels: authored clips, and some with a sound and lips of their own."""

import numpy as np

from solami.agent import card_style, card_voice
from solami.audio2face import animate
from solami.behaviour import PackClip, behaviour_pack
from solami.characters import Card
from solami.server.engines import Engines
from solami.server.murmurs import hesitation, hum
from solami.speech import Synthesiser, Voice
from solami.speech.interfaces import SPEECH_RATE_HZ
from solami_protocol.behaviours import BehaviourPack, Clip
from solami_protocol.behaviours import PackClip as WireClip
from solami_protocol.phones import Phone
from solami_protocol.skeleton import FPS

__all__ = ["wire_pack"]

APOLOGY = "I am sorry, I lost my thread for a moment."
SOUND_FRAME = 4
"""Where a hum begins in its clip: the nod has begun."""


def wire_pack(engines: Engines, card_id: str) -> str:
    """Return the pack of a character as JSON (`solami_protocol.behaviours`)."""
    card = engines.library[card_id]
    clips = [_clip(engines, card, clip) for clip in behaviour_pack(card_style(card))]
    return BehaviourPack(character=card_id, clips=[WireClip.pack(clip) for clip in clips]).model_dump_json()


def _clip(engines: Engines, card: Card, clip: PackClip) -> Clip:
    pcm, phones = _sound(engines.synthesiser, card_voice(card), clip.state)
    face = clip.face
    if len(pcm):
        begin = SOUND_FRAME if clip.state != "apology" else 0
        lips = animate(pcm, phones)[: len(face) - begin]
        face = face.copy()
        face[begin : begin + len(lips)] = np.maximum(face[begin : begin + len(lips)], lips)
        pcm = np.concatenate([np.zeros(begin * SPEECH_RATE_HZ // FPS, np.int16), pcm])
    return Clip(
        state=clip.state,
        name=clip.name,
        loop=clip.loop,
        root_m=clip.root_m,
        rotations=clip.rotations,
        face=face,
        pcm=pcm,
    )


def _sound(synthesiser: Synthesiser, voice: Voice, state: str) -> tuple[np.ndarray, list[Phone]]:
    """Return the sound that belongs to a clip of this state, and its phones; empty where it is silent."""
    match state:
        case "apology":
            return _spoken(synthesiser, voice, APOLOGY)
        case "assent":
            return hum(synthesiser, voice)
        case "filler":
            return hesitation(synthesiser, voice)
    return np.zeros(0, np.int16), []


def _spoken(synthesiser: Synthesiser, voice: Voice, text: str) -> tuple[np.ndarray, list[Phone]]:
    """Return the sound of `text` and its phones on one timeline."""
    pieces: list[np.ndarray] = []
    phones: list[Phone] = []
    at_ms = 0.0
    for spoken in synthesiser.speak(text, voice):
        phones += [Phone(p, at_ms + t, d) for p, t, d in spoken.phones]
        pieces.append(spoken.pcm)
        at_ms += len(spoken.pcm) * 1000 / SPEECH_RATE_HZ
    return np.concatenate(pieces), phones
