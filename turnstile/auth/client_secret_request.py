"""The body of a request for a browser token, in the shape of OpenAI's client secrets (reference of client secrets)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from turnstile.errors import ClientProtocolError, Problem, TurnstileError
from turnstile.protocol import jsontext

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.protocol.json_bounds import JsonBounds

Json = dict[str, Any]

_DEFAULT_SECONDS: Final = 600
_SECONDS: Final = range(10, 7_200 + 1)
_ANCHOR: Final = "created_at"
# Characters of a name that an error repeats.
_SHOWN: Final = 64


class InvalidRequest(TurnstileError):  # noqa: N818 - as the API calls it
    """The request cannot be answered as it is.

    Args:
        code: As of `Problem`.
        description: As of `Problem`.
        param: As of `Problem`.
    """

    def __init__(self, code: str, description: str, param: str | None = None) -> None:
        super().__init__(code, description)
        self.problem = Problem(code, description, param)


@dataclass(frozen=True, slots=True)
class ClientSecretRequest:
    """What is asked for.

    Args:
        seconds: How long the token is to be valid.
        session: The partial session of its clients, with its type; whether it can be enforced is not checked.
    """

    seconds: int
    session: Json


def parse_client_secret_request(
    body: bytes, bounds: JsonBounds, serves_model: Callable[[str], bool]
) -> ClientSecretRequest:
    """Parse the body of a request; an empty one asks for a token with all defaults.

    Args:
        body: JSON.
        bounds: Those of its values.
        serves_model: Returns whether clients may choose a model, given its name.

    Raises:
        InvalidRequest: It is not valid; names the field and the fix.
    """
    asked = _parsed(body or b"{}", bounds)
    _require_known(asked, {"expires_after", "session"}, "")
    session = {"type": "realtime", **_object(asked, "session")}
    model = session.get("model")
    if isinstance(model, str) and not serves_model(model):
        raise InvalidRequest("invalid_value", f"session.model: {model[:_SHOWN]!r} is not served here.", "session.model")
    return ClientSecretRequest(_seconds(_object(asked, "expires_after")), session)


def _parsed(body: bytes, bounds: JsonBounds) -> Json:
    try:
        bounds.check(body)
        asked = jsontext.loads(body)
    except ClientProtocolError as error:
        raise InvalidRequest(error.problem.code, error.problem.description) from None
    except ValueError:
        raise InvalidRequest("invalid_json", "The request's body is not valid JSON.") from None
    if not isinstance(asked, dict):
        raise InvalidRequest("invalid_type", "The request's body must be a JSON object.")
    return asked


def _object(asked: Json, name: str) -> Json:
    given = asked.get(name)
    if given is not None and not isinstance(given, dict):
        raise InvalidRequest("invalid_type", f"Invalid type for '{name}': expected an object.", name)
    return given or {}


def _require_known(given: Json, known: set[str], where: str) -> None:
    for name in sorted(given.keys() - known):
        path = f"{where}{name[:_SHOWN]}"
        raise InvalidRequest("unknown_parameter", f"Unknown parameter: '{path}'.", path)


def _seconds(expiry: Json) -> int:
    _require_known(expiry, {"anchor", "seconds"}, "expires_after.")
    if expiry.get("anchor", _ANCHOR) != _ANCHOR:
        path = "expires_after.anchor"
        raise InvalidRequest("invalid_value", f"Invalid value for '{path}': use '{_ANCHOR}'.", path)
    seconds = expiry.get("seconds", _DEFAULT_SECONDS)
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds not in _SECONDS:
        path = "expires_after.seconds"
        words = f"Invalid value for '{path}': use a whole number from {_SECONDS[0]} to {_SECONDS[-1]}."
        raise InvalidRequest("invalid_value", words, path)
    return seconds
