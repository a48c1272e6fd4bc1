"""The public API as its users call it; checked by mypy, and never run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_type

import turnstile
from actors import ProxySystem, ScriptedSession, SessionHandle
from actors.messages import Snapshot
from turnstile.config import Config, load_config
from turnstile.embed import converse as answer
from turnstile.embed.flask import converse
from turnstile.embed.function_schema import host_function
from turnstile.translate.host_overrides import HostFunction, HostOverrides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    import flask


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return city


def a_process() -> None:
    """Run a proxy on a port."""
    config = load_config([Path("mine.toml")], {"server.port": "0"})
    assert_type(config, Config)
    with ProxySystem(config) as proxy:
        assert_type(proxy, ProxySystem)
        assert_type(proxy.address, tuple[str, int])
        assert_type(proxy.inspect(timeout=5), dict[str, Snapshot])
    assert_type(proxy.stop(), int)


def a_host(proxy: ProxySystem) -> flask.Response:
    """Hand a WebSocket over."""

    def watch(session: SessionHandle, message: dict[str, Any]) -> None:
        if message["type"] == "AgentStartedSpeaking":
            future: Future[None] = session.update(prompt="Be brief.", functions=[get_weather])
            assert_type(future.result(timeout=10), None)
            assert_type(session.say("Hello").result(timeout=10), None)
            assert_type(session.snapshot().held_updates, int)
            assert_type(session.snapshot().open_calls, tuple[str, ...])

    assert_type(host_function(get_weather), HostFunction)
    origins = ["https://app.example.com"]
    return converse(proxy, functions=[get_weather], tags=["user:1"], origins=origins, on_event=watch)


def any_host(proxy: ProxySystem, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request as a WSGI application."""
    assert_type(turnstile.__version__, str)
    return answer(proxy, environ, start_response, prompt="Be brief.", functions=[get_weather])


def a_script() -> None:
    """Drive a session."""
    with ScriptedSession(timeout=5) as session:
        assert_type(session, ScriptedSession)
        session.configure(prompt="Be brief.", functions=[get_weather, {"name": "look"}], voice="marin")
        session.say("Hello")
        session.send_audio(Path("question.wav"), silence=1.0)
        call = session.wait_for("FunctionCallRequest", timeout=3)
        assert_type(call, dict[str, Any])
        session.answer(call, {"sky": "blue"})
        session.update(prompt="Longer.", speed=1.1)
        messages: Iterator[dict[str, Any]] = session.events()
        assert_type(next(messages), dict[str, Any])
        assert_type(session.snapshot(), Snapshot)
        assert_type(session.audio, bytes)


def what_is_wrong(session: ScriptedSession, handle: SessionHandle) -> None:
    """Be refused by the type checker."""
    session.configure(prompt=3)  # type: ignore[arg-type]
    session.wait_for()  # type: ignore[call-arg]
    handle.announce("x", behavior="shout")  # type: ignore[arg-type]
    HostOverrides(prompt=None, functions="no")  # type: ignore[arg-type]
    answer(session, {}, print)  # type: ignore[arg-type]
