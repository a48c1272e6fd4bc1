"""The upstream side of a session whose links break and end: it does what is asked of it, up to the next takeover."""

from __future__ import annotations

from turnstile.session.conversation import Conversation, Entry
from turnstile.session.conversation_events import ItemDeleted
from turnstile.session.effects import SendUpdate
from turnstile.session.events import ConfigAnswered, ItemConfirmed, TimerFired
from turnstile.session.link_effects import OnStandby, OpenStandby, PauseAudio, RemoveItem, RestoreItem, TakeOver
from turnstile.session.link_events import AudioPaused, LinkConnected, LinkLost, LinkOpened, OfStandby, TookOver
from turnstile.session.policy import Policy

LOST = LinkLost("upstream_closed", "gone")
OPENED = LinkOpened(voice="marin", modalities=["audio"])


def fire(session, name):
    """Let the deadline of this name pass."""
    (deadline,) = [one for one in session.deadlines if one.name == name]
    return session.handle(TimerFired(name, deadline.token))


def answer_of(effect, opened=OPENED):
    """Return what upstream says to an effect, if it is one for another link."""
    match effect:
        case OpenStandby(generation):
            return OfStandby(generation, opened)
        case OnStandby(generation, SendUpdate(_, patch)):
            return OfStandby(generation, ConfigAnswered(patch))
        case OnStandby(generation, RestoreItem(_, item)):
            return OfStandby(generation, ItemConfirmed(item["id"]))
        case OnStandby(generation, RemoveItem(_, item_id)):
            return OfStandby(generation, ItemDeleted(item_id))
        case RestoreItem(_, item):
            return ItemConfirmed(item["id"])
        case RemoveItem(_, item_id):
            return ItemDeleted(item_id)
        case TakeOver(generation):
            return TookOver(generation)
        case PauseAudio():
            return AudioPaused(0.0)
    return None


def served(session, effects, opened=OPENED, but=()):
    """Have upstream do what `effects` ask of it, but for those of these kinds, and so on; return all effects."""
    left, done = [*effects], []
    while left:
        effect = left.pop(0)
        done.append(effect)
        said = None if isinstance(effect, but) else answer_of(effect, opened)
        if said is not None:
            left += session.handle(said)
    return done


def relinked(session, lost=LOST, opened=OPENED):
    """Lose the link, and have another one do its work; return all effects."""
    effects = session.handle(lost)
    return effects + served(session, fire(session, "standby"), opened)


def connected(session):
    """Begin to open the standby of a lost link, which upstream has taken; return its generation."""
    (opening,) = [one for one in fire(session, "standby") if isinstance(one, OpenStandby)]
    session.handle(OfStandby(opening.generation, LinkConnected()))
    return opening.generation


def said(*texts):
    """Return the record of a conversation: the user and the agent in turns."""
    conversation = Conversation()
    for place, text in enumerate(texts):
        kind, part = (("assistant", "output_text"), ("user", "input_text"))[place % 2 == 0]
        content = f'[{{"type":"{part}","text":"{text}"}}]'
        item = f'{{"type":"message","role":"{kind}","content":{content}}}'.encode()
        conversation = conversation.appended(Entry(f"item_{place}", kind, item))
    return conversation


def renewing(at, **facts):
    """Return a session whose link ends soon: the deadline of its renewal has not passed yet."""
    policy = facts.pop("policy", None) or Policy(session_lifetime=3600.0)
    session = at(link="opening", policy=policy, **facts)
    session.handle(LinkOpened())
    if session.state.audio_open is False:
        session.now = session.now.change(audio_open=True)
    return session


def prepared(at, **facts):
    """Return a session beside whose link a standby is ready; its input audio has not been paused yet."""
    session = renewing(at, **facts)
    served(session, fire(session, "renewal"), but=(PauseAudio,))
    return session


def switched(session):
    """Let the pause pass, and the standby take over; return all effects."""
    return served(session, fire(session, "switch"))
