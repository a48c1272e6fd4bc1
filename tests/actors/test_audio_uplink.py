"""The audio's own way: what waits for the link, the session or a mark keeps its order, the oldest dropped."""

from __future__ import annotations

import base64
import json

import pytest

from actors.audio_uplink import AudioUplink
from actors.messages import Mark
from turnstile.audio.formats import PCM_24K, AudioFormat
from turnstile.audio.input_audio import InputAudio
from turnstile.byte_budget import ProcessBudget
from turnstile.observability.journal_entries import FrameEntry
from turnstile.testing import RecordingConnection, session_journal


@pytest.fixture
def link():
    return RecordingConnection()


def frames(max_held=100):
    return AudioUplink(InputAudio(), max_held)


def events(max_held=100):
    return AudioUplink(InputAudio(), max_held, takes_events=True)


def sent(link):
    return [frame.data for frame in link.sent]


def appended(link):
    return [base64.b64decode(json.loads(frame.data)["audio"]) for frame in link.sent]


def test_a_clients_own_events_go_as_they_are_once_the_session_is_ready(link):
    uplink = events()
    uplink.append([b"one"])
    uplink.connect(link)
    uplink.append([b"two"])
    assert link.sent == []
    uplink.open()
    assert uplink.append([b"three"]) is None
    assert sent(link) == [b"one", b"two", b"three"]


def test_frames_wait_for_their_format_too(link):
    uplink = frames()
    uplink.connect(link)
    uplink.open()
    uplink.append([b"ab", b"cd"])
    assert link.sent == []
    uplink.set_client_format(PCM_24K)
    assert appended(link) == [b"abcd"]


def test_the_oldest_are_dropped_when_too_much_waits(link):
    uplink = events(max_held=8)
    assert uplink.append([b"first", b"second", b"3rd"]).code == "audio_dropped"
    uplink.connect(link)
    uplink.open()
    assert sent(link) == [b"3rd"]


def test_no_half_sample_is_dropped(link):
    uplink = frames(max_held=5)
    assert uplink.append([b"a", b"bcd", b"ef"]).code == "audio_dropped"
    uplink.set_client_format(PCM_24K)
    uplink.connect(link)
    uplink.open()
    assert appended(link) == [b"cdef"]


def test_what_comes_behind_a_mark_waits_until_the_mark_is_passed(link):
    uplink = events()
    uplink.connect(link)
    uplink.open()
    uplink.append([b"one"])
    uplink.set_mark(Mark(1))
    uplink.append([b"two"])
    uplink.set_mark(Mark(2))
    uplink.append([b"three"])
    assert sent(link) == [b"one"]
    uplink.pass_mark(1)
    assert sent(link) == [b"one", b"two"]
    uplink.pass_mark(2)
    assert sent(link) == [b"one", b"two", b"three"]


def test_a_mark_that_is_passed_opens_nothing_before_the_session_is_ready(link):
    uplink = events()
    uplink.set_mark(Mark(1))
    uplink.append([b"one"])
    uplink.connect(link)
    uplink.pass_mark(1)
    assert link.sent == []
    uplink.open()
    assert sent(link) == [b"one"]


def test_all_waits_again_when_the_link_is_gone(link):
    uplink = events()
    uplink.connect(RecordingConnection())
    uplink.open()
    uplink.disconnect()
    uplink.append([b"one"])
    uplink.connect(link)
    assert link.sent == []
    uplink.open()
    assert sent(link) == [b"one"]


def test_nothing_is_padded_where_there_is_no_link():
    assert frames().commit("e1") is None


@pytest.mark.parametrize(("counts_buffer", "heard"), [(True, 3.0), (False, 1.0)])
def test_what_upstream_holds_is_counted_where_the_user_was_speaking(link, counts_buffer, heard):
    uplink = frames()
    uplink.set_client_format(PCM_24K)
    uplink.connect(link)
    uplink.open()
    uplink.append([bytes(96)])
    uplink.observe(on=True, counts_buffer=counts_buffer)
    uplink.append([bytes(48)])
    assert uplink.take_observed() == heard


def test_only_what_goes_upstream_is_counted(link):
    uplink = frames()
    uplink.set_client_format(PCM_24K)
    uplink.connect(link)
    uplink.observe(on=True)
    uplink.append([bytes(96)])
    assert uplink.take_observed() == 0
    uplink.open()
    assert uplink.take_observed() == 2.0


def test_events_that_come_together_are_queued_together(monkeypatch):
    link, queued = RecordingConnection(), []
    monkeypatch.setattr(link, "send_all", lambda messages: queued.append([message.data for message in messages]))
    uplink = events()
    uplink.connect(link)
    uplink.open()
    uplink.append([b"one", b"two"])
    assert queued == [[b"one", b"two"]]


def test_a_commit_queues_the_rest_and_its_padding_together(monkeypatch):
    link, queued = RecordingConnection(), []
    uplink = frames()
    uplink.connect(link)
    uplink.set_client_format(AudioFormat("linear16", 16_000))
    uplink.open()
    uplink.append([bytes(640)])
    monkeypatch.setattr(link, "send_all", lambda messages: queued.append(list(messages)))
    assert uplink.commit("e1") is not None
    (together,) = queued
    assert [len(base64.b64decode(json.loads(frame.data)["audio"])) for frame in together] == [48, 4_800 - 960]


def test_audio_that_waits_is_charged_until_it_goes_or_the_session_ends(link):
    process = ProcessBudget()
    uplink = AudioUplink(InputAudio(), 100, process.session(""), takes_events=True)
    uplink.append([b"one", b"two"])
    assert process.held > len(b"onetwo")
    uplink.connect(link)
    uplink.open()
    assert (process.held, sent(link)) == (0, [b"one", b"two"])
    uplink.disconnect()
    uplink.append([b"three"])
    assert process.held > 0
    uplink.end()
    assert process.held == 0


def test_the_oldest_audio_is_dropped_when_the_session_has_no_room(link):
    process = ProcessBudget(session_limit=1000)
    budget = process.session("")
    uplink = AudioUplink(InputAudio(), 10_000, budget, takes_events=True)
    budget.charge().set(700)
    assert uplink.append([b"%d" % number for number in range(10)]).code == "audio_dropped"
    assert 900 < process.held <= 1000
    uplink.connect(link)
    uplink.open()
    assert sent(link) == [b"6", b"7", b"8", b"9"]


# What upstream holds uncommitted.


def append(milliseconds):
    """A client's append of so much audio in the API's own format."""
    audio = base64.b64encode(bytes(48 * milliseconds)).decode()
    return json.dumps({"type": "input_audio_buffer.append", "audio": audio}).encode()


@pytest.fixture
def flowing(link):
    uplink = events(max_held=100_000)
    uplink.connect(link)
    uplink.open()
    return uplink


def test_a_clients_own_audio_is_uncommitted_until_its_commit_or_clear_goes(flowing):
    flowing.append([append(20), append(30)])
    assert flowing.uncommitted == 50
    flowing.input_ended()
    assert flowing.uncommitted == 0
    flowing.append([append(20)])
    flowing.input_ended(is_committed=False)
    assert flowing.uncommitted == 0


def test_audio_that_waits_is_not_uncommitted_yet(flowing):
    flowing.pause()
    flowing.append([append(20)])
    assert flowing.uncommitted == 0
    flowing.open()
    assert flowing.uncommitted == 20


def test_audio_behind_a_commit_stays_uncommitted_when_the_commit_is_answered(flowing):
    flowing.append([append(20)])
    flowing.input_ended()
    flowing.append([append(30)])
    flowing.committed()
    assert flowing.uncommitted == 30
    flowing.committed()  # by upstream itself
    assert flowing.uncommitted == 0


def test_audio_behind_the_proxys_commit_stays_uncommitted_too(link):
    uplink = frames()
    uplink.set_client_format(PCM_24K)
    uplink.connect(link)
    uplink.open()
    uplink.append([bytes(4800)])
    assert uplink.commit("e1") is not None
    uplink.append([bytes(480)])
    uplink.committed()
    assert uplink.uncommitted == 10


def test_a_new_link_owes_no_answer_to_a_commit_and_has_no_audio(flowing, link):
    flowing.append([append(20)])
    flowing.input_ended()
    flowing.append([append(20)])
    flowing.disconnect()
    assert flowing.uncommitted == 0
    flowing.connect(link)
    flowing.open()
    flowing.append([append(20)])
    flowing.committed()
    assert flowing.uncommitted == 0


def test_a_clients_own_audio_is_counted_in_the_format_in_force(flowing):
    flowing.append([append(20)])
    flowing.set_upstream_format({"type": "audio/pcmu"})
    assert flowing.uncommitted == 20
    audio = base64.b64encode(bytes(80)).decode()
    flowing.append([json.dumps({"type": "input_audio_buffer.append", "audio": audio}).encode()])
    assert flowing.uncommitted == 30
    flowing.set_upstream_format(None)
    assert flowing.uncommitted == 30


# What waits too long, of which the client hears once each time.


def test_the_client_hears_in_each_outage_that_audio_is_dropped(link):
    uplink = events(max_held=8)
    for _ in range(2):
        assert uplink.append([b"first", b"second"]).code == "audio_dropped"
        assert uplink.append([b"third"]) is None
        uplink.connect(link)
        uplink.open()
        assert uplink.append([b"flows"]) is None
        uplink.disconnect()
        assert uplink.append([b"fits"]) is None


def test_two_losses_without_audio_between_them_are_one_outage():
    uplink = events(max_held=8)
    uplink.append([b"first", b"second"])
    for _ in range(2):
        uplink.connect(RecordingConnection())
        uplink.disconnect()
        assert uplink.append([b"another"]) is None


def told(takes_events, *, read=True):
    """Return an uplink, and the entries that the journal is told of it, if anybody reads it."""
    entries = []
    journal = session_journal()
    if read:
        journal.read_by([entries.append])
    return AudioUplink(InputAudio(), 100_000, takes_events=takes_events, journal=journal), entries


def test_the_journal_is_told_what_audio_goes_upstream_and_on_which_link(link):
    uplink, entries = told(takes_events=False)
    uplink.set_client_format(PCM_24K)
    uplink.connect(link, 3)
    uplink.append([b"ab"])
    assert entries == []
    uplink.open()
    uplink.append([b"cd", b"ef"])
    uplink.commit("ts_1")
    assert [entry[1:3] + entry[4:] for entry in entries] == [("upstream", "out", 3)] * 3
    assert [b"".join(entry.pieces) for entry in entries[:2]] == [b"ab", b"cdef"]
    assert set(entries[2].pieces[0]) == {0}, "the padding"


def test_the_journal_is_told_of_a_clients_own_events_that_go_upstream(link):
    uplink, entries = told(takes_events=True)
    uplink.connect(link, 2)
    uplink.open()
    uplink.append([b"one", b"two"])
    assert entries == [FrameEntry(0.0, "upstream", "out", data, 2) for data in (b"one", b"two")]


@pytest.mark.parametrize("takes_events", [False, True])
def test_nothing_is_told_while_nobody_reads_the_journal(link, takes_events):
    uplink, entries = told(takes_events, read=False)
    uplink.set_client_format(PCM_24K)
    uplink.connect(link)
    uplink.open()
    uplink.append([b"abcd"])
    uplink.commit("ts_1")
    assert (len(link.sent) > 0, entries) == (True, [])
