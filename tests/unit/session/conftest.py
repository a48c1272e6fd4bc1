"""The tests of the session share their builders by name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from turnstile.session.data import Data
from turnstile.session.machine import Session
from turnstile.session.state import Now, State

sys.path.insert(0, str(Path(__file__).parent))

from session_words import CONFIG


@pytest.fixture
def at():
    """Make a session: connected, configured and at rest, but for what is said otherwise."""

    def make(*, config=None, policy=None, **changes):
        config = CONFIG if config is None else config
        fields = {"link": "open", "configured": True, "audio_open": True, "accepted": config, "in_force": config}
        fields["has_opened"] = changes.get("link", "open") == "open"
        return Session(policy, *Now(State(), Data()).change(**(fields | changes)))

    return make
