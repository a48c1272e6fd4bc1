"""A host with the installed package, as its users write one: type-checked strictly, and run, where nothing else is."""

from __future__ import annotations

import json
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import websocket
from werkzeug.serving import make_server

import turnstile
from actors import ProxySystem, ScriptedSession, SessionHandle
from turnstile.config import load_config
from turnstile.embed import converse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TIMEOUT = 20.0


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is sunny in {city}."


def watch(session: SessionHandle, message: dict[str, Any]) -> None:
    """Change the prompt in mid-response."""
    if message["type"] == "AgentStartedSpeaking":
        session.update(prompt="Be brief.")


def answers_through(proxy: ProxySystem) -> str:
    """Serve a WSGI application, and ask its agent something as a client does."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return converse(proxy, environ, start_response, functions=[get_weather], tags=["user:1"], on_event=watch)

    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with closing(websocket.create_connection(f"ws://127.0.0.1:{server.port}/", timeout=TIMEOUT)) as client:
        client.send(json.dumps({"type": "Settings", "agent": {}}))
        client.send(json.dumps({"type": "InjectUserMessage", "content": "Hello."}))
        while True:
            frame = client.recv()
            message = json.loads(frame) if isinstance(frame, str) else {}
            if message.get("role") == "assistant":
                answer: str = message["content"]
                break
    server.shutdown()
    return answer


def main() -> None:
    """Hold a conversation in each way."""
    config = load_config(flags={"upstream.url": "simulator:"})
    with ProxySystem(config, listens=False) as proxy:
        if "Hello" not in answers_through(proxy):
            sys.exit("The embedded agent did not answer.")
    with ScriptedSession(timeout=TIMEOUT) as session:
        session.configure(prompt="Be brief.", functions=[get_weather])
        session.say("Hello")
        session.wait_for("AgentDone")
    if "flask" in sys.modules or "django" in sys.modules:
        sys.exit("A framework was imported that nobody uses.")
    sys.stdout.write(f"Turnstile {turnstile.__version__} answers an embedded client and a script.\n")


if __name__ == "__main__":
    main()
