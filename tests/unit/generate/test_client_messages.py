from __future__ import annotations

import inspect
import runpy
from pathlib import Path

import client_messages
from turnstile.protocol.voice_agent import server

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "voice-agent.md"


def test_the_page_is_current():
    assert PAGE.read_text() == client_messages.page(), "run: make docs"


def test_the_command_prints_the_page(capsys):
    runpy.run_path(client_messages.__file__, run_name="__main__")
    assert capsys.readouterr().out == PAGE.read_text()


def test_every_message_to_a_client_is_shown():
    makers = {
        make
        for name, make in vars(server).items()
        if inspect.isfunction(make) and make.__module__ == server.__name__ and not name.startswith("_")
    }
    assert {make for make, _, _ in client_messages.EXAMPLES} == makers
