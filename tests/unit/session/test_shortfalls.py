"""The words about what is not in force: which field, and its value in no more words than are needed."""

from __future__ import annotations

import pytest

from turnstile.errors import Problem
from turnstile.session.client_requests import ConfigRequested
from turnstile.session.shortfalls import about, described, field_name

SETTINGS = ConfigRequested(1, {}, message="Settings", fields={"audio.input.transcription": "agent.listen.provider"})
HOST = ConfigRequested(-1, {}, message="", fields={"instructions": "prompt"})


@pytest.mark.parametrize(
    ("request_", "path", "name"),
    [
        (SETTINGS, ("audio", "input", "transcription"), "Settings.agent.listen.provider"),
        (SETTINGS, ("audio", "input", "transcription", "model"), "Settings.agent.listen.provider.model"),
        (SETTINGS, ("audio", "input", "turn_detection"), "Settings: session.audio.input.turn_detection"),
        (HOST, ("instructions",), "prompt"),
        (HOST, ("tools",), "session.tools"),
        (ConfigRequested(1, {}), ("tools",), "session.tools"),
        (None, ("tools",), "session.tools"),
    ],
)
def test_a_field_is_named_as_its_message_names_it(request_, path, name):
    assert field_name(request_, path) == name


def test_a_problem_of_a_request_without_a_message_stands_by_itself():
    assert about(HOST, Problem("a_code", "No.")) == Problem("a_code", "No.")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1.2, "1.2"),
        (True, "true"),
        (False, "false"),
        (None, "null"),
        ("echo", "'echo'"),
        ("k" * 41, "'kkkkkkkkkkkkkkkkkkkk'... (41 characters)"),
        ({"type": "audio/pcm", "rate": 16000}, "'audio/pcm' at 16000"),
        ({"type": "audio/pcmu"}, "'audio/pcmu'"),
        ({"id": "voice_1"}, "'voice_1'"),
        ({"authorization": "made up"}, "an object"),
        (["audio", "text"], "['audio', 'text']"),
        ([{"type": "function", "name": "get", "parameters": {}}], "['get']"),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9], "[1, 2, 3, 4, 5, 6, 7, 8, ...]"),
    ],
)
def test_a_value_is_told_in_a_few_words(value, words):
    assert described(value) == words
