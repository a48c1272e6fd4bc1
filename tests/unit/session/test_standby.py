"""The link that is prepared: configured, given the conversation, tried again."""

from __future__ import annotations

import pytest
from relinking import LOST, OPENED, connected, fire, relinked, said, served
from session_words import CONFIG, of

from turnstile.session.client_requests import ConfigRequested
from turnstile.session.conversation import Entry
from turnstile.session.conversation_events import ItemDeleted
from turnstile.session.effects import Answered, EndSession, Reported, SendUpdate, Unlocked
from turnstile.session.events import AgentSpoke, ConfigAnswered, ItemConfirmed, Refused, ResponseStarted
from turnstile.session.in_flight import Restored
from turnstile.session.link_effects import CloseStandby, OnStandby, OpenStandby, RestoreItem, TakeOver
from turnstile.session.link_events import LinkConnected, LinkLost, LinkOpened, OfStandby
from turnstile.session.policy import Policy
from turnstile.session.standby import Standby

NOTED = Policy(restore_note="Go on.")
SILENT = Policy(link_silence=1.0)


def codes(effects):
    return [report.problem.code for report in of(Reported, effects)]


def commands(kind, effects):
    return [one.command for one in of(OnStandby, effects) if isinstance(one.command, kind)]


def restored(effects):
    """Return the texts of the items that go to a link, in order."""
    items = [one.command if isinstance(one, OnStandby) else one for one in of((OnStandby, RestoreItem), effects)]
    return [one.item["content"][0]["text"] for one in items if isinstance(one, RestoreItem)]


def opened(session, fact=OPENED):
    """Lose the link, and open the standby; return its generation, and what follows."""
    session.handle(LOST)
    generation = connected(session)
    return generation, session.handle(OfStandby(generation, fact))


def configuring(session):
    """Lose the link; return the generation of the standby, and the update that is out on it."""
    generation, effects = opened(session)
    (update,) = commands(SendUpdate, effects)
    return generation, update


def restoring(session):
    """Lose the link; return the generation of the standby, and the items that are out on it."""
    generation, update = configuring(session)
    effects = session.handle(OfStandby(generation, ConfigAnswered(update.patch)))
    return generation, commands(RestoreItem, effects)


def test_the_items_go_in_order_under_their_names_when_the_configuration_is_confirmed(at):
    session = at(conversation=said("Hi.", "Hello.", "Bye."))
    generation, update = configuring(session)
    assert update.patch == CONFIG
    effects = session.handle(OfStandby(generation, ConfigAnswered(CONFIG)))
    assert [one.item["id"] for one in commands(RestoreItem, effects)] == ["item_0", "item_1", "item_2"]
    assert restored(effects) == ["Hi.", "Hello.", "Bye."]


def test_the_standby_takes_over_when_all_is_confirmed(at):
    session = at(conversation=said("Hi.", "Hello."))
    generation, _ = restoring(session)
    assert of(TakeOver, session.handle(OfStandby(generation, ItemConfirmed("item_0")))) == []
    assert of(TakeOver, session.handle(OfStandby(generation, ItemConfirmed("item_1")))) == [TakeOver(generation)]


def test_an_item_that_upstream_names_otherwise_is_confirmed_in_its_order(at):
    session = at(conversation=said("Hi."))
    generation, _ = restoring(session)
    assert of(TakeOver, session.handle(OfStandby(generation, ItemConfirmed("other_0")))) == [TakeOver(generation)]


def test_the_note_comes_behind_the_conversation_and_names_what_is_left_out(at):
    session = at(policy=NOTED, conversation=said("Hi."))
    assert restored(relinked(session)) == ["Hi.", "Go on."]
    session = at(policy=NOTED, conversation=said("Hi.").__class__(said("Hi.").entries, gone=1))
    assert restored(relinked(session))[-1] == "Go on. What was said before it is left out: 1 turn."


def test_no_note_is_given_where_nothing_was_said(at):
    assert restored(relinked(at(policy=NOTED))) == []


@pytest.mark.parametrize("event_id", ["named", None])
def test_an_item_that_is_refused_is_left_out_and_reported_and_the_rest_goes_on(at, event_id):
    session = at(conversation=said("Hi.", "Hello."))
    generation, (first, _) = restoring(session)
    refused = Refused(first.event_id if event_id else None, "invalid_value", "no")
    session.handle(OfStandby(generation, refused))
    (report,) = of(Reported, served(session, session.handle(OfStandby(generation, ItemConfirmed("item_1")))))
    assert "1 that upstream refused" in report.problem.description
    assert session.data.restored == {"item_1"}


def test_a_deletion_that_is_refused_leaves_nothing_out(at):
    session = at(link="lost", standby=Standby(1, "open", sent=(Restored("ts_9", "item_0"),), is_restored=True))
    session.handle(OfStandby(1, Refused("ts_9", "item_not_found", "no")))
    assert (session.data.standby.sent, session.data.standby.left_out) == ((), ())


def test_an_item_that_is_not_confirmed_in_time_holds_nothing_up(at):
    session = at(conversation=said("Hi."))
    generation, _ = restoring(session)
    assert of(TakeOver, fire(session, "standby")) == [TakeOver(generation)]


def test_an_error_about_nothing_that_is_out_changes_nothing(at):
    session = at(conversation=said("Hi."))
    generation, _ = restoring(session)
    assert session.handle(OfStandby(generation, Refused("other", "invalid_value", "no"))) == []


def test_a_session_that_only_transcribes_is_given_no_items(at):
    session = at(config={"type": "transcription"}, conversation=said("Hi."))
    effects = relinked(session)
    assert restored(effects) == []
    assert [update.patch["type"] for update in commands(SendUpdate, effects)] == ["transcription"]


def test_the_kinds_of_output_are_named_again_where_upstream_shows_them(at):
    session = at(conversation=said("Hi."), modalities=["audio"])
    assert [one.patch for one in commands(SendUpdate, relinked(session))] == [
        {**CONFIG, "output_modalities": ["audio"]}
    ]
    bare = at(conversation=said("Hi."), modalities=["audio"])
    assert [one.patch for one in commands(SendUpdate, relinked(bare, opened=LinkOpened()))] == [CONFIG]


def test_late_news_of_an_earlier_standby_change_nothing(at):
    session = at()
    generation, _ = opened(session)
    session.handle(OfStandby(generation, LOST))
    assert session.handle(OfStandby(generation, LinkOpened())) == []
    assert at().handle(OfStandby(1, LinkOpened())) == []


def test_a_standby_says_once_that_it_is_up_and_is_asked_for_no_more(at):
    session = at(conversation=said("Hi."))
    generation, update = configuring(session)
    for fact in (LinkConnected(), LinkOpened(), ResponseStarted("resp_1")):
        assert session.handle(OfStandby(generation, fact)) == []
    assert session.data.standby.updating.event_id == update.event_id
    assert session.handle(OfStandby(generation, ItemDeleted("item_9"))) == []
    session.handle(OfStandby(generation, ConfigAnswered({})))
    assert session.handle(OfStandby(generation, ConfigAnswered({}))) == []


# What it does not take.


@pytest.mark.parametrize("event_id", ["named", None])
def test_a_standby_that_refuses_the_configuration_of_a_lost_link_ends_the_session(at, event_id):
    session = at()
    generation, update = configuring(session)
    refused = Refused(update.event_id if event_id else None, "invalid_value", "no")
    (end,) = of(EndSession, session.handle(OfStandby(generation, refused)))
    assert end.problem.code == "invalid_value"
    assert session.state.link == "ended"


def test_a_standby_that_does_not_answer_the_configuration_is_closed_and_another_one_tried(at):
    session = at()
    configuring(session)
    assert of(CloseStandby, fire(session, "standby")) == [CloseStandby()]
    assert of(OpenStandby, fire(session, "standby")) != []


def test_a_standby_that_does_not_come_up_is_closed_and_another_one_tried(at):
    session = at()
    session.handle(LOST)
    connected(session)
    assert of(CloseStandby, fire(session, "standby")) == [CloseStandby()]
    assert of(OpenStandby, fire(session, "standby")) != []


def test_a_standby_that_says_nothing_counts_as_up_where_that_may_be(at):
    session = at(policy=SILENT)
    session.handle(LOST)
    connected(session)
    assert len(commands(SendUpdate, fire(session, "standby"))) == 1


def test_a_quota_that_is_used_up_ends_the_session_at_once(at):
    session = at()
    generation, _ = opened(session)
    (end,) = of(EndSession, session.handle(OfStandby(generation, Refused(None, "insufficient_quota", "Pay."))))
    assert end.problem.code == "insufficient_quota"


@pytest.mark.parametrize("is_transparent", [True, False])
def test_a_standby_that_is_refused_for_good_ends_the_session(at, is_transparent):
    session = at(policy=Policy(is_transparent=is_transparent))
    session.handle(LOST)
    generation = connected(session)
    lost = LinkLost("upstream_refused", "Refused (401).", retryable=False)
    (end,) = of(EndSession, session.handle(OfStandby(generation, lost)))
    assert (end.closing is None) is not is_transparent


# When it is tried.


def _waits(session, *losses):
    """Lose the link, and one standby after the other; return the waits before each try."""
    session.handle(LOST)
    waits = []
    for lost in losses:
        (wait,) = [one.delay for one in session.deadlines if one.name == "standby"]
        waits.append(wait)
        session.handle(OfStandby(connected(session), lost))
    return [*waits, *[one.delay for one in session.deadlines if one.name == "standby"]]


def test_the_tries_come_more_seldom_up_to_a_ceiling(at):
    waits = _waits(at(), *[LOST] * 8)
    longest = [0.25, 0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]
    assert all(most / 2 <= wait <= most for wait, most in zip(waits[1:], longest[1:], strict=True))
    assert waits[0] <= 0.25


@pytest.mark.parametrize(
    "lost",
    [
        LinkLost("upstream_refused", "Refused (503).", retry_after=2.5),
        LinkLost("upstream_closed", "Upstream closed the connection (1013 Please try again in 2.5s)."),
    ],
)
def test_upstream_is_waited_for_as_long_as_it_asks(at, lost):
    *_, wait = _waits(at(), lost)
    assert 2.5 <= wait <= 2.75


def test_a_hundred_sessions_that_lose_their_links_together_do_not_knock_together(at):
    tries: list[float] = []
    for number in range(100):
        at_once = 0.0
        for wait in _waits(at(policy=Policy(id_prefix=f"ts{number:08x}_")), *[LOST] * 3):
            at_once += wait
            tries.append(at_once)
    knocks = [sum(start <= one < start + 0.05 for one in tries) for start in (0.0, 0.05, 0.1, 0.15, 0.2, 0.5, 1.0)]
    assert max(knocks) <= 65


# The voice.

ECHO = ConfigRequested(4, {"audio": {"output": {"voice": "echo"}}}, message="UpdateSpeak")


def test_a_voice_that_came_too_late_goes_with_the_next_link_and_is_acknowledged(at):
    session = at()
    session.handle(AgentSpoke())
    (refused,) = of(Answered, session.handle(ECHO))
    assert refused.problem.code == "voice_locked"
    effects = relinked(session)
    assert [one.patch for one in commands(SendUpdate, effects)] == [{**CONFIG, **ECHO.patch}]
    assert of(Unlocked, effects) == [Unlocked(4)]
    assert session.state.accepted == {**CONFIG, **ECHO.patch}


def test_a_voice_that_the_next_link_has_not_stays_refused(at):
    session = at()
    session.handle(AgentSpoke())
    session.handle(ECHO)
    generation, _ = configuring(session)
    shown = {**CONFIG, "audio": {"output": {"voice": "marin"}}}
    effects = served(session, session.handle(OfStandby(generation, ConfigAnswered(shown))))
    assert of(Unlocked, effects) == []


def test_a_voice_that_is_asked_for_again_in_time_is_no_longer_late(at):
    session = at(locked=ECHO)
    session.handle(ConfigRequested(5, {"audio": {"output": {"voice": "cedar"}}}))
    session.handle(ConfigAnswered({"audio": {"output": {"voice": "cedar"}}}))
    assert session.data.locked is None


# What its upstream has in force otherwise.


@pytest.mark.parametrize("is_transparent", [True, False])
def test_what_the_next_link_has_in_force_otherwise_is_reported_and_accepted(at, is_transparent):
    session = at(policy=Policy(is_transparent=is_transparent), config={"audio": {"output": {"speed": 1.5}}})
    generation, _ = configuring(session)
    shown = {"audio": {"output": {"speed": 1.0}}}
    effects = served(session, session.handle(OfStandby(generation, ConfigAnswered(shown))))
    assert ("not_in_force" in codes(effects)) is not is_transparent
    assert session.state.accepted == session.state.in_force == shown


# What cannot be restored.


@pytest.mark.parametrize("is_transparent", [True, False])
def test_what_cannot_be_restored_is_said_once(at, is_transparent):
    spoken = Entry("item_9", "user", missing="audio")
    session = at(policy=Policy(is_transparent=is_transparent), conversation=said("Hi.").appended(spoken))
    reports = of(Reported, relinked(session))
    assert reports[-1].problem.code == ("not_restored" if is_transparent else "upstream_restored")
    assert "1 spoken without a transcript" in reports[-1].problem.description
    assert all("without a transcript" not in one.problem.description for one in of(Reported, relinked(session)))


def test_the_functions_endpoints_go_with_the_configuration_and_once(at):
    session = at(config={**CONFIG, "endpoints": {"look": "E"}})
    effects = relinked(session)
    assert [(one.patch, one.endpoints) for one in commands(SendUpdate, effects)] == [(CONFIG, {"look": "E"})]
    assert of(SendUpdate, effects) == []
