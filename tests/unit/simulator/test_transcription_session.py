"""A session that only writes down what it hears."""

from __future__ import annotations

import pytest


@pytest.fixture
def writer(player):
    made = player(transcripts=["One two."], created=False, transcribes=True)
    made.until("session.created")
    return made


def test_it_shows_only_what_it_hears_with(writer):
    session = writer.of("session.created")[0]["session"]
    assert (session["type"], session["object"]) == ("transcription", "realtime.transcription_session")
    assert session.keys() == {"type", "object", "id", "expires_at", "include", "audio"}
    assert "create_response" not in session["audio"]["input"]["turn_detection"]


def test_a_turn_is_committed_and_not_answered(writer):
    writer.turn()
    writer.until("input_audio_buffer.committed")
    writer.advance(10)
    assert "response.created" not in writer.kinds


def test_an_update_is_confirmed_if_it_is_meant_for_it(writer):
    silent = {"type": "transcription", "audio": {"input": {"turn_detection": None}}}
    assert writer.answer("session.update", session=silent)["session"]["audio"]["input"]["turn_detection"] is None
    error = writer.error("session.update", session={"type": "realtime"})
    assert error["message"] == "Passing a realtime session update event to a transcription session is not allowed."


def test_it_begins_no_response(writer):
    assert writer.error("response.create")["code"] == "invalid_parameter"


def test_an_update_meant_for_it_is_refused_by_another(player):
    error = player().error("session.update", session={"type": "transcription"})
    assert error["message"] == "Passing a transcription session update event to a realtime session is not allowed."
