from __future__ import annotations

import json

import pytest

from turnstile.audio.formats import PCM_24K, AudioFormat
from turnstile.audio.wav import wav_header
from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM
from turnstile.translate.ear import Ear, remember

MULAW = AudioFormat("mulaw", 8_000)


def _kinds(frames):
    return [json.loads(frame.data)["type"] for frame in frames]


def test_a_memory_forgets_the_oldest():
    memory = {}
    for number in range(300):
        remember(memory, str(number), number)
    assert (len(memory), min(memory.values()), memory["299"]) == (256, 44, 299)


def test_audio_is_heard_as_the_api_sends_it_until_something_else_is_asked_for():
    ear = Ear(COMPONENT)
    assert (ear.converter.feed(b"ab"), ear.header) == (b"ab", b"")


@pytest.mark.parametrize(("container", "header"), [("none", b""), ("wav", wav_header(MULAW))])
def test_a_container_has_the_header_of_its_format(container, header):
    ear = Ear(COMPONENT)
    ear.configure(MULAW, container, keeps_history=False)
    assert ear.header == header


def test_an_item_was_heard_when_its_text_was_told():
    ear = Ear(COMPONENT)
    assert not ear.has_heard("i")
    assert _kinds(ear.hear_item("i", "Hello.")) == ["ConversationText"]
    assert ear.has_heard("i")


def test_a_text_is_also_history_when_it_is_kept():
    ear = Ear(COMPONENT)
    ear.configure(PCM_24K, "none", keeps_history=True)
    assert _kinds(ear.hear("user", "Hello.")) == ["ConversationText", "History"]


@pytest.mark.parametrize(("profile", "kind"), [(DEEPGRAM, "Warning"), (COMPONENT, "Error")])
def test_a_fault_is_told_in_the_profiles_manner(profile, kind):
    assert _kinds([Ear(profile).fault("c", "d")]) == [kind]
