"""Scripted sessions: in memory against the simulator, and over a socket against a running proxy."""

from __future__ import annotations

import threading
import wave

import numpy as np
import pytest

from actors import ProxySystem, ScriptedSession
from turnstile.config import SIMULATOR, load_config
from turnstile.errors import ConfigError, SessionError
from turnstile.simulator.scenario import Call, Expect, Reply, Scenario, Step
from turnstile.testing import patience

pytest_plugins = ["turnstile.testing.fixtures"]


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny in {city}"


@pytest.fixture(params=["in memory", "over a socket"])
def session(request, proxy, scripted_session):
    """Make one script's session, either way."""
    return scripted_session() if request.param == "in memory" else scripted_session(proxy.url())


def test_a_conversation_with_a_call_and_updates_in_mid_response(session):
    session.configure(prompt="Be a guide.", functions=[get_weather], voice="marin", greeting="Welcome.")
    assert session.wait_for("ConversationText")["content"] == "Welcome."
    session.say("What is the weather in London?")
    call = session.wait_for("FunctionCallRequest")
    session.answer(call, {"sky": "blue"})
    session.wait_for("AgentStartedSpeaking")
    session.update(prompt="Be brief.", speed=1.1, listen={"provider": {"type": "deepgram", "language": "pt"}})
    for kind in ("PromptUpdated", "SpeakUpdated", "ListenUpdated"):
        session.wait_for(kind)
    assert '{"sky":"blue"}' in session.wait_for("ConversationText", role="assistant")["content"]
    session.update(think={"prompt": "Another guide."})
    session.wait_for("ThinkUpdated")
    assert len(session.audio) > 10_000
    assert [event["type"] for event in session.events() if event["type"] == "SettingsApplied" or session.close()] == [
        "SettingsApplied"
    ]


def test_a_script_sees_what_is_held_and_which_calls_are_open(scripted_session):
    session = scripted_session()
    session.configure(functions=[{"name": "get_weather", "parameters": {"type": "object"}}])
    session.say("What is the weather?")
    call = session.wait_for("FunctionCallRequest")["functions"][0]
    assert session.snapshot().open_calls == (call["id"],)
    session.answer(call, "sunny")
    session.wait_for("AgentStartedSpeaking")
    session.update(prompt="Be brief.")
    assert (session.snapshot().held_updates, session.snapshot().open_calls) == (1, ())
    session.wait_for("PromptUpdated")
    assert session.snapshot().held_updates == 0


def test_what_is_said_aloud_is_heard(session):
    session.configure(sample_rate=8_000)
    tone = np.sin(np.arange(8_000) * 0.3) * 8_000
    session.send_audio(bytearray(tone.astype("<i2").tobytes()))
    session.wait_for("UserStartedSpeaking")
    session.wait_for("ConversationText", role="user")
    session.wait_for("AgentDone")


def write_wav(path, channels=1, width=2, rate=44_100):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        tone = (np.sin(np.arange(rate) * 0.05) * 8_000).astype("<i2")
        file.writeframes(np.repeat(tone, channels).tobytes())
    return path


def test_a_wav_file_of_any_rate_is_heard(scripted_session, tmp_path):
    session = scripted_session(scenario=Scenario(transcripts=("good morning",)))
    session.configure()
    session.send_audio(str(write_wav(tmp_path / "said.wav")))
    assert session.wait_for("ConversationText", role="user")["content"] == "good morning"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: write_wav(path, channels=2), "2 channels of 16 bits"),
        (lambda path: write_wav(path, width=1), "1 channels of 8 bits"),
        (lambda path: path.write_bytes(b"RIFF"), "ends too soon"),
        (lambda path: path.write_bytes(b"no sound at all, nor a header"), "no WAV file of PCM"),
    ],
)
def test_a_file_that_cannot_be_said_is_refused_in_words(scripted_session, tmp_path, make, words):
    path = tmp_path / "bad.wav"
    make(path)
    with pytest.raises(ConfigError, match=words):
        scripted_session().send_audio(path)


def test_a_scenario_answers_as_the_test_wants(scripted_session):
    scenario = Scenario(steps=(Step(Expect(contains="two"), Reply(None, calls=(Call("a"), Call("b")))),))
    session = scripted_session(scenario=scenario)
    session.configure(functions=[{"name": "a"}, {"name": "b"}], text_only=True)
    session.say("two, please")
    first = session.wait_for("FunctionCallRequest")
    second = session.wait_for("FunctionCallRequest")
    both = {"functions": [*first["functions"], *second["functions"]]}
    with pytest.raises(ConfigError, match="asks for 2 functions"):
        session.answer(both, "x")


def test_what_is_no_call_is_not_answered(session):
    with pytest.raises(ConfigError, match="call: is no function call"):
        session.answer({"type": "FunctionCallRequest"}, "x")


def test_a_wait_that_is_over_says_what_was_waited_for_and_what_had_come(session):
    session.configure()
    session.send("Nonsense")
    session.wait_for("Error")
    words = r"Waited 0 s for Nothing; what had come: SettingsApplied, Error \(unknown_message_type\)\."
    with pytest.raises(TimeoutError, match=words):
        session.wait_for("Nothing", timeout=0)


def test_a_session_that_is_closed_says_so(session):
    session.close()
    with pytest.raises(
        SessionError, match="session_ended: Waited for SettingsApplied or Error; the session was closed: 1000"
    ):
        session.configure()
    assert repr(session) == "<ScriptedSession the session was closed: 1000>"
    session.close()


def test_only_the_proxys_own_process_knows_where_a_session_stands(proxy, scripted_session):
    with pytest.raises(SessionError, match="not_here"):
        scripted_session(proxy.url()).snapshot()


def test_a_proxy_that_cannot_be_reached_is_said_with_its_address():
    with pytest.raises(SessionError, match=r"unreachable: ws://127\.0\.0\.1:1/openai: "):
        ScriptedSession("ws://127.0.0.1:1/openai", timeout=patience())


def test_one_proxy_serves_many_scripts():
    config = load_config(flags={"upstream.url": SIMULATOR})
    with ProxySystem(config, listens=False) as proxy:
        with ScriptedSession(proxy=proxy) as one, ScriptedSession(proxy=proxy) as other:
            assert repr(one) == "<ScriptedSession open>"
            one.configure(prompt="One.")
            other.configure(prompt="Other.")
            assert proxy.sessions == 2
        assert proxy.sessions == 0


def test_sources_that_contradict_each_other_are_refused():
    with pytest.raises(ConfigError, match="give one of them"):
        ScriptedSession("ws://127.0.0.1:1/", scenario=Scenario())


def test_settings_that_are_refused_say_why_at_once():
    with ScriptedSession(timeout=patience()) as session, pytest.raises(SessionError, match=r"agent\.greeting"):
        session.configure(greeting=5)


def test_an_error_from_before_does_not_count_as_a_refusal():
    with ScriptedSession(timeout=patience()) as session:
        session.send("NoSuchMessage")
        assert next(session.events())["type"] == "Error"
        session.configure()


def test_a_snapshot_that_does_not_come_in_time_says_what_was_waited_for():
    config = load_config(flags={"upstream.url": SIMULATOR})
    busy, may_go_on = threading.Event(), threading.Event()

    def keep_busy():
        busy.set()
        may_go_on.wait(patience())

    with ProxySystem(config, listens=False) as proxy, ScriptedSession(proxy=proxy, timeout=0.01) as session:
        proxy._parts.loop.call_soon(keep_busy)
        assert busy.wait(patience())
        with pytest.raises(TimeoutError, match=r"Waited 0\.01 s for where the session stands"):
            session.snapshot()
        may_go_on.set()


def test_what_is_no_function_is_not_declared():
    with ScriptedSession(timeout=patience()) as session, pytest.raises(ConfigError, match="5 cannot be called"):
        session.configure(functions=[5])
