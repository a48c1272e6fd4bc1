from __future__ import annotations

import inspect
import runpy
from pathlib import Path

import pytest

from turnstile.protocol.voice_agent import server
from turnstile.translate import reference

FOLDER = Path(__file__).parents[3] / "docs" / "reference"


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_page_tells_what_the_code_does(name, tmp_path):
    reference.main(tmp_path)
    assert (FOLDER / name).read_text() == (tmp_path / name).read_text(), "run: make docs"


def test_the_pages_are_written_by_the_command_that_the_makefile_gives(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.argv", ["reference", str(tmp_path)])
    runpy.run_path(reference.__file__, run_name="__main__")
    assert {page.name for page in tmp_path.iterdir()} == {*reference.PAGES}


def test_every_message_to_a_client_is_shown():
    makers = {
        make
        for name, make in vars(server).items()
        if inspect.isfunction(make) and make.__module__ == server.__name__ and not name.startswith("_")
    }
    assert {make for make, _, _ in reference.SENT} == makers
