from __future__ import annotations

import runpy
from pathlib import Path

import event_rows
from turnstile.translate.event_table import SERVER_EVENTS

PAGE = Path(__file__).parents[3] / "docs" / "protocol.md"


def test_the_table_of_the_page_is_current():
    assert PAGE.read_text() == event_rows.with_table(PAGE.read_text()), "run: make docs"


def test_the_command_replaces_an_old_table_and_nothing_else(monkeypatch, tmp_path):
    page = tmp_path / "protocol.md"
    row = next(line for line in PAGE.read_text().splitlines() if line.startswith("| `response.done`"))
    page.write_text(PAGE.read_text().replace(row, "| `response.done` | something else |  |  |"))
    monkeypatch.setattr("sys.argv", ["event_rows", str(page)])
    runpy.run_path(event_rows.__file__, run_name="__main__")
    assert page.read_text() == PAGE.read_text()


def test_every_event_that_is_not_ignored_names_its_tests():
    assert {*event_rows.TESTS} == {name for name, row in SERVER_EVENTS.items() if row.handling != "ignored"}
