"""The API's own types as the judge of what goes upstream."""

from __future__ import annotations

import json

import pytest
from openai.types.realtime import RealtimeResponseCreateParams, RealtimeSessionCreateRequest
from pydantic import BaseModel

from turnstile.protocol.voice_agent.client import parse_client_message


def _judge(kind):
    def judged(value):
        """Return `value`, if the API's type knows all of it."""
        _knows_all(kind.model_validate(value))
        return value

    return judged


def _knows_all(value):
    if isinstance(value, BaseModel):
        assert not value.model_extra, f"{type(value).__name__} knows no {', '.join(value.model_extra)}"
        value = dict(value)
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _knows_all(part)


@pytest.fixture
def session():
    """Judge a patch as the session of an update; where functions are called is the proxy's own business."""
    judged = _judge(RealtimeSessionCreateRequest)
    return lambda patch: judged({"type": "realtime", **{k: v for k, v in patch.items() if k != "endpoints"}}) and patch


@pytest.fixture
def response():
    """Judge the parameters of a create."""
    return _judge(RealtimeResponseCreateParams)


@pytest.fixture
def read():
    """Read a message as the client sends it."""
    return lambda kind, **fields: parse_client_message(json.dumps({"type": kind, **fields}).encode())
