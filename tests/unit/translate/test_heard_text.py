"""What was heard of an item, from the order in which its text and its audio came: upstream's own events."""

from __future__ import annotations

import base64

import pytest

from turnstile.translate.heard_events import FOLLOWED
from turnstile.translate.heard_text import HeardText

ASSISTANT = {"id": "i", "type": "message", "role": "assistant", "status": "in_progress", "content": []}


class Link:
    """The events of a link, as upstream sends them."""

    def __init__(self):
        self.text = HeardText()

    def event(self, kind, **fields):
        FOLLOWED[kind](self.text, {"type": kind, **fields})
        return self

    def created(self, response_id="r", **fields):
        return self.event("response.created", response={"id": response_id, "status": "in_progress", **fields})

    def added(self, item_id="i", response_id="r", **fields):
        item = {**ASSISTANT, "id": item_id, **fields}
        return self.event("response.output_item.added", response_id=response_id, item=item)

    def words(self, *pieces, item_id="i", response_id="r", part=0):
        for piece in pieces:
            place = {"response_id": response_id, "item_id": item_id, "content_index": part}
            self.event("response.output_audio_transcript.delta", **place, delta=piece)
        return self

    def written(self, *pieces, part=0):
        for piece in pieces:
            place = {"response_id": "r", "item_id": "i", "content_index": part}
            self.event("response.output_text.delta", **place, delta=piece)
        return self

    def audio(self, milliseconds, item_id="i", response_id="r", bytes_per_ms=48):
        self.text.audio([audio_delta(milliseconds * bytes_per_ms, item_id, response_id)])
        return self

    def transcript(self, whole, part=0):
        place = {"response_id": "r", "item_id": "i", "content_index": part}
        return self.event("response.output_audio_transcript.done", **place, transcript=whole)

    def item_done(self, status="completed", content=(), item_id="i", kind="response.output_item.done"):
        item = {**ASSISTANT, "id": item_id, "status": status, "content": list(content)}
        return self.event(kind, response_id="r", item=item)

    def done(self, status="completed", response_id="r", output=()):
        return self.event("response.done", response={"id": response_id, "status": status, "output": list(output)})

    def heard(self, milliseconds=None, item_id="i"):
        return self.text.heard(item_id, milliseconds)


def audio_delta(size, item_id="i", response_id="r"):
    delta = base64.b64encode(bytes(size)).decode()
    return {"type": "response.output_audio.delta", "response_id": response_id, "item_id": item_id, "delta": delta}


@pytest.fixture
def link():
    return Link()


@pytest.fixture
def spoken(link):
    """An item as the API speaks it: its text runs ahead of its audio."""
    link.created().added().words("Hello", " there", "!").audio(400)
    return link.words(" How", " may").audio(400).words(" I", " help").audio(200)


def test_nothing_is_heard_in_the_first_moment(spoken):
    assert spoken.heard(0) == ""


def test_nothing_is_heard_of_an_item_that_is_cut_as_soon_as_the_api_lets_it(spoken):
    assert spoken.heard(1) == ""


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (100, "Hello there!"),
        (400, "Hello there!"),  # Exactly where the next words come.
        (401, "Hello there! How may"),
        (800, "Hello there! How may"),
        (900, "Hello there! How may I help"),
        (5000, "Hello there! How may I help"),
    ],
)
def test_the_words_that_came_before_the_audio_of_a_moment_are_heard(spoken, milliseconds, text):
    assert spoken.heard(milliseconds) == text


def test_a_word_of_which_the_end_was_not_heard_is_not_heard(link):
    link.words("Hel").audio(100).words("lo", " the").audio(100).words("re").audio(100)
    assert [link.heard(each) for each in (50, 150, 250)] == ["", "Hello", "Hello there"]


def test_a_word_is_whole_where_only_punctuation_follows(link):
    link.words("Yes").audio(100).words(", sir").audio(100)
    assert link.heard(100) == "Yes"


def test_a_script_without_spaces_is_cut_between_its_pieces(link):
    link.words("今日").audio(100).words("は晴れ").audio(100).words("です。").audio(100)
    assert [link.heard(each) for each in (100, 150)] == ["今日", "今日は晴れ"]


def test_text_that_comes_behind_all_audio_was_heard_of_an_item_that_is_complete(spoken):
    spoken.words(".").transcript("Hello there! How may I help.")
    assert spoken.heard(1000) == "Hello there! How may I help"
    assert spoken.item_done().heard(1000) == "Hello there! How may I help."
    assert spoken.heard(999.5) == "Hello there! How may I help."  # The clocks count in whole milliseconds.
    assert spoken.heard(900) == "Hello there! How may I help"


def test_text_without_audio_was_not_heard_of_an_item_that_is_spoken(link):
    assert link.words("Hello").heard() == ""


def test_all_of_an_item_in_writing_was_heard(link):
    assert link.written("Hello", " there").heard(0) == "Hello there"


def test_what_was_heard_is_not_known_of_audio_without_a_transcript(link):
    assert link.created().added().audio(500).heard(250) is None


def test_what_was_heard_is_not_known_of_an_item_that_is_not_followed(link):
    assert link.heard(250) is None
    assert link.text.cut("i", 250) is None


def test_nothing_was_heard_of_an_item_that_has_only_begun(link):
    assert link.created().added().heard() == ""


@pytest.mark.parametrize(
    ("shown", "bytes_per_ms"),
    [
        (None, 48),
        ({"type": "audio/pcm", "rate": 24_000}, 48),
        ({"type": "audio/pcm", "rate": 16_000}, 32),
        ({"type": "audio/pcmu"}, 8),
        ("g711_alaw", 8),
        ({"type": "audio/opus"}, 48),
    ],
)
def test_audio_is_measured_in_the_format_in_force(link, shown, bytes_per_ms):
    link.text.set_upstream_format(shown)
    link.created().words("One").audio(100, bytes_per_ms=bytes_per_ms).words(" two").audio(100)
    assert [link.heard(each) for each in (100, 101)] == ["One", "One two"]


def test_audio_is_measured_in_the_format_that_its_response_shows(link):
    link.text.set_upstream_format({"type": "audio/pcm", "rate": 24_000})
    link.created(audio={"output": {"format": {"type": "audio/pcmu"}}})
    link.words("One").audio(100, bytes_per_ms=8).words(" two").audio(100, bytes_per_ms=8).done()
    link.created("r2").words("One", item_id="j", response_id="r2").audio(100, "j", "r2")
    link.words(" two", item_id="j", response_id="r2").audio(100, "j", "r2")
    assert [link.heard(each, name) for name in "ij" for each in (100, 101)] == ["One", "One two"] * 2


def test_audio_that_came_in_several_pieces_at_once_is_measured_whole(link):
    link.words("One")
    link.text.audio([audio_delta(size) for size in (100, 101, 99, 4500)])
    link.words(" two").audio(100)
    assert [link.heard(each) for each in (100, 101)] == ["One", "One two"]


# Content parts.


def test_the_words_of_two_content_parts_are_parted(link):
    link.words("Hello there.").audio(100).words("How are", part=1).audio(100).words(" you?", part=1).audio(100)
    assert [link.heard(each) for each in (100, 150, 300)] == [
        "Hello there.",
        "Hello there. How are",
        "Hello there. How are you?",
    ]


def test_a_content_part_that_goes_on_behind_another_is_not_parted_again(link):
    link.words("One").words("Two", part=1).words("+").audio(100)
    assert link.heard() == "One Two+"


def test_an_index_that_is_no_number_is_the_first(link):
    link.words("One", part=None).words(" two", part="x").audio(100).transcript("One two", part=[])
    assert link.heard() == "One two"


# Servers that show less.


def test_a_transcript_that_only_comes_whole_is_heard_evenly(link):
    link.audio(500).audio(500).transcript("One two three four five")
    assert [link.heard(each) for each in (1, 100, 500, 700, 1000)] == [
        *("", "", "One two", "One two three"),
        "One two three four five",
    ]


def test_a_whole_transcript_is_heard_to_the_end_of_audio_that_comes_behind_it(link):
    link.transcript("One two three four").audio(1000)
    assert link.heard(500) == "One two"


def test_a_whole_transcript_without_audio_was_not_heard(link):
    assert link.transcript("One two").heard() == ""


def test_whole_transcripts_of_two_content_parts_are_heard_one_after_the_other(link):
    link.audio(1000).transcript("One two.").audio(1000).transcript("Three four.", part=1)
    assert [link.heard(each) for each in (500, 1000, 1600, 2000)] == [
        *("One", "One two.", "One two. Three"),
        "One two. Three four.",
    ]


def test_a_whole_transcript_of_a_part_behind_one_that_came_in_pieces_is_heard_behind_it(link):
    link.words("One").audio(500).words(" two.").audio(500).transcript("Three four.", part=1)
    assert link.heard() == "One two. Three four."


def test_a_piece_behind_a_whole_transcript_has_its_own_place(link):
    link.audio(500).transcript("One two.").words("Three", part=1).audio(500)
    assert [link.heard(each) for each in (500, 600)] == ["One two.", "One two. Three"]


def test_a_transcript_that_comes_again_whole_is_not_heard_twice(spoken):
    spoken.transcript("Hello there! How may I help").item_done(
        content=[{"type": "output_audio", "transcript": "Hello there! How may I help"}]
    )
    assert spoken.heard() == "Hello there! How may I help"


@pytest.mark.parametrize("part", [{"type": "audio", "transcript": "One two"}, {"type": "text", "text": "One two"}])
def test_the_text_of_a_content_part_is_taken_where_no_other_event_had_it(link, part):
    link.audio(1000).event("response.content_part.done", item_id="i", content_index=0, part=part)
    assert link.heard(600) == "One"


def test_a_content_part_tells_whether_it_is_spoken(link):
    link.added().event("response.content_part.done", item_id="i", part={"type": "audio", "transcript": "One"})
    assert link.heard() == ""


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"item_id": 1, "part": {"text": "x"}},
        {"item_id": "j", "part": {"text": "x"}},
        {"item_id": "i"},
        {"item_id": "i", "part": "x"},
        {"item_id": "i", "part": {"text": 1}},
        {"item_id": "i", "part": {}},
    ],
)
def test_a_content_part_that_is_not_one_adds_nothing(link, event):
    assert link.added().event("response.content_part.done", **event).heard() == ""


@pytest.mark.parametrize("kind", ["response.output_item.done", "conversation.item.done"])
def test_the_text_of_an_item_is_taken_where_no_other_event_had_it(link, kind):
    link.audio(1000).item_done(content=[{"type": "output_audio", "transcript": "One two"}], kind=kind)
    assert [link.heard(each) for each in (600, 1000)] == ["One", "One two"]


def test_an_item_of_which_only_its_end_comes_is_followed(link):
    assert link.item_done(content=[{"type": "output_text", "text": "One two"}]).heard() == "One two"


def test_the_end_of_an_item_that_is_not_the_agents_is_not_followed(link):
    link.item_done(item_id="u", kind="conversation.item.done", content=[{"type": "input_text", "text": "One"}])
    assert link.heard(item_id="u") is None


def test_the_text_of_an_item_is_taken_from_the_response_where_no_other_event_had_it(link):
    item = {**ASSISTANT, "status": "completed", "content": [{"type": "output_audio", "transcript": "One two"}]}
    link.audio(1000).done(output=[item, {"type": "function_call", "id": "c"}])
    assert link.heard() == "One two"


def test_text_in_writing_that_only_comes_whole_was_heard(link):
    link.event("response.output_text.done", response_id="r", item_id="i", content_index=0, text="One two")
    assert link.heard() == "One two"


def test_an_empty_transcript_is_none(link):
    assert link.audio(100).transcript("").words("").heard() is None


@pytest.mark.parametrize("item", [{"id": "c", "type": "function_call"}, {"id": 1, "type": "message"}, {"id": "m"}])
def test_an_output_item_that_is_no_message_is_not_followed(link, item):
    for kind in ("response.output_item.added", "response.output_item.done"):
        link.event(kind, response_id="r", item=item)
    assert link.text.unfinished() == ()


@pytest.mark.parametrize("fields", [{"item_id": None}, {"response_id": 5}, {"delta": None}, {"delta": 7}])
def test_audio_that_is_not_built_as_such_is_not_measured(link, fields):
    link.added()
    link.text.audio([{**audio_delta(4800), **fields}])
    assert link.heard() == ""


# Cuts.


def test_a_cut_stays_whatever_comes_later(spoken):
    assert spoken.text.cut("i", 300) == "Hello there!"
    spoken.words(" you?").audio(1000).item_done().done()
    assert [spoken.heard(), spoken.heard(5000)] == ["Hello there!"] * 2
    assert spoken.text.cut("i", 900) == "Hello there!"


def test_an_item_may_be_cut_again_to_less(spoken):
    spoken.text.cut("i", 900)
    assert spoken.text.cut("i", 500) == "Hello there! How may"


def test_what_had_come_ahead_is_not_heard_of_an_item_that_is_cut_at_its_end_before_it_is_complete(link):
    link.words("One").audio(100).words(" two")
    assert link.text.cut("i", 100) == "One"
    link.item_done().done()
    assert [link.heard(), link.text.cut("i", 100)] == ["One", "One"]


def test_a_complete_item_that_is_cut_at_its_end_was_heard_whole(link):
    link.words("One").audio(100).words(" two").item_done()
    assert link.text.cut("i", 100) == "One two"


def test_a_cut_before_the_text_is_known_holds_for_the_text(link):
    link.audio(1000)
    assert link.text.cut("i", 600) is None
    assert link.transcript("One two").item_done("incomplete").heard() == "One"


def test_an_item_ends_where_upstream_truncated_it(spoken):
    spoken.event("conversation.item.truncated", item_id="i", content_index=0, audio_end_ms=500)
    assert spoken.heard() == "Hello there! How may"


@pytest.mark.parametrize("end", [None, "500", -1, float("nan")])
def test_what_was_heard_is_not_known_where_upstream_truncated_at_an_unknown_moment(spoken, end):
    spoken.event("conversation.item.truncated", item_id="i", audio_end_ms=end)
    assert spoken.heard() is None


def test_a_truncation_without_an_item_cuts_none(spoken):
    spoken.event("conversation.item.truncated", audio_end_ms=1)
    assert spoken.heard(300) == "Hello there!"


# A link's end.


def test_the_items_of_a_response_that_has_not_ended_are_unfinished_with_the_text_of_their_audio(spoken):
    spoken.words(" you").item_done("completed", item_id="j", content=[{"type": "output_text", "text": "So."}])
    assert spoken.text.unfinished() == (("i", "Hello there! How may I help"), ("j", "So."))


def test_an_unfinished_item_that_was_cut_has_its_text_up_to_the_cut(spoken):
    spoken.text.cut("i", 300)
    assert spoken.text.unfinished() == (("i", "Hello there!"),)


def test_nothing_is_unfinished_when_the_response_has_ended(spoken):
    assert spoken.done("cancelled").text.unfinished() == ()


def test_the_end_of_another_response_does_not_finish_an_item(spoken):
    assert spoken.done(response_id="r0").text.unfinished() == (("i", "Hello there! How may I help"),)


def test_an_unfinished_item_of_which_only_audio_was_sent_has_no_text(link):
    assert link.created().added().audio(100).text.unfinished() == (("i", None),)


def test_an_item_of_a_response_out_of_band_is_not_followed(link):
    link.created(conversation_id=None).added().words("Hello").audio(100).transcript("Hello")
    link.event("response.output_text.delta", response_id="r", item_id="i", delta="x")
    link.event("response.output_text.done", response_id="r", item_id="i", text="x").item_done()
    assert (link.heard(), link.text.unfinished()) == (None, ())
    link.done().created().words("Again").audio(100)
    assert link.heard() == "Again"


def test_an_item_of_a_response_of_ours_is_followed_where_its_conversation_is_not_shown(link):
    link.created(conversation_id=None, metadata={"turnstile_create": "ts_1"}).words("Hello").audio(100)
    assert link.heard() == "Hello"


def test_nothing_is_unfinished_on_a_new_link_and_what_was_heard_is_still_known(spoken):
    spoken.text.begin_link()
    assert (spoken.text.unfinished(), spoken.heard(300)) == ((), "Hello there!")
    spoken.text.begin_link()
    assert spoken.text.cut("i", 300) == "Hello there!"


def test_an_item_of_a_new_link_is_another_than_one_of_the_same_name_before(spoken):
    spoken.text.begin_link()
    spoken.words("Again").audio(100)
    assert spoken.text.unfinished() == (("i", "Again"),)


# What is kept.


def test_the_oldest_items_go_when_there_are_many(link):
    for number in range(20):
        link.words("Hello", item_id=f"i{number}").audio(10, f"i{number}")
    assert [link.heard(item_id=f"i{number}") for number in (3, 4, 19)] == [None, "Hello", "Hello"]


def test_the_names_of_few_responses_out_of_band_are_kept(link):
    for number in range(1000):
        link.created(f"r{number}", conversation_id=None)
    assert len(link.text.asides) <= 64


def test_no_more_text_of_an_item_is_kept_than_the_api_ever_writes(link):
    for _ in range(1000):
        link.words("x" * 1000).audio(1)
    link.transcript("y" * 100_000, part=1)
    assert 20_000 < link.text.kept_bytes < 40_000
    assert set(link.heard()) == {"x"}


def test_the_places_of_small_pieces_count_as_kept(link):
    for _ in range(10_000):
        link.words("x").audio(1)
    assert link.text.kept_bytes < 40_000


def test_what_an_earlier_link_left_counts_as_kept(spoken):
    kept = spoken.text.kept_bytes
    spoken.text.begin_link()
    assert spoken.text.kept_bytes == kept > 0
