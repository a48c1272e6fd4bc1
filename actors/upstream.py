"""The Realtime side of a session: commands out, facts and the agent's voice in."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from actors.lifecycle import SessionActor
from actors.messages import AudioAgreed, ClientAudio, End, FromLink, ToClient
from turnstile.audio import chunks, formats
from turnstile.audio.convert import Converter
from turnstile.errors import Problem, UpstreamProtocolError
from turnstile.ports import LinkFailed, LinkReady
from turnstile.protocol import realtime
from turnstile.protocol.frames import Closed, TextFrame
from turnstile.session.effects import (
    ObserveAudio,
    OpenLink,
    SendCancel,
    SendCommit,
    SendCreate,
    SendItem,
    SendUpdate,
)
from turnstile.session.events import (
    CLOSING_FACTS,
    AudioHeard,
    HandedBack,
    LinkLost,
    LinkOpened,
    Refused,
    ResponseProgressed,
)
from turnstile.session.facts import FactReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.dispatch import Dispatcher
    from actors.messages import Introduction
    from turnstile.observability.journal import Journal
    from turnstile.ports import Clock, Connection, Connector, Inbox, Meter, UpstreamTarget
    from turnstile.session.events import Json
    from turnstile.translate.to_voice_agent import VoiceAgentTranslator
