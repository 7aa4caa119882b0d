"""One recorded turn as a web page that opens from disk: sound, body, face and numbers inside one HTML file.

The player is the TypeScript of `relay/web`, built once into `templates/turn.html`; this module fills in the data.
Everything lies on one timeline that starts at the session's first sample; frame i is what was shown at i / 30 s.
"""

import base64
import json
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import numpy as np

from solami_protocol.arkit import FACE_NAMES
from solami_protocol.errors import InputError, MissingExtra
from solami_protocol.skeleton import FPS, JOINT_COUNT

__all__ = ["PageCaption", "PageEvent", "TurnPage", "UserTrack", "write_turn_page"]

TEMPLATE = "turn.html"
PLACEHOLDER = "__TURN_JSON__"
ROT_SCALE = 32767


@dataclass(frozen=True, slots=True)
class PageCaption:
    """What `who` ("user" or "character") was saying from t0_ms to t1_ms."""

    t0_ms: float
    t1_ms: float
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class PageEvent:
    """A mark on the time line. Kinds with a look of their own: state, hold, release, cancel, degraded, endpoint."""

    t_ms: float
    kind: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserTrack:
    """What the user did, sampled like the character; a frame without tracking has NaN in `root`."""

    root: np.ndarray
    """(T, 3) metres, in the character's space."""
    rotations: np.ndarray
    """(T, 55, 4) local quaternions x y z w."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnPage:
    """A session as it was shown and heard."""

    character: str
    audio: np.ndarray
    """(N,) int16, or float32 in -1 to 1: what was heard of the character."""
    audio_rate: int
    root: np.ndarray
    """(T, 3) metres."""
    rotations: np.ndarray
    """(T, 55, 4) local quaternions x y z w."""
    face: np.ndarray
    """(T, 52) in 0 to 1, ARKit's order."""
    avatar_glb: bytes
    """The character's body; `solami.headset.avatar.build_glb` makes one."""
    user_audio: np.ndarray | None = None
    """(N,) at `audio_rate`, like `audio`."""
    user: UserTrack | None = None
    captions: tuple[PageCaption, ...] = ()
    events: tuple[PageEvent, ...] = ()
    numbers: dict[str, float | int | str] = field(default_factory=dict)
    """Shown as a table in this order; put the unit into the name (`first_audio_ms`)."""


def write_turn_page(path: Path | str, turn: TurnPage) -> None:
    """Write the page.

    Raises InputError when shapes disagree or numbers are not finite, MissingExtra when the player was not built.
    """
    _check(turn)
    # `</` would end the script element; `<\/` is the same JSON
    text = json.dumps(_document(turn), separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    Path(path).write_text(_template().replace(PLACEHOLDER, text, 1), encoding="utf-8")


def _template() -> str:
    file = resources.files("solami.headset") / "templates" / TEMPLATE
    if not file.is_file():
        raise MissingExtra(
            f"the page's player is not built: solami/headset/templates/{TEMPLATE} is missing. Build it with "
            "`cd relay/web && npm ci && npm run build` (Node 20 or newer). All other results are written without it."
        )
    text = file.read_text(encoding="utf-8")
    if text.count(PLACEHOLDER) != 1:
        raise MissingExtra(
            f"{TEMPLATE} has no single place for the data; build it again: `cd relay/web && npm run build`"
        )
    return text


def _check(turn: TurnPage) -> None:
    frames = len(turn.root)
    shapes = {
        "root": (turn.root, (frames, 3)),
        "rotations": (turn.rotations, (frames, JOINT_COUNT, 4)),
        "face": (turn.face, (frames, len(FACE_NAMES))),
    }
    if turn.user is not None:
        shapes["user.root"] = (turn.user.root, (len(turn.user.root), 3))
        shapes["user.rotations"] = (turn.user.rotations, (len(turn.user.root), JOINT_COUNT, 4))
    for name, (array, want) in shapes.items():
        if array.shape != want:
            raise InputError(f"turn page: {name} has shape {array.shape}, expected {want}")
    if frames == 0:
        raise InputError("turn page: no pose frames; expected at least one")
    for name in ("root", "rotations", "face"):
        if not np.isfinite(getattr(turn, name)).all():
            raise InputError(f"turn page: {name} holds a number that is not finite")
    if turn.audio.ndim != 1 or turn.audio_rate <= 0:
        raise InputError(f"turn page: audio of shape {turn.audio.shape} at {turn.audio_rate} Hz, expected one channel")


def _document(turn: TurnPage) -> dict[str, object]:
    audio: dict[str, object] = {"rate": turn.audio_rate, "pcm16_b64": _b64(_pcm16(turn.audio))}
    if turn.user_audio is not None:
        audio["user_pcm16_b64"] = _b64(_pcm16(turn.user_audio))
    document: dict[str, object] = {
        "character": turn.character,
        "fps": FPS,
        "avatar_glb_b64": base64.b64encode(turn.avatar_glb).decode("ascii"),
        "audio": audio,
        "pose": _pose(turn.root, turn.rotations),
        "face_u8_b64": _b64(np.rint(np.clip(turn.face, 0, 1) * 255).astype(np.uint8)),
        "captions": [{"t0_ms": c.t0_ms, "t1_ms": c.t1_ms, "who": c.who, "text": c.text} for c in turn.captions],
        "events": [{"t_ms": e.t_ms, "kind": e.kind, "detail": e.detail} for e in turn.events],
        "numbers": turn.numbers,
    }
    if turn.user is not None:
        document["user_pose"] = _pose(turn.user.root, turn.user.rotations)
    return document


def _pose(root: np.ndarray, rotations: np.ndarray) -> dict[str, str]:
    quantised = np.rint(np.clip(np.nan_to_num(rotations), -1, 1) * ROT_SCALE).astype("<i2")
    return {"root_f32_b64": _b64(root.astype("<f4")), "rot_i16_b64": _b64(quantised)}


def _pcm16(samples: np.ndarray) -> np.ndarray:
    if samples.dtype == np.int16:
        return samples.astype("<i2")
    return np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2")


def _b64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
