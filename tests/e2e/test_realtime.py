"""`/v1/realtime` with the official `openai` client: spoken to, answered, interrupted, cancelled, refused."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from solami_protocol.media import Kind, decode_media, face_weights, pose_frames

openai = pytest.importorskip("openai", reason="the openai client is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
RATE_HZ = 24_000


def spoken(text: str) -> np.ndarray:
    """Return a voice at 24 kHz."""
    import soxr

    from solami.headset.inputs import synthesise

    return soxr.resample(synthesise(text).astype(np.float32), 16_000, RATE_HZ).astype("<i2")


def b64(pcm: np.ndarray) -> str:
    return base64.b64encode(pcm.astype("<i2").tobytes()).decode()


@asynccontextmanager
async def connected(url: str, model: str = "copper") -> AsyncIterator[Any]:
    async with (
        openai.AsyncOpenAI(api_key="any", base_url=f"{url}/v1") as client,
        client.realtime.connect(model=model) as connection,
    ):
        assert (await event(connection, "session.created"))[-1].session.model == model
        yield connection


async def event(connection: Any, wanted: str, within_s: float = 30.0) -> list[Any]:
    """Return all events up to the first of a type."""
    seen = []
    async with asyncio.timeout(within_s):
        while not seen or seen[-1].type != wanted:
            seen.append(await connection.recv())
    return seen


async def speak(connection: Any, pcm: np.ndarray) -> None:
    """Send sound as a microphone does."""
    for i in range(0, len(pcm), 2400):
        await connection.input_audio_buffer.append(audio=b64(pcm[i : i + 2400]))
        await asyncio.sleep(0.1)


def kinds(seen: list[Any]) -> list[str]:
    return list(dict.fromkeys(e.type for e in seen))


async def test_a_spoken_question_is_answered_with_sound_words_body_and_face(stack) -> None:
    async with connected(stack.url) as connection:
        await speak(connection, spoken("tell me a story"))
        seen = await event(connection, "response.done")
        assert kinds(seen)[:1] == ["input_audio_buffer.speech_started"], "the greeting is not told"
        ordered = [
            "input_audio_buffer.speech_stopped", "input_audio_buffer.committed",
            "conversation.item.input_audio_transcription.completed", "response.created", "response.output_item.added",
            "response.output_audio.delta", "response.output_audio.done", "response.output_audio_transcript.done",
            "response.output_item.done", "response.done",
        ]  # fmt: skip
        assert [k for k in kinds(seen) if k in ordered] == ordered
        by_type = {k: [e for e in seen if e.type == k] for k in kinds(seen)}
        heard = by_type["conversation.item.input_audio_transcription.completed"][0]
        assert "story" in heard.transcript
        assert heard.item_id == by_type["input_audio_buffer.speech_started"][0].item_id
        sound = b"".join(base64.b64decode(e.delta) for e in by_type["response.output_audio.delta"])
        pcm = np.frombuffer(sound, "<i2")
        words = "".join(e.delta for e in by_type["response.output_audio_transcript.delta"])
        done = by_type["response.done"][0].response
        assert done.status == "completed"
        assert (
            done.output[0].content[0].transcript
            == words
            == by_type["response.output_audio_transcript.done"][0].transcript
        )
        assert np.abs(pcm.astype(float)).mean() > 100
        frames = [
            decode_media(base64.b64decode(e.frame)) for k in ("motion", "face") for e in by_type[f"solami.{k}.delta"]
        ]
        poses = sum(len(pose_frames(f)[1]) for f in frames if f.kind is Kind.POSE)
        faces = [face_weights(f) for f in frames if f.kind is Kind.FACE]
        assert poses == sum(map(len, faces)) == pytest.approx(len(pcm) / RATE_HZ * 30, abs=1)
        assert np.concatenate(faces).max() > 0.2, "the mouth moves"


async def test_written_messages_cancelling_and_what_was_heard(stack) -> None:
    async with connected(stack.url) as connection:
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "tell me a story"}]}
        )
        await connection.response.create()
        seen = await event(connection, "response.output_audio.delta")
        assert "conversation.item.added" in kinds(seen)
        item_id = seen[-1].item_id
        await connection.response.create()
        refused = (await event(connection, "error"))[-1].error
        assert refused.code == "conversation_already_has_active_response"
        await connection.response.cancel()
        done = (await event(connection, "response.done"))[-1].response
        assert (done.status, done.status_details.reason) == ("cancelled", "client_cancelled")
        await connection.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=99_000)
        cut = (await event(connection, "conversation.item.truncated"))[-1]
        assert cut.item_id == item_id
        assert cut.audio_end_ms < 99_000, "an overshooting clock is put right"
        # and the conversation goes on
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "what is your name"}]}
        )
        await connection.response.create()
        done = (await event(connection, "response.done"))[-1].response
        assert (done.status, "Copper" in done.output[0].content[0].transcript) == ("completed", True)


async def test_without_turn_detection_the_client_commits(stack) -> None:
    async with connected(stack.url) as connection:
        await connection.session.update(
            session={
                "type": "realtime", "instructions": "be somebody else",
                "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}, "turn_detection": None}},
            }
        )  # fmt: skip
        updated = (await event(connection, "session.updated"))[-1].session
        assert updated.audio.input.turn_detection is None
        assert updated.instructions is None, "a character stays who it is, and the answer does not claim otherwise"
        await connection.input_audio_buffer.append(audio=b64(spoken("tell me a story")))  # at once
        await connection.input_audio_buffer.commit()
        committed = (await event(connection, "input_audio_buffer.committed"))[-1]
        await connection.response.create()
        seen = await event(connection, "response.done")
        assert seen[-1].response.status == "completed"
        assert "input_audio_buffer.speech_started" not in kinds(seen)
        words = next(e for e in seen if e.type == "conversation.item.input_audio_transcription.completed")
        assert (words.item_id, "story" in words.transcript) == (committed.item_id, True)
        await connection.input_audio_buffer.append(audio=b64(np.zeros(RATE_HZ)))
        await connection.input_audio_buffer.commit()
        await connection.response.create()
        seen = await event(connection, "response.done")
        assert seen[-1].response.status == "failed"
        assert next(e for e in seen if e.type == "error").error.code == "nothing_heard"


async def test_a_voice_over_the_reply_ends_it(stack) -> None:
    async with connected(stack.url) as connection:
        await speak(connection, spoken("tell me a story"))
        await event(connection, "response.output_audio.delta")
        await asyncio.sleep(2.0)
        talking = asyncio.create_task(speak(connection, spoken("stop. please stop.")))
        done = (await event(connection, "response.done"))[-1].response
        assert (done.status, done.status_details.reason) == ("cancelled", "turn_detected")
        assert (await event(connection, "input_audio_buffer.speech_started"))[-1]
        await talking


async def test_what_cannot_be_followed_is_said_and_the_connection_stays(stack) -> None:
    async with connected(stack.url) as connection:
        await connection.response.create()
        assert (await event(connection, "error"))[-1].error.code == "nothing_to_answer"
        await connection.response.cancel()
        assert (await event(connection, "error"))[-1].error.code == "response_cancel_not_active"
        await connection.input_audio_buffer.append(audio="no base64", event_id="mine")
        error = (await event(connection, "error"))[-1].error
        assert (error.code, error.param, error.event_id) == ("invalid_value", "audio", "mine")
        await connection.send({"type": "conversation.item.retrieve", "item_id": "x"})
        assert (await event(connection, "error"))[-1].error.code == "invalid_event"
        await connection.conversation.item.truncate(item_id="nobody", content_index=0, audio_end_ms=1)
        assert (await event(connection, "error"))[-1].error.code == "item_truncate_invalid_item_id"
    with pytest.raises(Exception, match="404"):
        async with connected(stack.url, "gpt-realtime"):
            pass
