"""One client's text and audio keep their order, though audio goes another way: but for what the gate holds."""

from __future__ import annotations

from given import BRIEF, answers, configured, session, updating
from hypothesis import given
from hypothesis import strategies as st
from relinking import fire, served

from turnstile.session import effects as out
from turnstile.session.client_requests import (
    AgentMessageGiven,
    AudioFollows,
    ConfigRequested,
    EventGiven,
    LinkWanted,
    TurnEndForced,
    UserMessageGiven,
)
from turnstile.session.events import ConfigAnswered, Refused, ResponseStarted
from turnstile.session.fifo import Fifo
from turnstile.session.in_flight import Response
from turnstile.session.link_effects import TakeOver
from turnstile.session.link_events import LinkLost, LinkOpened, TookOver
from turnstile.session.machine import Session
from turnstile.session.policy import Policy

TRANSPARENT = Policy(is_transparent=True)
AUDIO = "audio"
SETTINGS = ConfigRequested(1, BRIEF, local="formats")
UPDATED = ConfigAnswered(BRIEF)


class Line:
    """A session and both ways of its client upstream: all audio is at the end of its own before anything is decided.

    That is the worst that can happen: messages come by a longer way.
    """

    def __init__(self, session):
        self.session = session
        self.sent = []
        self.effects = []
        self._road = []
        self._passed = self._marks = 0
        self._opened = session.state.audio_open
        self._follows = False

    def reads(self, *given):
        """Read some things of the client's at once: `AUDIO`, or what is told to the session."""
        told = []
        for one in given:
            if one is not AUDIO:
                told.append(one)
                self._follows = True
                continue
            if self._follows:
                self._follows = False
                self._marks += 1
                self._road.append(AudioFollows(self._marks))
                told.append(self._road[-1])
            self._road.append(AUDIO)
        self._drain()
        return self.hears(*told)

    def hears(self, *events):
        """Tell the session some things, and do what it wants."""
        for event in events:
            for effect in self.session.handle(event):
                self._perform(effect)
        return self

    def _perform(self, effect):
        self.effects.append(effect)
        match effect:
            case out.OpenAudio():
                self._opened = True
            case out.LetAudioGo(mark):
                assert mark > self._passed
                self._passed = mark
            case out.PassOn(event):
                self.sent.append(event)
            case out.SendUpdate():
                self.sent.append("update")
            case out.SendItem():
                self.sent.append("item")
            case out.SendCreate():
                self.sent.append("create")
            case out.SendCommit():
                self.sent.append("commit")
        self._drain()

    def _drain(self):
        while self._opened and self._road:
            if self._road[0] is AUDIO:
                self.sent.append(self._road.pop(0))
            elif self._road[0].mark <= self._passed:
                self._road.pop(0)
            else:
                return

    def loses_the_link(self):
        self._opened = False
        return self.hears(LinkLost("upstream_closed", "gone"))


def event(name):
    return EventGiven(name)


def about_audio(name):
    return EventGiven(name, follows_audio=True)


def message(ref):
    return UserMessageGiven(ref, {"type": "message"})


def create(ref):
    return AgentMessageGiven(ref, {}, "queue")


# Clients of the Realtime API.


def transparent(**changes):
    return Line(Session(TRANSPARENT, *configured({}, **changes)))


def fresh():
    return Line(Session(TRANSPARENT)).hears(LinkWanted())


def test_events_and_audio_leave_as_they_came_on_an_idle_session():
    line = transparent().reads(event("item 1"), AUDIO, about_audio("commit"), event("item 2"), AUDIO)
    assert line.sent == ["item 1", AUDIO, "commit", "item 2", AUDIO]


def test_events_and_audio_leave_as_they_came_before_the_link_is_open_too():
    line = fresh().reads(AUDIO, event("item 1"), AUDIO, about_audio("commit"), event("item 2"))
    assert line.sent == []
    assert line.hears(LinkOpened()).sent == [AUDIO, "item 1", AUDIO, "commit", "item 2"]


def test_all_that_follows_the_first_update_waits_for_it_with_the_audio():
    line = fresh().reads(ConfigRequested(1, BRIEF), *[AUDIO] * 5, about_audio("commit"), create(2))
    assert line.hears(LinkOpened()).sent == ["update"]
    assert line.hears(UPDATED).sent == ["update", *[AUDIO] * 5, "commit", "create"]


def test_audio_waits_for_every_update_that_was_asked_for_before_it():
    line = fresh().reads(ConfigRequested(1, BRIEF)).hears(LinkOpened())
    line.reads(ConfigRequested(2, {"instructions": "Rhyme."}), AUDIO)
    assert line.hears(UPDATED).sent == ["update", "update"]
    assert line.hears(ConfigAnswered({"instructions": "Rhyme."})).sent == ["update", "update", AUDIO]


def test_audio_waits_for_a_refused_update_no_longer():
    line = fresh().reads(ConfigRequested(1, BRIEF), AUDIO).hears(LinkOpened())
    (update,) = (effect for effect in line.effects if isinstance(effect, out.SendUpdate))
    assert line.hears(Refused(update.event_id, "invalid_value", "No.")).sent == ["update", AUDIO]


def test_audio_goes_by_what_waits_for_a_response():
    line = transparent(response=Response("resp_1"))
    line.reads(ConfigRequested(1, BRIEF), create(2), event("item"), AUDIO, about_audio("clear"), AUDIO)
    assert line.sent == [AUDIO, "clear", AUDIO]


def test_audio_goes_by_a_response_that_was_asked_for_before_the_link_was_open():
    line = fresh().reads(create(1), AUDIO, about_audio("commit"), event("item")).hears(LinkOpened())
    assert line.sent == ["create", AUDIO, "commit"]
    (first,) = (effect for effect in line.effects if isinstance(effect, out.SendCreate))
    assert line.hears(ResponseStarted("resp_1", first.event_id)).sent[3:] == ["item"]


def test_the_audio_of_a_new_link_waits_for_the_configuration_of_the_old_one():
    line = Line(Session(TRANSPARENT, *configured(BRIEF))).loses_the_link()
    line.reads(event("item"), AUDIO)
    served(line.session, fire(line.session, "standby"), but=(TakeOver,))
    assert line.sent == []
    assert line.hears(TookOver(1)).sent == ["item", AUDIO]


def test_places_of_audio_in_a_row_are_one_and_cost_nothing():
    line = fresh()
    line.hears(*(AudioFollows(mark) for mark in range(1, 1_000)))
    assert line.session.data.passthrough_queue == Fifo([AudioFollows(999)])


# Clients that speak of turns.


def test_messages_and_audio_leave_as_they_came_on_an_idle_session():
    assert Line(session()).reads(message(1), AUDIO).sent == ["item", AUDIO]


def test_a_forced_end_of_a_turn_commits_the_audio_before_it_and_none_behind_it():
    assert Line(session()).reads(AUDIO, TurnEndForced(1), AUDIO).sent == [AUDIO, "commit", AUDIO]


def test_settings_and_audio_and_the_end_of_the_turn_in_one_breath_come_to_one_commit_in_their_order():
    line = Line(Session()).reads(SETTINGS, AUDIO, TurnEndForced(2), AUDIO, message(3), AUDIO)
    assert line.hears(LinkOpened()).sent == ["update"]
    assert line.hears(UPDATED).sent == ["update", AUDIO, "commit", AUDIO, "item", AUDIO]


def test_a_forced_end_of_a_turn_goes_behind_the_agents_message_before_it():
    line = Line(Session()).reads(SETTINGS, create(2), TurnEndForced(3)).hears(LinkOpened(), UPDATED)
    assert line.sent == ["update", "create"]


def test_audio_that_came_before_the_settings_goes_first():
    line = Line(Session()).reads(AUDIO, SETTINGS, message(2), AUDIO).hears(LinkOpened(), UPDATED)
    assert line.sent == ["update", AUDIO, "item", AUDIO]


def test_settings_that_come_behind_audio_are_not_held_by_it():
    line = Line(Session()).reads(message(1), AUDIO, SETTINGS, TurnEndForced(2)).hears(LinkOpened(), UPDATED)
    assert line.sent == ["update", "item", AUDIO, "commit"]


def test_audio_waits_for_no_message_that_the_gate_holds():
    line = Line(session(response=Response("resp_1"))).reads(message(1), ConfigRequested(2, {"a": 1}), AUDIO)
    assert line.sent == [AUDIO]
    assert Line(updating()).reads(message(3), AUDIO).sent == [AUDIO]


def test_the_local_part_of_a_request_is_in_force_before_audio_goes_and_before_its_answer():
    line = Line(Session()).reads(SETTINGS, AUDIO).hears(LinkOpened(), UPDATED)
    kinds = [type(effect) for effect in line.effects]
    order = [kinds.index(kind) for kind in (out.ApplyLocal, out.Answered, out.OpenAudio, out.LetAudioGo)]
    assert order == sorted(order)
    assert out.ApplyLocal("formats") in line.effects


def test_the_local_part_of_a_refused_request_is_not_in_force():
    line = Line(Session()).reads(SETTINGS).hears(LinkOpened())
    (update,) = (effect for effect in line.effects if isinstance(effect, out.SendUpdate))
    line.hears(Refused(update.event_id, "invalid_value", "No."))
    assert not any(isinstance(effect, out.ApplyLocal | out.OpenAudio) for effect in line.effects)


def test_audio_is_observed_before_what_waited_goes():
    config = {"audio": {"input": {"turn_detection": None}}}
    line = Line(Session()).reads(ConfigRequested(1, config), AUDIO).hears(LinkOpened(), ConfigAnswered(config))
    kinds = [type(effect) for effect in line.effects]
    assert kinds.index(out.ObserveAudio) < kinds.index(out.OpenAudio)


def test_a_full_backlog_loses_no_place_of_audio():
    line = Line(Session(Policy(max_held=1)))
    line.reads(SETTINGS, AUDIO, message(2), AUDIO, message(3), AUDIO)
    assert [answer.ref for answer in answers(line.effects)] == [2, 3]
    assert line.session.held == 1
    assert line.hears(LinkOpened(), UPDATED).sent == ["update", AUDIO, AUDIO, AUDIO]


def test_a_place_of_audio_that_waits_counts_as_no_request():
    line = Line(Session()).reads(SETTINGS, AUDIO)
    assert line.session.held == 1
    assert len(line.session.backlog) == 2
    assert repr(line.session) == "<Session no link, 1 held: config update for link>"


def test_what_waits_goes_in_its_order_on_a_new_link():
    line = Line(session()).loses_the_link().reads(message(1), AUDIO, TurnEndForced(2), AUDIO)
    line.session.now = line.session.now.change(link="opening")
    assert line.hears(LinkOpened(), UPDATED).sent == ["update", "item", AUDIO, "commit", AUDIO]


# Whatever a client sends.

_WORDS = st.lists(st.sampled_from(["audio", "item", "commit"]), max_size=12)


@given(_WORDS, st.integers(0, 12), st.integers(0, 12))
def test_a_realtime_client_is_passed_on_in_its_order_whenever_the_link_opens(words, opened, confirmed):
    line = fresh().reads(ConfigRequested(1, BRIEF))
    for place, word in enumerate([*words, "end"]):
        if place == min(opened, len(words)):
            line.hears(LinkOpened())
        if place == min(max(opened, confirmed), len(words)):
            line.hears(UPDATED)
        line.reads(*{"audio": [AUDIO], "item": [event("item")], "commit": [about_audio("commit")]}.get(word, []))
    first = words.index("audio") if "audio" in words else len(words)
    assert [word for word in line.sent if word != "update"] == words
    assert line.sent.index("update") <= first


@given(_WORDS)
def test_a_voice_agents_messages_and_audio_leave_in_their_order_when_the_settings_are_in_force(words):
    line = Line(Session()).reads(SETTINGS).hears(LinkOpened())
    asked = {"audio": AUDIO, "item": message(2), "commit": TurnEndForced(3)}
    line.reads(*(asked[word] for word in words)).hears(UPDATED)
    assert line.sent == ["update", *words]


@given(_WORDS)
def test_a_voice_agents_audio_goes_at_once_while_a_response_runs_and_the_rest_waits(words):
    line = Line(session(response=Response("resp_1")))
    asked = {"audio": AUDIO, "item": message(2), "commit": TurnEndForced(3)}
    line.reads(*(asked[word] for word in words))
    assert line.sent == [AUDIO] * words.count("audio")
    assert line.session.held == len(words) - words.count("audio")
