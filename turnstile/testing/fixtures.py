"""Fixtures for pytest: ``pytest_plugins = ["turnstile.testing.fixtures"]`` in the ``conftest.py`` at the top."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from actors.script import ScriptedSession
from turnstile.testing import patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def scripted_session() -> Iterator[Callable[..., ScriptedSession]]:
    """Make scripted sessions, which are closed at the end of the test.

    Takes the arguments of `actors.ScriptedSession`; against the simulator by default.
    """
    with ExitStack() as open_sessions:

        def make(*arguments: Any, timeout: float = 30.0, **options: Any) -> ScriptedSession:
            return open_sessions.enter_context(ScriptedSession(*arguments, timeout=patience(timeout), **options))

        yield make
