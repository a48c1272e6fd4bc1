"""The session's commands to upstream, written to the link as events of the Realtime API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from actors.standby_link import restoring
from turnstile.protocol import realtime
from turnstile.protocol.appends import INPUT_COMMIT, ends_input
from turnstile.session.effects import (
    PassOn,
    SendCancel,
    SendCommit,
    SendCreate,
    SendItem,
    SendTruncate,
    SendUpdate,
)
from turnstile.session.events import HandedBack, Refused
from turnstile.session.link_effects import RemoveItem, RestoreItem, TruncateRestored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actors.upstream_link import UpstreamLink
    from actors.upstream_parts import UpstreamParts
    from actors.upstream_reader import UpstreamReader

Command = (
    SendUpdate
    | SendCreate
    | SendItem
    | RestoreItem
    | RemoveItem
    | TruncateRestored
    | SendCancel
    | SendTruncate
    | SendCommit
    | PassOn
)
"""What is written to the link in use."""


class UpstreamCommands:
    """Writes commands, and keeps what is needed to understand upstream's answers to them.

    A gated command goes back to the session where a fact that closes the gate was read after the decision for it.

    Args:
        link: Sends the events.
        reader: Counts the facts that close the gate.
        labels: Metadata of each response that the proxy begins, whatever the client names.
        parts: The translator keeps when a response was asked for, and which is cancelled; the functions and formats are
            those of the latest update.
    """

    def __init__(
        self, link: UpstreamLink, reader: UpstreamReader, labels: Mapping[str, str], parts: UpstreamParts
    ) -> None:
        self._link = link
        self._reader = reader
        self._journal = parts.journal
        self._translator = parts.translator
        self._audio = parts.audio
        self._functions = parts.functions
        self._formats = parts.formats
        self._output = parts.output
        self._host_labels = labels
        self._labels = dict(labels)
        self._clock = parts.clock

    def set_labels(self, labels: Mapping[str, str]) -> None:
        """Set the client's metadata for each response that the proxy begins; the host's goes before it."""
        self._labels = {**labels, **self._host_labels}

    def send(self, command: Command) -> None:
        """Send one command, and note what it asks of upstream."""
        match command:
            case SendUpdate() | SendCreate() if command.epoch < self._reader.epoch:
                self._hand_back(command.event_id)
            case SendItem(event_id, item):
                if self._reader.asked_at is None:
                    self._reader.asked_at = now = self._clock()
                    self._translator.start_latency(now)
                self._link.send(realtime.item_create(event_id, item))
                if item.get("type") == "function_call_output":
                    self._output.send_frames(self._translator.close_call(item["call_id"], item["output"]))
            case SendCreate(event_id, response):
                if self._reader.asked_at is None:
                    self._reader.asked_at = now = self._clock()
                    self._translator.start_latency(now)
                given = response.get("metadata")
                metadata = realtime.response_metadata(event_id, given, self._labels)
                self._translator.remember_metadata(metadata, given)
                self._link.send(realtime.response_create(event_id, {**response, "metadata": metadata}))
            case SendUpdate(event_id, patch):
                self._functions.ask(command.endpoints)
                self._formats.requested(patch)
                self._link.send(realtime.session_update(event_id, patch))
            case SendCancel(event_id, response_id):
                self._translator.mute(response_id)
                self._link.send(realtime.response_cancel(event_id, response_id))
            case SendTruncate(event_id, item_id, milliseconds):
                self._link.send(realtime.item_truncate(event_id, item_id, milliseconds))
            case RestoreItem():
                self._translator.restored((command.item["id"],))
                self._link.names.ask(command.event_id, command.item)
                self._link.send(restoring(command))
            case RemoveItem():
                self._translator.removed((command.item_id,))
                self._link.send(restoring(command))
            case TruncateRestored(event):
                self._truncate(event)
            case SendCommit(event_id):
                self._commit(event_id)
            case PassOn(event):
                ended = ends_input(event)
                if ended is not None:
                    self._audio.input_ended(is_committed=ended == INPUT_COMMIT)
                self._link.send(event)

    def _hand_back(self, event_id: str) -> None:
        if self._journal.tell is not None:
            self._journal.note("upstream", "handed back", event_id, self._link.number)
        self._output.send_fact(HandedBack(event_id))

    def _truncate(self, event: bytes) -> None:
        """Answer a truncation, unless it is not built as one: upstream refuses that."""
        asked = orjson.loads(event)
        end = asked.get("audio_end_ms")
        if isinstance(end, int | float) and not isinstance(end, bool) and end >= 0:
            self._reader.truncate(asked)
        else:
            self._link.send(event)

    def _commit(self, event_id: str) -> None:
        """Send the rest of the input audio and its commit, or refuse a commit of nothing in the API's words."""
        commit = self._audio.commit(event_id)
        if commit is not None:
            self._link.send(commit)
        else:
            text = "There is no input audio to commit."
            self._output.send_fact(Refused(event_id, "input_audio_buffer_commit_empty", text))
