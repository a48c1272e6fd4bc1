"""Sessions in the state that a test wants, and what of their effects it looks at."""

from __future__ import annotations

from turnstile.session import effects as out
from turnstile.session.client_requests import ConfigRequested, UserMessageGiven
from turnstile.session.data import Data
from turnstile.session.deadlines import deadlines_of
from turnstile.session.events import ConfigAnswered, ItemConfirmed, ResponseFinished, ResponseStarted, TimerFired
from turnstile.session.in_flight import Create, Item, Response, Update
from turnstile.session.machine import Session
from turnstile.session.state import Now, State

BRIEF = {"instructions": "Be brief."}
CALM = {"instructions": "Be calm."}
VOICE = {"audio": {"output": {"voice": "marin"}}}
PROXY_COMMITS = {"audio": {"input": {"turn_detection": None}}}
PROXY_ANSWERS = {"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}}
COLLISION = "conversation_already_has_active_response"

_UPSTREAM = (out.OpenLink, out.SendUpdate, out.SendItem, out.SendCreate, out.SendCancel, out.SendCommit)
_CLIENT = (out.Answered, out.Reported, out.CallsCancelled, out.EndSession)


def configured(config=BRIEF, **changes) -> Now:
    """The state and the data of a session that is connected and configured; at rest but for `changes`."""
    state = State(link="open", configured=True, audio_open=True, accepted=config, in_force=config)
    return Now(state, Data(serial=100, has_opened=True)).change(**changes)


def session(policy=None, config=BRIEF, **changes) -> Session:
    return Session(policy, *configured(config, **changes))


def running(policy=None, config=BRIEF, **changes) -> Session:
    """The response `resp_1` is in progress."""
    return session(policy, config, **{"response": Response("resp_1"), **changes})


def requested(policy=None, *, agent_message=None, items=None, **changes) -> Session:
    """Our create `ts_1` is out, for the message `ts_0` unless told otherwise."""
    items = (said_item(),) if items is None and agent_message is None else items or ()
    covers = () if agent_message else tuple(item.item_id for item in items)
    return session(policy, requested=Create("ts_1", agent_message, covers), items=items, **changes)


def updating(policy=None, *requests, **changes) -> Session:
    """The update `ts_1` is out, for `requests`; one that wants calm unless told otherwise."""
    requests = requests or (ConfigRequested(1, CALM),)
    patch = {name: value for request in requests for name, value in request.patch.items()}
    return session(policy, updating=Update("ts_1", requests, patch, {**BRIEF, **patch}), **changes)


def said_item(item_id="ts_0", **changes) -> Item:
    """A user message that is in the conversation, and waits for its response."""
    return Item(item_id, **{"ref": 1, "content": {"type": "message"}, "stage": "confirmed", **changes})


def sent_item(item_id="ts_0", **changes) -> Item:
    """A user message that went upstream as the event `ts_1`, unconfirmed."""
    return said_item(item_id, **{"stage": "sent", "event_id": "ts_1", **changes})


def message(ref=1, text="Hello") -> UserMessageGiven:
    return UserMessageGiven(ref, {"type": "message", "role": "user", "content": text})


def told(session, *events) -> list:
    """The effects of several events."""
    return [effect for event in events for effect in session.handle(event)]


def upstream(effects) -> list:
    """What goes upstream."""
    return [effect for effect in effects if isinstance(effect, _UPSTREAM)]


def client(effects) -> list:
    """What the client is told."""
    return [effect for effect in effects if isinstance(effect, _CLIENT)]


def answers(effects) -> list:
    return [effect for effect in effects if isinstance(effect, out.Answered)]


def creates(effects) -> list:
    return [effect for effect in effects if isinstance(effect, out.SendCreate)]


def patches(effects) -> list:
    """What each `session.update` carries."""
    return [effect.patch for effect in effects if isinstance(effect, out.SendUpdate)]


def codes(effects) -> list:
    """The problems that the client is told of, by their codes; None for a good answer."""
    return [effect.problem and effect.problem.code for effect in client(effects) if hasattr(effect, "problem")]


def kinds(effects) -> list:
    """What goes upstream, by type."""
    return [type(effect) for effect in upstream(effects)]


def confirmed(effects) -> list:
    """Upstream's confirmations of the items among `effects`."""
    return [ItemConfirmed(effect.item["id"]) for effect in effects if isinstance(effect, out.SendItem)]


def began(effects, response_id="resp_2") -> ResponseStarted:
    """Upstream begins the response that the one create among `effects` asked for."""
    (create,) = creates(effects)
    return ResponseStarted(response_id, create.event_id)


def waiting(session) -> dict:
    """What the session waits for, by the name of the timer."""
    return {wait.name: wait for wait in deadlines_of(session.now, session.policy)}


def timer(session, name):
    """The timer `name` of the state runs out."""
    return session.handle(TimerFired(name, waiting(session)[name].token))


UPDATED = ConfigAnswered({})
DONE = ResponseFinished("resp_1")
