"""Sessions whose client is code in this process, decided by a host: the same actors, without a port."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from actors import ProxySystem, ScriptedSession
from turnstile.config import load_config
from turnstile.embed.feed import EventFeed
from turnstile.embed.function_schema import host_functions
from turnstile.errors import ConfigError, InternalError, SessionError
from turnstile.observability.memory_journal import MemoryJournal
from turnstile.protocol.frames import Closed, TextFrame
from turnstile.testing import RecordingInbox, patience
from turnstile.translate.host_overrides import HostOverrides


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is sunny in {city}."


@pytest.fixture
def make_proxy(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    proxies = []

    def make(journal=None, **flags):
        named = {name.replace("__", "."): value for name, value in flags.items()}
        config = load_config(flags={"upstream.url": "simulator:", **named})
        proxies.append(ProxySystem(config, listens=False, journal=journal))
        return proxies[-1]

    yield make
    for proxy in proxies:
        proxy.stop(patience())


@pytest.fixture
def proxy(make_proxy):
    return make_proxy()


class Client:
    """A client in memory."""

    def __init__(self, proxy, dialect="component", on_event=None, **decided):
        self.inbox = RecordingInbox()
        self.connection, self.session = proxy.connect(
            self.inbox, dialect, overrides=HostOverrides(**decided), on_event=on_event
        )
        self.feed = EventFeed()

    def say(self, kind, **fields):
        self.connection.send_text(json.dumps({"type": kind, **fields}).encode())
        self.connection.flush()

    def begins_a_story(self):
        """Configure the session, and have the agent speak for a while."""
        self.say("Settings", agent={})
        self.say("InjectUserMessage", content="Tell me a long story about a long journey.")
        self.hears("AgentStartedSpeaking")

    def hears(self, kind):
        return self.session.wait_for(kind, patience())


def test_a_host_is_warned_in_the_log_of_the_simulator_that_a_misspelt_key_leads_to(make_proxy, monkeypatch, caplog):
    monkeypatch.setenv("OPENAI_APIKEY", "sk-made-up")
    proxy = make_proxy(upstream__url="")
    for _ in range(2):
        proxy.connect(RecordingInbox())
    (line,) = [record.getMessage() for record in caplog.records if "simulator" in record.getMessage()]
    assert line.endswith("OPENAI_APIKEY is set, and is not read: did you mean OPENAI_API_KEY?")


def test_a_host_that_asks_for_the_simulator_is_not_warned(proxy, caplog):
    proxy.connect(RecordingInbox())
    assert not [record for record in caplog.records if "simulator" in record.getMessage()]


def test_what_the_host_decides_anew_is_in_force_when_its_future_is_done(proxy):
    client = Client(proxy, prompt="old")
    client.say("Settings", agent={})
    client.hears("SettingsApplied")
    client.session.update(prompt="new", voice="marin").result(patience())
    in_force = client.session.snapshot().state.in_force
    assert in_force["instructions"] == "new"
    assert in_force["audio"]["output"]["voice"] == "marin"


def test_what_is_decided_before_the_client_has_configured_anything_goes_with_its_settings(proxy):
    client = Client(proxy)
    client.session.update(prompt="new", functions=[get_weather]).result(patience())
    assert not client.session.snapshot().state.configured
    client.say("Settings", agent={"think": {"prompt": "the client's"}})
    client.hears("SettingsApplied")
    in_force = client.session.snapshot().state.in_force
    assert in_force["instructions"] == "new"
    assert [tool["name"] for tool in in_force["tools"]] == ["get_weather"]


def test_a_host_hears_why_what_it_decided_cannot_be(proxy):
    client = Client(proxy)
    client.say("Settings", agent={})
    client.say("InjectUserMessage", content="Hello")
    client.hears("AgentDone")
    with pytest.raises(SessionError, match="voice_locked: voice: 'ash' cannot replace"):
        client.session.update(voice="ash").result(patience())


def test_what_a_host_asks_for_is_checked_at_once(proxy):
    session = Client(proxy).session
    with pytest.raises(ConfigError, match="invalid_prompt"):
        session.update(prompt=5)
    for text in (5, "half \ud83d"):
        with pytest.raises(ConfigError, match="invalid_text"):
            session.announce(text)
    for text in (5, "half \ud83d", ""):
        with pytest.raises(ConfigError, match="invalid_text"):
            session.say(text)
    with pytest.raises(ConfigError, match="behavior: must be one of default, queue, interrupt"):
        session.announce("Hello", behavior="shout")


def test_a_host_may_stop_the_proxy_in_a_callback(proxy):
    stopped = threading.Event()

    def on_event(_, event):
        if event["type"] == "SettingsApplied":
            proxy.stop(patience())
            stopped.set()

    client = Client(proxy, on_event=on_event)
    client.say("Settings", agent={})
    assert stopped.wait(patience())
    assert client.inbox.wait_for(Closed).code == 1001


def test_what_a_host_has_asked_for_cannot_be_cancelled(proxy):
    client = Client(proxy)
    client.begins_a_story()
    future = client.session.update(prompt="new")
    assert not future.cancel()
    future.result(patience())
    assert client.session.snapshot().state.in_force["instructions"] == "new"


def test_a_callback_of_a_future_that_blocks_keeps_no_session_waiting(proxy):
    client, other = Client(proxy), Client(proxy)
    client.say("Settings", agent={})
    client.hears("SettingsApplied")
    blocked, go_on = threading.Event(), threading.Event()

    def block(_):
        blocked.set()
        go_on.wait(patience())

    client.session.update(prompt="new").add_done_callback(block)
    assert blocked.wait(patience())
    other.say("Settings", agent={})
    other.hears("SettingsApplied")
    go_on.set()


def test_a_callback_is_called_although_the_proxy_has_stopped(proxy):
    client = Client(proxy)
    proxy.stop(patience())
    heard = threading.Event()
    future = client.session.update(prompt="new")
    future.add_done_callback(lambda _: heard.set())
    assert heard.wait(patience())
    assert isinstance(future.exception(), SessionError)


def test_an_update_that_comes_in_mid_response_is_held_and_the_client_is_told_nothing_of_it(proxy):
    client = Client(proxy)
    client.begins_a_story()
    future = client.session.update(prompt="new")
    snapshot = client.session.snapshot()
    assert (snapshot.phase, snapshot.held_updates, snapshot.held) == ("in progress", 1, 1)
    future.result(patience())
    told = [message["type"] for message in client.session.feed.kept()]
    assert "PromptUpdated" not in told


def test_a_host_says_something_in_the_users_place(proxy):
    client = Client(proxy)
    client.say("Settings", agent={})
    client.session.say("What is two and two?").result(patience())
    assert client.session.wait_for("ConversationText", patience(), role="user", content="What is two and two?")
    assert client.session.wait_for("ConversationText", patience(), role="assistant")


def test_an_announcement_interrupts_the_response_of_a_realtime_client(proxy):
    client = Client(proxy, "realtime")
    client.hears("session.created")
    content = [{"type": "input_text", "text": "Tell me a long story about a long journey."}]
    client.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    client.say("response.create")
    client.hears("response.created")
    client.session.announce("We close in five minutes.", behavior="interrupt").result(patience())
    assert client.hears("response.done")["response"]["status"] == "cancelled"
    assert client.hears("response.done")["response"]["status"] == "completed"


def test_an_announcement_is_said_when_it_is_its_turn(proxy):
    client = Client(proxy)
    client.say("Settings", agent={})
    client.say("InjectUserMessage", content="Hello")
    client.hears("AgentStartedSpeaking")
    client.session.announce("We close in five minutes.").result(patience())
    assert client.session.wait_for(
        "ConversationText", patience(), role="assistant", content="We close in five minutes."
    )


def test_an_announcement_that_is_refused_is_told_the_host_and_not_the_client(proxy):
    client = Client(proxy)
    client.begins_a_story()
    with pytest.raises(SessionError, match="injection_refused"):
        client.session.announce("Not now.", behavior="default").result(patience())
    assert "InjectionRefused" not in [message["type"] for message in client.session.feed.kept()]


def test_labels_of_the_hosts_are_on_every_response(make_proxy):
    journal = MemoryJournal(lambda: 0.0)
    proxy = make_proxy(journal)
    client = Client(proxy, labels={"tags": "user:ada"})
    client.say("Settings", tags=["the client's"], agent={})
    client.say("InjectUserMessage", content="Hello")
    client.hears("AgentDone")
    (create,) = [json.loads(entry.detail) for entry in journal.entries() if entry.kind == "response.create"]
    assert create["response"]["metadata"]["tags"] == "user:ada"


def test_a_client_of_the_realtime_api_gets_what_the_host_decides_and_its_functions(proxy):
    client = Client(proxy, "realtime", prompt="the host's", functions=host_functions([get_weather]))
    client.hears("session.created")
    client.say("session.update", session={"type": "realtime", "instructions": "mine", "output_modalities": ["text"]})
    session = client.hears("session.updated")["session"]
    assert session["instructions"] == "the host's"
    assert [tool["name"] for tool in session["tools"]] == ["get_weather"]
    item = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "What is the weather in Rome?"}],
    }
    client.say("conversation.item.create", item=item)
    client.say("response.create")
    client.hears("response.done")
    client.hears("response.created")
    client.hears("response.created")
    assert "It is sunny in Rome." in client.hears("response.output_text.done")["text"]
    future = client.session.update(prompt="newer")
    future.result(patience())
    client.say("session.update", session={"type": "realtime", "instructions": "mine"})
    assert client.hears("session.updated")["session"]["instructions"] == "newer"


SESSION = {
    "type": "realtime",
    "instructions": "Rhyme.",
    "tools": [],
    "max_output_tokens": 300,
    "audio": {"input": {"format": {"type": "audio/pcmu"}, "turn_detection": None}, "output": {"voice": "marin"}},
}


def test_a_client_of_the_realtime_api_cannot_change_an_enforced_session(proxy):
    client = Client(proxy, "realtime", session=SESSION)
    client.hears("session.created")
    detection = {"type": "server_vad"}
    wider = {
        "type": "realtime",
        "instructions": "mine",
        "tools": [{"type": "function", "name": "mine", "parameters": {}}],
        "max_output_tokens": "inf",
        "audio": {
            "input": {"format": {"type": "audio/pcm", "rate": 24_000}, "turn_detection": detection},
            "output": {"voice": "ash", "speed": 1.2},
        },
    }
    client.say("session.update", session=wider)
    session = client.hears("session.updated")["session"]
    assert {name: session[name] for name in SESSION if name != "audio"} == {
        name: value for name, value in SESSION.items() if name != "audio"
    }
    assert session["audio"]["input"]["format"] == {"type": "audio/pcmu"}
    assert session["audio"]["input"]["turn_detection"] is None
    assert (session["audio"]["output"]["voice"], session["audio"]["output"]["speed"]) == ("marin", 1.2)
    response = {name: wider[name] for name in ("instructions", "tools", "max_output_tokens")}
    client.say("response.create", response={**response, "audio": {"output": {"voice": "ash"}}})
    done = client.hears("response.done")["response"]
    assert (done["max_output_tokens"], done["audio"]["output"]["voice"]) == (300, "marin")


def test_a_session_ends_with_the_reason_when_upstream_refuses_what_is_enforced(proxy):
    client = Client(proxy, "realtime", session={"no_such_field": 1})
    assert "no_such_field" in client.hears("error")["error"]["message"]
    assert client.inbox.wait_for(Closed, patience()).code == 1008


def test_a_voice_agent_client_keeps_its_audio_format_where_upstreams_is_enforced(proxy):
    client = Client(proxy, session=SESSION)
    client.say(
        "Settings",
        audio={"output": {"encoding": "linear16", "sample_rate": 48_000}},
        agent={"think": {"prompt": "mine"}},
    )
    client.hears("SettingsApplied")
    in_force = client.session.snapshot().state.in_force
    assert in_force["audio"]["input"]["format"] == {"type": "audio/pcmu"}
    assert (in_force["instructions"], in_force["audio"]["input"]["turn_detection"]) == ("Rhyme.", None)
    client.say("UpdateListen", listen={"provider": {"model": "whisper-1"}})
    client.hears("ListenUpdated")
    assert client.session.snapshot().state.in_force["instructions"] == "Rhyme."


def test_events_come_to_the_host_in_order_on_a_thread_that_may_block(proxy):
    told, done, threads = [], threading.Event(), set()

    def on_event(session, event):
        threads.add(threading.current_thread().name)
        told.append(event["type"])
        if event["type"] == "SettingsApplied":
            session.update(prompt="newer").result(patience())
        if event["type"] == "AgentDone":
            done.set()

    client = Client(proxy, on_event=on_event)
    client.say("Settings", agent={})
    client.say("InjectUserMessage", content="Hello")
    assert done.wait(patience())
    assert told == [message["type"] for message in client.session.feed.kept()][: len(told)]
    assert threads
    assert all(name.startswith("turnstile-host-events") for name in threads)


def test_the_agents_voice_is_left_out_of_what_a_host_is_told(proxy):
    told, done = [], threading.Event()

    def on_event(_, event):
        told.append(event["type"])
        if event["type"] == "response.done":
            done.set()

    client = Client(proxy, "realtime", on_event=on_event)
    client.hears("session.created")
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}
    client.say("conversation.item.create", item=item)
    client.say("response.create")
    assert done.wait(patience())
    assert "response.output_audio.done" in told
    assert "response.output_audio.delta" not in told
    assert "response.output_audio.delta" not in [event["type"] for event in client.session.feed.kept()]
    assert client.inbox.wait_for(lambda frame: b"response.output_audio.delta" in frame.data)


def test_events_end_with_the_session(proxy):
    client = Client(proxy)
    client.say("Settings", agent={})
    client.hears("SettingsApplied")
    client.session.end(1000, "enough")
    assert [event["type"] for event in client.session.events(patience())] == ["SettingsApplied"]
    assert client.inbox.wait_for(Closed) == Closed(1000, "enough")


def test_a_session_that_has_ended_takes_nothing_more(proxy):
    client = Client(proxy)
    client.say("Settings", agent={})
    client.hears("SettingsApplied")
    waiting = client.session.requests.add()[1]
    client.session.end()
    assert client.session.wait(patience())
    assert client.session.has_ended
    for future in (waiting, client.session.update(prompt="late"), client.session.announce("late")):
        with pytest.raises(SessionError, match="session_ended"):
            future.result(patience())
    with pytest.raises(SessionError, match="session_ended"):
        client.session.snapshot(patience())
    assert repr(client.session) == f"<SessionHandle {client.session.session_id} ended>"


def test_a_client_in_memory_that_closes_ends_its_session(proxy):
    client = Client(proxy)
    assert repr(client.session) == f"<SessionHandle {client.session.session_id}>"
    client.connection.close(1000)
    assert client.session.wait(patience())
    assert proxy.sessions == 0


def test_a_session_beyond_those_that_may_be_open_is_refused(make_proxy):
    proxy = make_proxy(server__max_sessions="1")
    Client(proxy)
    with pytest.raises(SessionError, match="no_place: Too many sessions"):
        Client(proxy)


def test_no_session_begins_once_the_proxy_has_stopped(proxy):
    Client(proxy)
    proxy.stop(patience())
    with pytest.raises(SessionError, match="shutting down"):
        Client(proxy)


def test_a_proxy_without_a_port_has_no_address(proxy):
    with pytest.raises(ConfigError, match="listens on no port"):
        _ = proxy.address


def test_nothing_is_started_before_the_first_session(make_proxy):
    before = set(threading.enumerate())
    proxy = make_proxy()
    assert set(threading.enumerate()) <= before  # one of a peer of an earlier test may have ended
    Client(proxy)
    assert set(threading.enumerate()) - before


def test_a_proxy_that_was_started_before_a_fork_says_so_in_the_child(proxy, monkeypatch):
    proxy.start()
    proxy.start()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(InternalError, match="started before this process was forked"):
        Client(proxy)
    monkeypatch.undo()


def test_a_forked_child_exits_at_once_and_its_parents_session_goes_on():
    # Sessions have longer to end than the test waits, so that a child which waits for its parent's is found out.
    program = """
import os, sys
from actors import ProxySystem, ScriptedSession
from turnstile.config import load_config

config = load_config(flags={"upstream.url": "simulator:", "server.drain_timeout": sys.argv[1]})
session = ScriptedSession(proxy=ProxySystem(config, listens=False), timeout=float(sys.argv[1]))
session.configure(text_only=True)
child = os.fork()
if child == 0:
    sys.exit()
print("child", os.waitpid(child, 0)[1])
session.say("Hello")
print("agent", session.wait_for("AgentDone")["type"])
session.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(patience(60))],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=patience(),
    )
    assert (done.returncode, done.stdout) == (0, "child 0\nagent AgentDone\n"), done.stderr


def test_a_client_in_memory_that_does_not_read_is_cut_off(make_proxy):
    proxy = make_proxy(limits__client_unread_bytes="20000")
    client = Client(proxy)
    client.connection.pause_reading()
    client.say("Settings", agent={})
    client.say("InjectUserMessage", content="Tell me a long story about a long journey.")
    assert client.inbox.wait_for(Closed).code == 1008


def test_a_function_that_takes_long_holds_up_no_other_session(proxy):
    may_go = threading.Event()

    def wait_for_it() -> str:
        """Wait."""
        may_go.wait(patience())
        return "done waiting"

    slow = Client(proxy, functions=host_functions([wait_for_it]))
    slow.say("Settings", agent={})
    slow.say("InjectUserMessage", content="Please call wait_for_it")
    slow.hears("FunctionCallRequest")
    with ScriptedSession(proxy=proxy, timeout=patience()) as quick:
        quick.configure(text_only=True)
        quick.say("Hello")
        quick.wait_for("AgentDone")
    may_go.set()
    slow.hears("FunctionCallResponse")
    assert isinstance(slow.inbox.messages[0], TextFrame)


def test_a_handle_of_a_session_knows_its_id_as_the_journal_does(proxy):
    client = Client(proxy)
    assert list(proxy.inspect(patience())) == [client.session.session_id]


def test_a_proxy_that_was_stopped_before_it_began_takes_nobody_and_does_not_start(proxy):
    proxy.stop()
    with pytest.raises(SessionError, match="no_place: The proxy is shutting down"):
        Client(proxy)
    with pytest.raises(InternalError, match=r"stopped: .* create another one"):
        proxy.start()


def test_a_host_gives_new_sessions_other_limits_and_open_ones_stay(make_proxy):
    proxy = make_proxy(server__max_sessions="1")
    old = Client(proxy)
    proxy.reload(load_config(flags={"upstream.url": "simulator:", "server.max_sessions": "2"}))
    for client in (old, Client(proxy)):
        client.say("Settings", agent={})
        client.hears("SettingsApplied")
    with pytest.raises(SessionError, match="no_place: Too many sessions"):
        Client(proxy)


def test_a_host_is_told_which_settings_need_a_restart(make_proxy, caplog):
    proxy = make_proxy()
    proxy.reload(load_config(flags={"upstream.url": "simulator:", "upstream.model": "other"}))
    assert "These settings have changed, and need a restart: upstream.model" in caplog.messages


def test_a_setting_that_is_read_anew_by_its_old_name_is_warned_of_and_is_in_effect(proxy, caplog):
    proxy.reload(load_config(flags={"upstream.url": "simulator:", "upstream.reconnects": "0"}))
    assert proxy.config.upstream.reconnect_for == 0
    assert [record.getMessage() for record in caplog.records if "upstream.reconnects (from" in record.getMessage()]
