"""A shop whose assistant knows the orders of the customer who is logged in, and of nobody else.

Run it in this folder::

    gunicorn -k gthread --threads 8 app:app

and open http://127.0.0.1:8000 as ``ada`` (password ``lovelace``) or ``grace`` (``hopper``). Without a key the agent is
a simulator, which calls the functions too. With `OPENAI_API_KEY` it is OpenAI's.
"""

from __future__ import annotations

import os
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Flask, abort, redirect, render_template, request, session, url_for

from actors import ProxySystem
from shop import Shop, functions_for
from turnstile.config import load_config
from turnstile.embed.flask import converse

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

PROMPT = """You are the assistant of a small shop for tea things. The customer's name is {name}. Answer in one or two
sentences. Look orders and stock up with your functions, and say so if something is not there: never guess."""

app = Flask(__name__)
# Without a key of your own every worker, and every start, has another one, and customers have to log in again.
# Where the shop is served over https://, add SESSION_COOKIE_SECURE=True.
app.config.update(SECRET_KEY=os.environ.get("SHOP_SECRET_KEY") or secrets.token_hex(), SESSION_COOKIE_SAMESITE="Lax")
shop = Shop()
proxy = ProxySystem(load_config(), listens=False)  # opens no port, and starts with the first conversation


@app.get("/")
def show_shop() -> str | AnyResponse:
    """Show the products, and the assistant beside them."""
    if "customer" not in session:
        return redirect(url_for("show_login"))
    return render_template("shop.html", customer=session["customer"], stock=shop.stock)


@app.get("/login")
def show_login() -> str:
    """Show the login form."""
    return render_template("login.html", is_refused=False)


@app.post("/login")
def log_in() -> tuple[str, int] | AnyResponse:
    """Remember the customer in the session cookie, which a page cannot read and a foreign site's form does not send."""
    customer = request.form.get("customer", "")
    if not shop.knows(customer, request.form.get("password", "")):
        return render_template("login.html", is_refused=True), HTTPStatus.UNAUTHORIZED
    session["customer"] = customer
    return redirect(url_for("show_shop"))


@app.post("/logout")
def log_out() -> AnyResponse:
    """Forget the customer."""
    session.clear()
    return redirect(url_for("show_login"))


@app.route("/assistant", websocket=True)
def talk_to_assistant() -> Response:
    """Hand the WebSocket to the proxy: the conversation goes on there, and this thread is free again.

    A page of another web site is answered 403: its request would have the customer's cookie.
    """
    customer = session.get("customer")
    if customer is None:
        abort(HTTPStatus.UNAUTHORIZED)
    prompt = PROMPT.format(name=customer.title())
    return converse(proxy, prompt=prompt, functions=functions_for(shop, customer), tags=[f"customer:{customer}"])


@app.after_request
def allow_own_files_only(response: Response) -> Response:
    """Let pages load nothing from elsewhere, and nobody frame them."""
    response.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'"
    return response
