"""What goes wrong while another link is prepared, and with one after the other."""

from __future__ import annotations

import pytest
from relinking import LOST, connected, fire, relinked, said, served
from session_words import CONFIG, of

from turnstile.session.client_requests import ConfigRequested
from turnstile.session.deadlines import Deadline
from turnstile.session.effects import EndSession, SendCreate, SendUpdate, Unlocked
from turnstile.session.events import AgentSpoke, ConfigAnswered, Refused, ResponseFinished
from turnstile.session.in_flight import Item, Response, Restored
from turnstile.session.link_effects import CloseStandby, OnStandby, OpenStandby, TakeOver
from turnstile.session.link_events import LinkLost, LinkOpened, OfStandby

ECHO = ConfigRequested(4, {"audio": {"output": {"voice": "echo"}}}, message="UpdateSpeak")


def updates(effects):
    return [one.command for one in of(OnStandby, effects) if isinstance(one.command, SendUpdate)]


def configuring(session):
    """Lose the link; return the generation of the standby, and the update that is out on it."""
    session.handle(LOST)
    generation = connected(session)
    (update,) = updates(session.handle(OfStandby(generation, LinkOpened())))
    return generation, update


def restoring(session):
    """Lose the link; return the generation of the standby, to which the conversation is sent."""
    generation, update = configuring(session)
    session.handle(OfStandby(generation, ConfigAnswered(update.patch)))
    return generation


def delay(session, name):
    return next(one.delay for one in session.deadlines if one.name == name)


# Errors.


@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize("code", ["server_error", "rate_limit_exceeded", "session_expired"])
def test_trouble_that_passes_while_a_standby_is_configured_has_another_one_tried(at, code, is_named):
    session = at()
    generation, update = configuring(session)
    effects = session.handle(OfStandby(generation, Refused(update.event_id if is_named else None, code, "Sorry.")))
    assert of(EndSession, effects) == []
    assert of(CloseStandby, effects) == [CloseStandby()]
    assert len(updates(served(session, fire(session, "standby")))) == 1
    assert session.state.link == "open"


def test_another_link_is_tried_when_the_words_of_an_error_on_a_standby_say_so(at):
    session = at()
    generation, update = configuring(session)
    session.handle(OfStandby(generation, Refused(update.event_id, "rate_limit_exceeded", "Try again in 2.5s.")))
    assert 2.5 <= delay(session, "standby") <= 2.75


@pytest.mark.parametrize("code", ["server_error", "rate_limit_exceeded"])
def test_an_error_about_no_event_leaves_no_item_out(at, code):
    session = at(conversation=said("Hi."))
    generation = restoring(session)
    assert session.handle(OfStandby(generation, Refused(None, code, "Sorry."))) == []
    assert session.data.standby.left_out == ()


def test_a_standby_whose_session_expires_is_replaced_by_another(at):
    session = at(conversation=said("Hi."))
    effects = session.handle(OfStandby(restoring(session), Refused(None, "session_expired", "Over.")))
    assert of(CloseStandby, effects) == [CloseStandby()]
    assert session.data.standby.stage == "waiting"


def test_a_voice_that_came_too_late_and_is_refused_does_not_end_the_session(at):
    session = at()
    session.handle(AgentSpoke())
    session.handle(ECHO)
    generation, update = configuring(session)
    assert update.patch == {**CONFIG, **ECHO.patch}
    effects = session.handle(OfStandby(generation, Refused(update.event_id, "invalid_value", "no such voice")))
    assert [one.patch for one in updates(effects)] == [CONFIG]
    assert of(Unlocked, served(session, effects)) == []
    assert session.state.link == "open"


@pytest.mark.parametrize("refuses", ["the link", "the configuration", "the account"])
def test_a_renewal_that_is_refused_for_good_is_not_tried_again_before_the_link_is_lost(at, refuses):
    session = at(renewals=(Deadline("renewal", "0", 1.0),))
    (opening,) = of(OpenStandby, fire(session, "renewal"))
    fact = LinkLost("upstream_refused", "Refused (401).", retryable=False)
    if refuses != "the link":
        (update,) = updates(session.handle(OfStandby(opening.generation, LinkOpened())))
        code = "invalid_value" if refuses == "the configuration" else "insufficient_quota"
        fact = Refused(update.event_id, code, "no")
    effects = session.handle(OfStandby(opening.generation, fact))
    assert of(CloseStandby, effects) == [CloseStandby()] * (refuses != "the link")
    assert (session.state.link, session.data.standby, session.deadlines) == ("open", None, ())
    assert len(updates(relinked(session))) == 1


# Servers that say little.


def test_a_server_that_confirms_no_item_is_waited_for_once(at):
    session = at(conversation=said(*["More."] * 50))
    restoring(session)
    assert of(TakeOver, fire(session, "standby")) == [TakeOver(1)]


def test_creates_wait_once_for_a_link_in_use_that_confirms_no_item(at):
    item = Item("item_0", 1, {"type": "message"}, "confirmed")
    session = at(items=(item,), restoring=(Restored("ts_1", "item_1"), Restored("ts_2", "item_2")))
    assert len(of(SendCreate, fire(session, "restored"))) == 1


# One loss after the other.


def test_a_link_that_lasted_before_it_is_lost_too_is_another_loss_with_all_its_time(at):
    session = at()
    relinked(session)
    fire(session, "recovery")
    assert session.data.losses == 0
    before = session.data.generation
    session.handle(LOST)
    (outage,) = [one for one in session.deadlines if one.name == "outage"]
    assert outage == Deadline("outage", str(before + 1), 30.0)


def test_links_that_are_lost_at_once_again_and_again_are_one_loss_and_tried_more_seldom(at):
    session, waits, outages = at(), [], set()
    for _ in range(8):
        session.handle(LOST)
        waits.append(delay(session, "standby"))
        outages |= {one for one in session.deadlines if one.name == "outage"}
        served(session, fire(session, "standby"))
    assert len(outages) == 1
    assert waits[-1] >= 2.5


def test_links_on_which_responses_fail_are_tried_more_seldom(at):
    session = at(losses=3, outage=1, response=Response("resp_1"))
    session.handle(ResponseFinished("resp_1", "failed"))
    assert (session.data.losses, session.data.outage) == (3, 1)


def test_a_first_link_for_which_upstream_asks_to_wait_too_long_ends_the_session_at_once(at):
    session = at(link="opening", configured=False)
    (end,) = of(EndSession, session.handle(LinkLost("upstream_refused", "Refused (503).", retry_after=60.0)))
    assert end.problem.description == "Refused (503)."


def test_a_session_that_has_ended_has_no_deadline(at):
    session = at()
    session.handle(LOST)
    session.handle(OfStandby(connected(session), LinkLost("upstream_refused", "Refused (401).", retryable=False)))
    assert session.deadlines == ()
