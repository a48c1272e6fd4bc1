"""An agent whose prompt its backend changes while it speaks, in two ways: ``python changing_prompt.py`` plays both.

A customer is on the phone about a bill. That the bill is paid arrives at the host, which has the session's handle
(`make_host`). A supervisor's note comes from another program, which has the address and the token of the ops listener
(`add_note`). Either may come in the middle of an answer: the gate holds it until that is over, and it is in force for
the next one.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
from contextlib import closing, contextmanager
from hmac import compare_digest
from http import HTTPStatus
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

from flask import Flask, request
from werkzeug.serving import make_server

from actors import ProxySystem, ScriptedSession
from actors.ops_listener import start_ops
from turnstile.config import load_config
from turnstile.embed.flask import SessionResponse, converse
from turnstile.errors import ConfigError, SessionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Response

    from actors import SessionHandle

    Address = tuple[str, int]
    Answer = tuple[dict[str, Any], HTTPStatus]

PROMPT = "Collect the bill."
PROMPT_WHEN_PAID = "It is paid: say thanks."
NOTE = "Offer a discount."

# Seconds until a change is in force: as long as the agent may speak before.
PATIENCE = 30.0


class Calls:
    """The session of each customer who is on the phone."""

    def __init__(self) -> None:
        self._sessions: dict[str, SessionHandle] = {}
        self._lock = threading.Lock()

    def begin(self, customer: str, session: SessionHandle) -> None:
        """Keep the session of a call that begins, and forget those that have ended."""
        with self._lock:
            self._sessions = {name: other for name, other in self._sessions.items() if not other.has_ended}
            self._sessions[customer] = session

    def of(self, customer: str) -> SessionHandle | None:
        """Return the session of a customer's call, or None."""
        with self._lock:
            session = self._sessions.get(customer)
        return None if session is None or session.has_ended else session


def make_host(proxy: ProxySystem, payment_token: str) -> Flask:
    """Return the application that takes calls, and hears of payments.

    Args:
        proxy: Runs the sessions.
        payment_token: What the payment service proves itself by.
    """
    app = Flask(__name__)
    calls = Calls()

    @app.route("/calls/<customer>", websocket=True)
    def take_call(customer: str) -> Response:
        """Hand the call to the agent. Who the customer is, a login should say, as in the shop assistant."""
        response = converse(proxy, prompt=PROMPT)
        if isinstance(response, SessionResponse):
            calls.begin(customer, response.session)
        return response

    @app.post("/payments/<customer>")
    def hear_of_payment(customer: str) -> Answer:
        """Change the prompt of the customer's call, and answer when it is in force."""
        if not compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {payment_token}".encode()):
            return refusal("This is for the payment service.", HTTPStatus.UNAUTHORIZED)
        session = calls.of(customer)
        if session is None:
            return refusal(f"{customer} is not on the phone.", HTTPStatus.NOT_FOUND)
        try:
            session.update(prompt=PROMPT_WHEN_PAID).result(PATIENCE)
        except SessionError as error:
            return refusal(error.problem.description, HTTPStatus.CONFLICT)
        except TimeoutError:
            return refusal("Not yet in force: it comes when the agent is silent.", HTTPStatus.GATEWAY_TIMEOUT)
        return {"in_force": True}, HTTPStatus.OK

    return app


def refusal(words: str, status: HTTPStatus) -> Answer:
    """Return an error as the ops listener words it."""
    return {"error": {"message": words}}, status


def ask(address: Address, token: str, method: str, path: str, message: dict[str, Any] | None = None) -> Any:
    """Send a request with a token, and return the JSON of the answer.

    Raises:
        RuntimeError: It is refused; says why.
    """
    fields = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with closing(HTTPConnection(*address, timeout=PATIENCE + 5)) as connection:
        connection.request(method, path, None if message is None else json.dumps(message), fields)
        response = connection.getresponse()
        if response.getheader("Content-Type") != "application/json":
            raise RuntimeError(f"{response.status} {response.reason}")  # of a server in between, or of another path
        answer = json.load(response)
    if response.status != HTTPStatus.OK:
        raise RuntimeError(answer["error"]["message"])
    return answer


def add_note(ops: Address, token: str, session_id: str, note: str) -> None:
    """Add a note to the prompt of a session of any proxy, by its ops listener; return when it is in force."""
    ask(ops, token, "POST", f"/sessions/{session_id}/messages", {"type": "UpdatePrompt", "prompt": note})


@contextmanager
def serving(app: Flask) -> Iterator[Address]:
    """Serve an application in this process, for want of gunicorn; gives its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.host, server.port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def main(ops_port: str = "8082") -> None:
    """Play a call in which both changes come while the agent speaks.

    Args:
        ops_port: Where the ops listener listens; `turnstile serve` has its own on 8081.
    """
    token = secrets.token_hex()
    config = load_config(flags={"ops.port": ops_port, "ops.token": token})
    with (
        ProxySystem(config, listens=False) as proxy,
        start_ops(config, proxy.view, proxy.is_alive) as ops,
        serving(make_host(proxy, token)) as (host, port),
        ScriptedSession(f"ws://{host}:{port}/calls/ada") as caller,
    ):
        if ops.address is None:
            sys.exit("The ops listener is off: give it another port than 0.")
        caller.configure()
        caller.say("Hello, what is this about?")
        caller.wait_for("AgentStartedSpeaking")
        ask((host, port), token, "POST", "/payments/ada")
        print(caller.wait_for("ConversationText", role="assistant")["content"])

        caller.say("I have just paid.")
        caller.wait_for("AgentStartedSpeaking")
        (session,) = ask(ops.address, token, "GET", "/sessions")["sessions"]
        add_note(ops.address, token, session["id"], NOTE)
        print(caller.wait_for("ConversationText", role="assistant")["content"])

        caller.say("Is there anything else?")
        print(caller.wait_for("ConversationText", role="assistant")["content"])


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except ConfigError as error:
        sys.exit(str(error))
