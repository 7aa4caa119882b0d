"""`solami doctor` says which parts are in use, how good they are, and what to do about those that are missing."""

from solami.server.checkup import parts_in_use
from solami.server.settings import BrainSettings, ServerSettings, SpeechSettings


def test_the_embedded_parts_are_in_use_and_said_to_be_what_they_are() -> None:
    rows = parts_in_use(ServerSettings())
    assert [row.state for row in rows] == ["ok"] * 3
    assert "1 word in 5" in rows[0].detail
    assert "machine" in rows[1].detail
    assert "card" in rows[2].detail


def test_absent_endpoints_and_weights_say_what_works_meanwhile() -> None:
    speech = SpeechSettings(recogniser="http://127.0.0.1:1/v1", synthesiser="http://127.0.0.1:1/v1")
    rows = parts_in_use(ServerSettings(speech=speech, brain=BrainSettings(url="http://127.0.0.1:1/v1", model="m")))
    assert [row.state for row in rows] == ["absent"] * 3
    assert "pocketsphinx" in rows[0].advice
    assert "espeak" in rows[1].advice
    assert "card" in rows[2].advice
    rows = parts_in_use(
        ServerSettings(speech=SpeechSettings(recogniser="whisper", recogniser_model="/none.pt", synthesiser="xtts"))
    )
    assert [row.state for row in rows] == ["fault", "fault", "ok"]
