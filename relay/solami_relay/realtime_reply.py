"""A session told in OpenAI's Realtime events: what our relay says, as an `openai` client expects to hear it.

Pure: messages and frames in, events out. An epoch is a response with one assistant message; a turn of the user is a
user message. Body and face travel as `solami.motion.delta` and `solami.face.delta`, which hold frames of protocol
version 1; clients that know nothing of them leave them out.
"""

import base64
import itertools
import secrets
from dataclasses import dataclass, field
from typing import Any

from solami_protocol import control
from solami_protocol.media import Kind, MediaFrame
from solami_protocol.messages import Message

__all__ = ["RealtimeReply", "Response"]

Event = dict[str, Any]
RATE_HZ = 24_000
UNASKED = ("greeting", "filler")  # an OpenAI server speaks when it is spoken to, and answers once
USAGE = {"total_tokens": 0, "input_tokens": 0, "output_tokens": 0}


@dataclass
class Response:
    """An epoch as a response. `audio_ms`: how much sound was handed on."""

    epoch: int
    id: str
    item_id: str
    audio_ms: float = 0.0
    words: list[str] = field(default_factory=list)
    done: bool = False

    @property
    def transcript(self) -> str:
        """The words so far."""
        return " ".join(self.words)


class RealtimeReply:
    """Keeps which response, which user message and which ids are current."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._last_item: str | None = None
        self._said = ""
        self._state = "idle"
        self._text_turns = 0
        self.speech_item: str | None = None
        """The user message that is being spoken, or that waits for its words."""
        self.manual = False
        """The client commits by itself: nothing is said about where speech begins and ends."""
        self.cancelled_by_client = False
        self.response: Response | None = None
        """The newest response, also when it is done: it may still be playing."""
        self.input_ms = 0.0
        """How much sound the client has put in."""

    def event(self, type_: str, **fields: Any) -> Event:
        """Return an event with an id of its own."""
        return {"type": type_, "event_id": f"event_{next(self._numbers)}", **fields}

    def error(self, code: str, message: str, param: str = "", event_id: str = "") -> Event:
        """Return an `error` event."""
        about = {"type": "invalid_request_error", "code": code, "message": message}
        return self.event("error", error={**about, "param": param or None, "event_id": event_id or None})

    # -- the user's side ----------------------------------------------------------------------------------------------

    def add_item(self, content: list[Event], item_id: str = "") -> list[Event]:
        """Return the events of a new user message; a turn of it is then reported under its id."""
        item_id = item_id or _new_id("item")
        item = {"id": item_id, "object": "realtime.item", "type": "message", "role": "user", "status": "completed",
                "content": content}  # fmt: skip
        before, self._last_item = self._last_item, item_id
        return [
            self.event("conversation.item.added", previous_item_id=before, item=item),
            self.event("conversation.item.done", previous_item_id=before, item=item),
        ]

    def commit(self) -> list[Event]:
        """Return the events of a spoken user message, whose words come later."""
        item_id = self.speech_item = self.speech_item or _new_id("item")
        committed = self.event("input_audio_buffer.committed", item_id=item_id, previous_item_id=self._last_item)
        return [committed, *self.add_item([{"type": "input_audio", "transcript": None}], item_id)]

    def expect_text(self) -> None:
        """The next transcript is the client's own text coming back."""
        self._text_turns += 1

    # -- what the relay says ------------------------------------------------------------------------------------------

    def on_message(self, message: Message) -> list[Event]:
        """Return the events that a control message makes."""
        match message:
            case control.State(state=state):
                return self._on_state(state)
            case control.Transcript():
                return self._on_words(message)
            case control.EpochStart(epoch=epoch, kind=kind):
                return [] if kind in UNASKED else self._open(epoch)
            case control.Caption(epoch=epoch, text=text):
                return self._on_caption(epoch, text)
            case control.EpochEnd(epoch=epoch) if self._speaks(epoch):
                return self._close("completed")
            case control.Cancel(epoch=epoch) if self._speaks(epoch):
                reason = "client_cancelled" if self.cancelled_by_client else "turn_detected"
                return self._close("cancelled", {"reason": reason})
            case control.Hold(epoch=epoch) | control.Release(epoch=epoch) if self._is(epoch):
                return [self.event(f"solami.{message.type}", item_id=self.response.item_id)]  # type: ignore[union-attr]
            case control.TurnFailed(code=code, message=why):
                return self._failed(code, why)
            case control.Percept(acts=acts):
                return [self.event("solami.percept", acts=acts)]
            case control.Degraded(part=part, why=why):
                return [self.event("solami.degraded", part=part, why=why)]
            case control.Restored(part=part):
                return [self.event("solami.restored", part=part)]
            case control.ErrorMessage(code=code, message=why):
                return [self.error(code, why)]
        return []

    def _on_state(self, state: str) -> list[Event]:
        before, self._state = self._state, state
        if self.manual:
            return []
        if state == "listening" and self.speech_item is None:
            self.speech_item, self._said = _new_id("item"), ""
            at = max(0, round(self.input_ms) - 500)  # the decision that it is speech comes so much later
            return [self.event("input_audio_buffer.speech_started", audio_start_ms=at, item_id=self.speech_item)]
        if before == "listening" and self.speech_item is not None:  # it ended without words: a cough, a murmur
            item_id, self.speech_item = self.speech_item, None
            return [self._speech_stopped(item_id)]
        return []

    def _speech_stopped(self, item_id: str) -> Event:
        return self.event("input_audio_buffer.speech_stopped", audio_end_ms=round(self.input_ms), item_id=item_id)

    def _on_words(self, words: control.Transcript) -> list[Event]:
        if self._text_turns and words.final:
            self._text_turns -= 1
            return []
        if not words.final:
            return self._partial(words.text)
        out: list[Event] = []
        item_id = self.speech_item or _new_id("item")
        if not self.manual:
            self.speech_item = item_id
            out += [self._speech_stopped(item_id), *self.commit()]
        self.speech_item, self._said = None, ""
        usage = {"type": "duration", "seconds": 0}
        name = "conversation.item.input_audio_transcription.completed"
        return [*out, self.event(name, item_id=item_id, content_index=0, transcript=words.text, usage=usage)]

    def _partial(self, text: str) -> list[Event]:
        """Deltas can only add: words that are taken back wait for the final transcript."""
        if self.speech_item is None or not text.startswith(self._said) or text == self._said:
            return []
        delta, self._said = text[len(self._said) :], text
        name = "conversation.item.input_audio_transcription.delta"
        return [self.event(name, item_id=self.speech_item, content_index=0, delta=delta)]

    # -- the reply ----------------------------------------------------------------------------------------------------

    def _is(self, epoch: int) -> bool:
        return self.response is not None and self.response.epoch == epoch

    def _speaks(self, epoch: int) -> bool:
        return self._is(epoch) and not self.response.done  # type: ignore[union-attr]

    def _open(self, epoch: int) -> list[Event]:
        r = self.response = Response(epoch, _new_id("resp"), _new_id("item"))
        self.cancelled_by_client = False
        before, self._last_item = self._last_item, r.item_id
        item = _assistant(r, "in_progress", [])
        part = {"type": "audio", "transcript": ""}
        return [
            self.event("response.created", response=_response(r, "in_progress", [])),
            self.event("response.output_item.added", response_id=r.id, output_index=0, item=item),
            self.event("conversation.item.added", previous_item_id=before, item=item),
            self._of("response.content_part.added", r, part=part),
        ]

    def _of(self, name: str, r: Response, **fields: Any) -> Event:
        return self.event(name, response_id=r.id, item_id=r.item_id, output_index=0, content_index=0, **fields)

    def _on_caption(self, epoch: int, text: str) -> list[Event]:
        r = self.response
        if r is None or not self._speaks(epoch):
            return []
        delta = f" {text}" if r.words else text
        r.words.append(text)
        return [self._of("response.output_audio_transcript.delta", r, delta=delta)]

    def on_media(self, frame: MediaFrame) -> list[Event]:
        """Return the event of a frame; nothing for an epoch that is not told."""
        r = self.response
        if r is None or not self._speaks(frame.epoch):
            return []
        if frame.kind is Kind.AUDIO:
            r.audio_ms = max(r.audio_ms, frame.pts_us / 1000 + frame.count * 1000 / RATE_HZ)
            return [self._of("response.output_audio.delta", r, delta=base64.b64encode(frame.payload).decode())]
        name = "solami.motion.delta" if frame.kind is Kind.POSE else "solami.face.delta"
        return [self._of(name, r, at_ms=frame.pts_us / 1000, frame=base64.b64encode(frame.encode()).decode())]

    def _close(self, status: str, details: Event | None = None) -> list[Event]:
        r = self.response
        assert r is not None
        r.done = True
        ended = "completed" if status == "completed" else "incomplete"
        part = {"type": "output_audio", "transcript": r.transcript}
        item = _assistant(r, ended, [part])
        return [
            self._of("response.output_audio.done", r),
            self._of("response.output_audio_transcript.done", r, transcript=r.transcript),
            self._of("response.content_part.done", r, part={"type": "audio", "transcript": r.transcript}),
            self.event("response.output_item.done", response_id=r.id, output_index=0, item=item),
            self.event("conversation.item.done", previous_item_id=None, item=item),
            self.event("response.done", response=_response(r, status, [item], details)),
        ]

    def _failed(self, code: str, why: str) -> list[Event]:
        details = {"type": "failed", "error": {"type": "server_error", "code": code}}
        said = self.error(code, why)
        r = self.response
        if r is not None and not r.done:
            return [said, *self._close("failed", details)]
        r = Response(0, _new_id("resp"), _new_id("item"), done=True)
        created = self.event("response.created", response=_response(r, "in_progress", []))
        return [said, created, self.event("response.done", response=_response(r, "failed", [], details))]

    def nothing_heard(self) -> list[Event]:
        """The committed sound held no speech that was understood."""
        self.speech_item = None
        return self._failed("nothing_heard", "no speech was heard in what was committed")


def _new_id(kind: str) -> str:
    return f"{kind}_{secrets.token_urlsafe(9)}"


def _assistant(r: Response, status: str, content: list[Event]) -> Event:
    return {
        "id": r.item_id, "object": "realtime.item", "type": "message", "role": "assistant", "status": status,
        "content": content,
    }  # fmt: skip


def _response(r: Response, status: str, output: list[Event], details: Event | None = None) -> Event:
    shown = None if details is None else {"type": status, **details}
    return {
        "id": r.id, "object": "realtime.response", "status": status, "status_details": shown, "output": output,
        "output_modalities": ["audio"], "usage": USAGE if status != "in_progress" else None,
    }  # fmt: skip
