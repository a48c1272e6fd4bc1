"""What a turn, a piece of audio and an update cost, counted: in messages, runs, timers and calls, not in time.

A session's real actors run on the test's own thread, with connections in memory; what one read completes comes at
once, as from a socket. The messages, runs and timers are exact. The bounds of calls are what was counted on CPython
3.11 before there were a journal, counts and an ops listener: with nobody looking these cost no call more.
"""

from __future__ import annotations

import base64
import gc
import json
import sys
from collections import Counter, deque
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

import actors
from actors.dialects.registry import Dialects
from actors.inbox import RUN_LENGTH, DispatchedInbox
from actors.messages import End
from actors.session_actors import SessionDependencies
from actors.sessions import Sessions
from turnstile.byte_budget import ProcessBudget
from turnstile.byte_charge import Charge
from turnstile.config import load_config
from turnstile.observability.journal import Journal
from turnstile.ports import LinkReady, UpstreamTarget
from turnstile.protocol import jsontext, safe_text
from turnstile.protocol.error_texts import with_safe_errors
from turnstile.protocol.frames import BinaryFrame, TextFrame
from turnstile.protocol.json_bounds import JsonBounds, cut_levels, is_deeper
from turnstile.session.draining import settle_drain
from turnstile.session.rules import refuse
from turnstile.testing import ManualClock, ManualTimers, RecordingConnection

pytestmark = pytest.mark.usefixtures("no_collection")

OURS = tuple(str(Path(actors.__file__).parents[1] / name) for name in ("actors", "turnstile"))
TESTING = str(Path(OURS[1]) / "testing")
SETTINGS = {"type": "Settings", "audio": {"input": {"encoding": "linear16", "sample_rate": 24_000}}, "agent": {}}
ITEM = {"response_id": "r1", "item_id": "i1", "output_index": 0, "content_index": 0}
PART = {"type": "audio", "transcript": ""}
APPEND = {"type": "input_audio_buffer.append", "audio": base64.b64encode(bytes(4800)).decode()}
TEXT_DELTA = {"type": "response.output_audio_transcript.delta", **ITEM, "delta": " word"}
DELTA = {"type": "response.output_audio.delta", **ITEM, "delta": base64.b64encode(bytes(4800)).decode()}


GUARDS = (
    *(Charge.set, Charge.fits, ProcessBudget.charge, settle_drain, refuse),
    *(JsonBounds.check, is_deeper, cut_levels, jsontext.require_memory, with_safe_errors, safe_text.on_one_line),
)
"""What keeps clients from hurting each other, and costs nothing where nothing is to be kept from anybody."""
GUARD_NAMES = {guard.__code__: guard.__qualname__ for guard in GUARDS}


class Cost:
    """What was counted."""

    def __init__(self):
        self.messages = []
        self.runs = 0
        self.timers = 0
        self.calls = 0
        self.told = 0
        self.guards = Counter()


class Counting:
    """Counts into `cost` whatever the session does; satisfies the parts of a `Dispatcher` and of `Timers`."""

    def __init__(self):
        self.cost = Cost()
        self._runs = deque()
        self._timers = ManualTimers(ManualClock())

    def waker(self, run):
        return partial(self._runs.append, run)

    def run(self):
        """Run what is to be run, and count."""
        while self._runs:
            self.cost.runs += 1
            run, before = self._runs.popleft(), sys.getprofile()
            sys.setprofile(self._count)
            try:
                run()
            finally:
                sys.setprofile(before)

    def _count(self, frame, event, _argument):
        if event == "call":
            name = frame.f_code.co_filename
            self.cost.calls += name.startswith(OURS) and not name.startswith(TESTING)
            self.cost.told += name.endswith("observability/journal.py")
            if frame.f_code in GUARD_NAMES:
                self.cost.guards[GUARD_NAMES[frame.f_code]] += 1

    def start(self, delay, callback):
        self.cost.timers += 1
        return self._timers.start(delay, callback)


class Talk:
    """A session at rest, by default of a client that hears audio in binary frames."""

    def __init__(self, counting, readers=(), dialect="component"):
        self.counting = counting
        self.client, self.link = RecordingConnection(), RecordingConnection()
        self.journal = Journal(ManualClock(), readers)
        config = load_config(flags={"upstream.url": "simulator:"})
        self.sessions = Sessions(
            SessionDependencies(
                dispatcher=counting,
                timers=counting,
                connector=self,
                target=lambda *_: UpstreamTarget("ws://upstream"),
                functions=None,
                host_functions=None,
                clock=ManualClock(),
                journal=self.journal,
            )
        )
        make_parts = Dialects(config, lambda _: False).named(dialect)
        self.inbox = self.sessions.begin(self.client, make_parts)
        if dialect != "realtime":
            self.says(SETTINGS)
        self.counting.run()
        self._upstream.tell(LinkReady(self.link))
        self.hears({"type": "session.created", "session": {"id": "s"}})
        if dialect != "realtime":
            self.is_updated()

    def connect(self, target, inbox):
        """Be the `Connector`."""
        del target
        self._upstream = inbox

    def says(self, *frames):
        """Read what the client sends, at once."""
        self._tell(self.inbox, frames)

    def hears(self, *events):
        """Read what upstream sends, at once."""
        self._tell(self._upstream, events)

    def is_updated(self):
        self.hears({"type": "session.updated", "session": {"id": "s", **self.sent()["session"]}})

    def sent(self):
        """Return the latest event that went up."""
        return json.loads(self.link.sent[-1].data)

    def _tell(self, inbox, contents):
        frames = [
            BinaryFrame(one) if isinstance(one, bytes) else TextFrame(json.dumps(one).encode()) for one in contents
        ]
        if len(frames) == 1:
            inbox.tell(frames[0])
        else:
            inbox.tell_all(frames)
        self.counting.run()


class Reader:
    """Reads the journal of every session."""

    def begin(self, _facts):
        return [].append

    def end(self, _journal, _ending):
        pass


def turn(talk):
    """The user writes, and the agent answers with one piece of audio."""
    talk.says({"type": "InjectUserMessage", "content": "Hello."})
    item = {"object": "realtime.item", "status": "completed", **talk.sent()["item"]}
    talk.hears(*({"type": f"conversation.item.{what}", "item": item} for what in ("added", "done")))
    response = {"id": "r1", "conversation_id": "c1", "output": [], "metadata": talk.sent()["response"]["metadata"]}
    answer = {"id": "i1", "type": "message", "role": "assistant", "content": []}
    talk.hears(
        {"type": "response.created", "response": response},
        {"type": "response.output_item.added", **ITEM, "item": answer},
        {"type": "response.content_part.added", **ITEM, "part": PART},
        DELTA,
        {"type": "response.output_audio.done", **ITEM},
        {"type": "response.output_audio_transcript.done", **ITEM, "transcript": "Hi."},
        {"type": "response.done", "response": {**response, "status": "completed"}},
    )


def realtime_turn(talk):
    """A Realtime client writes, asks for a response, and hears it."""
    number = len(talk.link.sent)
    item = {"id": f"u{number}", "type": "message", "role": "user"}
    item["content"] = [{"type": "input_text", "text": "Hello."}]
    talk.says(
        {"type": "conversation.item.create", "event_id": f"e{number}", "item": item},
        {"type": "response.create", "event_id": f"f{number}"},
    )
    added = {"object": "realtime.item", "status": "completed", **item}
    talk.hears(*({"type": f"conversation.item.{what}", "item": added} for what in ("added", "done")))
    metadata = talk.sent().get("response", {}).get("metadata")
    response = {"id": f"r{number}", "conversation_id": "c1", "output": [], "metadata": metadata}
    place = {**ITEM, "response_id": response["id"], "item_id": f"i{number}"}
    answer = {"id": place["item_id"], "type": "message", "role": "assistant", "content": []}
    talk.hears(
        {"type": "response.created", "response": response},
        {"type": "response.output_item.added", **place, "item": answer},
        {"type": "response.content_part.added", **place, "part": PART},
        {**DELTA, **place},
        {"type": "response.output_audio.done", **place},
        {"type": "response.output_audio_transcript.done", **place, "transcript": "Hi."},
        {"type": "response.done", "response": {**response, "status": "completed"}},
    )


def function_call(talk):
    """The agent calls a function, the client answers, and the item goes into the conversation."""
    call_id = f"c{len(talk.link.sent)}"
    call = {"type": "function_call", "call_id": call_id, "name": "look", "arguments": "{}"}
    response = {"id": f"r{call_id}", "conversation_id": "c1", "output": []}
    place = {"response_id": response["id"], "item_id": f"i{call_id}", "output_index": 0}
    talk.hears(
        {"type": "response.created", "response": response},
        {"type": "response.output_item.added", **place, "item": {"id": place["item_id"], **call, "arguments": ""}},
        {**call, "type": "response.function_call_arguments.done", **place},
        {"type": "response.output_item.done", **place, "item": {"id": "i1", "status": "completed", **call}},
        {"type": "response.done", "response": {**response, "status": "completed"}},
    )
    talk.says({"type": "FunctionCallResponse", "id": call_id, "name": "look", "content": "hail"})
    item = {"object": "realtime.item", "status": "completed", **talk.sent()["item"]}
    talk.hears(*({"type": f"conversation.item.{what}", "item": item} for what in ("added", "done")))
    answer = {**response, "id": f"a{call_id}", "metadata": talk.sent()["response"]["metadata"]}
    talk.hears({"type": "response.created", "response": answer})
    talk.hears({"type": "response.done", "response": {**answer, "status": "completed"}})


def spoken_turn(talk):
    """The user speaks, and the agent answers."""
    number = len(talk.link.sent) + len(talk.client.sent)
    turn, response = f"u{number}", {"id": f"s{number}", "conversation_id": "c1", "output": []}
    item = {"id": turn, "type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": None}]}
    heard = {"type": "conversation.item.input_audio_transcription.completed", "item_id": turn, "transcript": "Hi."}
    talk.hears({"type": "input_audio_buffer.speech_started", "item_id": turn})
    talk.hears(
        {"type": "input_audio_buffer.speech_stopped", "item_id": turn},
        {"type": "input_audio_buffer.committed", "item_id": turn},
        *({"type": f"conversation.item.{what}", "item": item} for what in ("added", "done")),
        {"type": "response.created", "response": response},
        heard,
        {"type": "response.done", "response": {**response, "status": "completed"}},
    )


def begin_response(talk):
    talk.hears({"type": "response.created", "response": {"id": "r1", "output": []}}, DELTA, DELTA)


def update(talk):
    """The client changes its prompt while the agent speaks, which is in force behind the response."""
    talk.says({"type": "UpdatePrompt", "prompt": f"Rhyme {len(talk.link.sent)} times."})
    talk.hears({"type": "response.done", "response": {"id": "r1", "status": "completed", "output": []}})
    talk.is_updated()


@pytest.fixture
def readers():
    """Who reads the journal from the start: nobody."""
    return ()


@pytest.fixture
def dialect():
    """The dialect of the client."""
    return "component"


@pytest.fixture
def talk(monkeypatch, readers, dialect):
    counting = Counting()
    tell, tell_all = DispatchedInbox.tell, DispatchedInbox.tell_all

    def counted_tell(inbox, message):
        counting.cost.messages.append(type(message).__name__)
        tell(inbox, message)

    def counted_tell_all(inbox, messages):
        counting.cost.messages += [type(message).__name__ for message in messages]
        tell_all(inbox, messages)

    with monkeypatch.context() as patched:
        patched.setattr(DispatchedInbox, "tell", counted_tell)
        patched.setattr(DispatchedInbox, "tell_all", counted_tell_all)
        talk = Talk(counting, readers, dialect)
        yield talk
    talk.inbox.tell(End(1000, ""))
    counting.run()
    assert len(talk.sessions) == 0


@contextmanager
def counted(talk):
    """Count what the block costs; the collector would call what other tests have left."""
    talk.counting.cost = cost = Cost()
    gc.disable()
    try:
        yield cost
    finally:
        gc.enable()


def cost_of(talk, unit):
    """Return what the second of two such units costs; in the first some things are done for all to come."""
    unit(talk)
    with counted(talk) as cost:
        unit(talk)
    return cost


def test_a_turn_costs_few_messages_runs_and_calls_and_no_timer(talk):
    cost = cost_of(talk, turn)
    assert cost.messages == [
        "TextFrame",
        "UserMessageGiven",
        "SendItem",
        *("FromLink", "ToClient", "ItemConfirmed", "Answered", "SendCreate"),
        *("FromLink", "ResponseStarted", "ToClient", "ResponseFinished", "AnswersGiven"),
    ]
    assert (cost.runs, cost.timers) == (11, 0)
    assert cost.calls <= 306


def test_a_spoken_turn_costs_a_message_for_its_transcript(talk):
    cost = cost_of(talk, spoken_turn)
    assert cost.messages == [
        *("FromLink", "ToClient", "SpeechStarted"),
        *("FromLink", "ToClient", "SpeechStopped", "TurnCommitted", "ItemConfirmed", "ResponseStarted", "ToClient"),
        *("Transcribed", "ResponseFinished", "AnswersGiven"),
    ]
    assert cost.timers == 0
    assert cost.calls <= 293


def test_a_delta_costs_two_messages_and_runs(talk):
    begin_response(talk)
    cost = cost_of(talk, lambda talk: talk.hears(DELTA))
    assert cost.messages == ["FromLink", "ToClient"]
    assert (cost.runs, cost.timers) == (2, 0)
    assert cost.calls <= 23


def test_a_piece_of_text_before_a_delta_costs_no_message_and_few_calls(talk):
    begin_response(talk)
    cost = cost_of(talk, lambda talk: talk.hears(TEXT_DELTA, DELTA))
    assert cost.messages == ["FromLink", "ToClient"]
    assert (cost.runs, cost.timers) == (2, 0)
    assert cost.calls <= 34


def test_a_burst_of_deltas_costs_as_many_messages_and_runs_as_one(talk):
    begin_response(talk)
    cost = cost_of(talk, lambda talk: talk.hears(*[DELTA] * 20))
    assert cost.messages == ["FromLink", "ToClient"]
    assert (cost.runs, cost.timers) == (2, 0)
    assert cost.calls <= 62


def test_a_frame_of_the_users_costs_a_message_and_a_run(talk):
    cost = cost_of(talk, lambda talk: talk.says(bytes(960)))
    assert cost.messages == ["BinaryFrame"]
    assert (cost.runs, cost.timers) == (1, 0)
    assert cost.calls <= 15


def test_frames_of_the_users_that_come_at_once_cost_one_run_and_hardly_more_calls(talk):
    cost = cost_of(talk, lambda talk: talk.says(*[bytes(960)] * 8))
    assert cost.messages == ["BinaryFrame"] * 8
    assert (cost.runs, cost.timers) == (1, 0)
    assert cost.calls <= 15


def test_an_update_in_mid_response_costs_few_messages_and_no_timer(talk):
    begin_response(talk)
    update(talk)
    begin_response(talk)
    with counted(talk) as cost:
        update(talk)
    assert cost.messages == [
        *("TextFrame", "ConfigRequested"),
        *("FromLink", "ToClient", "ResponseFinished", "SendUpdate", "AnswersGiven"),
        *("FromLink", "ConfigAnswered", "Answered", "AnswersGiven"),
    ]
    assert (cost.runs, cost.timers) == (10, 0)
    assert cost.calls <= 242


def test_a_function_call_costs_few_messages_and_no_timer(talk):
    cost = cost_of(talk, function_call)
    assert cost.messages == [
        *("FromLink", "ResponseStarted", "ToClient", "FunctionCalled", "ToClient", "ResponseFinished", "AnswersGiven"),
        *("TextFrame", "FunctionAnswered", "SendItem"),
        *("FromLink", "ItemConfirmed", "Answered", "SendCreate"),
        *("FromLink", "ResponseStarted"),
        *("FromLink", "ResponseFinished", "AnswersGiven"),
    ]
    assert (cost.runs, cost.timers) == (15, 0)
    assert cost.calls <= 473


def begin_realtime_response(talk):
    talk.hears({"type": "response.created", "response": {"id": "r1", "output": []}})


@pytest.mark.parametrize("dialect", ["realtime"])
@pytest.mark.parametrize(
    ("before", "unit", "calls"),
    [
        pytest.param(None, realtime_turn, 401, id="turn"),
        pytest.param(None, lambda talk: talk.says(APPEND), 26, id="audio of the user's"),
        pytest.param(begin_realtime_response, lambda talk: talk.hears(DELTA), 19, id="delta"),
        pytest.param(begin_realtime_response, lambda talk: talk.hears(*[DELTA] * 20), 78, id="burst of deltas"),
    ],
)
def test_a_realtime_client_costs_no_call_for_who_does_not_look(talk, before, unit, calls):
    if before is not None:
        before(talk)
    cost = cost_of(talk, unit)
    assert (cost.told, cost.timers) == (0, 0)
    assert cost.calls <= calls


UNITS = {
    "turn": turn,
    "spoken turn": spoken_turn,
    "function call": function_call,
    "frame of the user's": lambda talk: talk.says(bytes(960)),
    "delta": lambda talk: talk.hears(DELTA),
    "burst of deltas": lambda talk: talk.hears(*[DELTA] * 20),
}


@pytest.mark.parametrize("unit", UNITS)
def test_the_journal_is_told_nothing_while_nobody_reads_it(talk, unit):
    if "delta" in unit:
        begin_response(talk)
    assert cost_of(talk, UNITS[unit]).told == 0


@pytest.mark.parametrize("readers", [(Reader(),)])
def test_a_reader_of_the_journal_is_what_costs_calls(talk):
    assert cost_of(talk, turn).told > 20


def test_a_session_costs_the_same_when_its_counts_were_read_and_when_nobody_watches_it_any_more(talk):
    (session_id,) = talk.journal.open
    end = talk.journal.watch(session_id, [].append)
    assert cost_of(talk, turn).told > 20
    end()
    assert talk.sessions.counts.snapshot()["turns"] == 2
    cost = cost_of(talk, turn)
    assert (cost.told, cost.calls <= 306) == (0, True)


@pytest.mark.parametrize("unit", [turn, function_call, lambda talk: talk.says(bytes(960))])
def test_what_is_small_and_goes_through_at_once_is_neither_charged_nor_searched(talk, unit):
    assert cost_of(talk, unit).guards == {}


def test_an_update_in_mid_response_is_neither_charged_nor_searched(talk):
    begin_response(talk)
    with counted(talk) as cost:
        update(talk)
    assert cost.guards == {}


def test_audio_of_the_agents_is_neither_charged_nor_searched(talk):
    begin_response(talk)
    assert cost_of(talk, lambda talk: talk.hears(*[DELTA] * 20)).guards == {}


def test_a_long_prompt_is_searched_once_and_charged_where_it_is_held(talk):
    begin_response(talk)
    with counted(talk) as cost:
        talk.says({"type": "UpdatePrompt", "prompt": "Rhyme. " * 5_000})
    assert cost.guards == {"JsonBounds.check": 1, "require_memory": 1, "Charge.set": 1, "ProcessBudget.charge": 1}


def test_an_error_of_upstreams_is_searched_for_credentials_once(talk):
    with counted(talk) as cost:
        talk.hears({"type": "error", "error": {"code": "x", "message": "No."}})
    assert cost.guards["with_safe_errors"] == 1


@pytest.mark.parametrize(
    ("way", "frame"), [("says", {"type": "KeepAlive"}), ("says", bytes(2)), ("hears", {"type": "rate_limits.updated"})]
)
def test_a_run_takes_as_many_frames_as_it_is_long_however_they_come(talk, way, frame):
    read = getattr(talk, way)
    read(frame)
    with counted(talk) as cost:
        read(*[frame] * 3 * RUN_LENGTH)
    assert cost.runs == 3
