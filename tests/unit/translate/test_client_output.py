from __future__ import annotations

import json

import pytest

from turnstile.audio.formats import PCM_24K, AudioFormat
from turnstile.audio.wav_format import wav_header
from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM
from turnstile.translate.client_output import ClientOutput

MULAW = AudioFormat("mulaw", 8_000)


def _kinds(frames):
    return [json.loads(frame.data)["type"] for frame in frames]


def test_audio_is_heard_as_the_api_sends_it_until_something_else_is_asked_for():
    output = ClientOutput(COMPONENT)
    assert (output.converter.feed(b"ab"), output.header) == (b"ab", b"")


@pytest.mark.parametrize(("container", "header"), [("none", b""), ("wav", wav_header(MULAW))])
def test_a_container_has_the_header_of_its_format(container, header):
    output = ClientOutput(COMPONENT)
    output.configure(MULAW, container, keeps_history=False)
    assert output.header == header


def test_an_item_was_heard_when_its_text_was_told():
    output = ClientOutput(COMPONENT)
    assert "i" not in output.sent_items
    assert _kinds(output.show_item("i", "Hello.")) == ["ConversationText"]
    assert "i" in output.sent_items


def test_a_text_is_also_history_when_it_is_kept():
    output = ClientOutput(COMPONENT)
    output.configure(PCM_24K, "none", keeps_history=True)
    assert _kinds(output.show_text("user", "Hello.")) == ["ConversationText", "History"]


@pytest.mark.parametrize(("profile", "kind"), [(DEEPGRAM, "Warning"), (COMPONENT, "Error")])
def test_a_fault_is_told_in_the_profiles_manner(profile, kind):
    assert _kinds([ClientOutput(profile).problem("c", "d")]) == [kind]


def _in(kind):
    return {"audio": {"output": {"format": {"type": kind}}}}


def test_audio_is_converted_from_what_upstream_says_that_it_speaks():
    output = ClientOutput(COMPONENT)
    output.set_upstream_format({"type": "audio/pcm", "rate": 24_000})
    output.configure(MULAW, "none", keeps_history=False)
    heard = output.converter.feed(bytes(4_800)) + output.converter.flush()
    assert len(heard) == pytest.approx(800, abs=2)
    assert 4_800 / output.bytes_per_ms == 100


def test_a_response_may_be_in_another_format_than_the_session():
    output = ClientOutput(COMPONENT)
    output.configure(MULAW, "none", keeps_history=False)
    assert list(output.begin_response(_in("audio/pcm"))) == []
    assert 4_800 / output.bytes_per_ms == 100
    assert list(output.begin_response({"audio": None})) == list(output.begin_response({})) == []
    assert 800 / output.bytes_per_ms == 100


def test_a_stream_goes_on_when_upstream_says_again_what_it_speaks():
    output = ClientOutput(COMPONENT)
    output.configure(MULAW, "none", keeps_history=False)
    stream = output.converter
    output.set_upstream_format({"type": "audio/pcmu"})
    output.configure(MULAW, "none", keeps_history=False)
    assert output.converter is stream


def test_what_cannot_be_converted_is_not_heard_and_said_once():
    output = ClientOutput(COMPONENT)
    (told,) = output.begin_response(_in("audio/opus"))
    assert "'audio/opus'" in json.loads(told.data)["description"]
    assert (list(output.begin_response(_in("audio/opus"))), output.is_convertible) == ([], False)
    output.set_upstream_format("flac")
    assert _kinds(output.begin_response({})) == ["Error"]
    list(output.begin_response(_in("audio/pcm")))
    assert output.is_convertible
