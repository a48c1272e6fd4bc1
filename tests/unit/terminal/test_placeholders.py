import json

import pytest

from turnstile.terminal.placeholders import Placeholders, is_name

KEY = b"the same in each run"


@pytest.fixture
def placeholders():
    return Placeholders(KEY)


TEXTS = [
    "Hello, world!",
    "two\nlines  and\ttabs",
    "7 of 42",
    "Ünïcödé 東京 œuf",
    "",
    "a",
    "I",
    "CAPS",
    "don't",
    "\ud800x",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_placeholder_is_as_long_and_has_the_same_words(placeholders, text):
    shown = placeholders.text(text)
    assert len(shown) == len(text)
    assert [len(word) for word in shown.split(" ")] == [len(word) for word in text.split(" ")]
    assert [one.isalnum() for one in shown] == [one.isalnum() for one in text]


@pytest.mark.parametrize("text", TEXTS)
def test_no_letter_stays_in_its_place(placeholders, text):
    shown = placeholders.text(text)
    assert [one for one, other in zip(text, shown, strict=True) if one == other and one.isalnum()] == []


def test_equal_words_stay_equal_wherever_they_stand(placeholders):
    one, and_, other, again = placeholders.text("Lisbon and Porto Lisbon.").rstrip(".").split(" ")
    assert one == again == placeholders.text("Lisbon")
    assert len({one, and_, other}) == 3


def test_the_beginning_of_a_text_has_the_beginning_of_its_placeholder(placeholders):
    text = "Recommend museums instead."
    shown = placeholders.text(text)
    assert [placeholders.text(text[:size]) for size in range(len(text))] == [shown[:size] for size in range(len(text))]


def test_words_that_differ_stay_different(placeholders):
    words = [f"{one}{two}" for one in "abcdefghijklmnopqrstuvwxyz" for two in "abcdefghijklmnopqrstuvwxyz"]
    assert len({placeholders.text(word) for word in words}) == len(words)


def test_another_key_gives_other_placeholders():
    text = "Recommend museums instead."
    assert Placeholders().text(text) != Placeholders().text(text)


@pytest.mark.parametrize(
    "value",
    [
        {"city": "Lisbon", "days": 3, "near": [38.72, -9.14], "open": True, "none": None, "big": 1.5e10, "zero": 0.05},
        {'quoted "key"': 'a "quoted" word', "path": "C:\\new\ttab", "nested": {"a": ["x", {"b": "Porto"}]}},
        {"city": "東京", "emoji": "😀 smile"},
        ["Lisbon", 7, 100, -20],
    ],
)
@pytest.mark.parametrize("escapes", [False, True])
def test_json_as_text_stays_json_of_the_same_form(placeholders, value, escapes):
    text = json.dumps(value, ensure_ascii=escapes)
    shown = placeholders.encoded(text)
    assert len(shown) == len(text)
    assert _form(json.loads(shown)) == _form(value)
    for word in ("Lisbon", "Porto", "東京", "smile", "38.72", "path\\"):
        assert word not in shown
        assert json.dumps(word)[1:-1] not in shown


def _form(value):
    if isinstance(value, dict):
        return {name: _form(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_form(part) for part in value]
    return type(value)


def test_a_part_of_json_has_the_part_of_its_placeholder(placeholders):
    text = '{"city": "Lisbon", "days": '
    assert placeholders.encoded(text + "3}").startswith(placeholders.encoded(text))
    assert placeholders.encoded('{"city": "Lis') == placeholders.encoded(text)[:13]


def test_text_that_is_no_json_is_text(placeholders):
    assert placeholders.encoded("hail") == placeholders.text("hail")


def test_ids_types_codes_and_names_of_functions_stay(placeholders):
    frame = {
        "type": "FunctionCallRequest",
        "functions": [{"id": "call_1", "name": "get_weather", "arguments": '{"city": "Lisbon"}', "client_side": True}],
        "response": {
            "id": "resp_1",
            "status": "completed",
            "metadata": {"turnstile_create": "ts_3", "topic": "Lisbon"},
        },
        "session": {
            "model": "gpt-realtime",
            "voice": "marin",
            "instructions": "Lisbon",
            "output_modalities": ["audio"],
        },
        "url": "https://api.lisbon.example/x",
    }
    shown = placeholders.frame(frame)
    lisbon = placeholders.text("Lisbon")
    assert shown["type"] == "FunctionCallRequest"
    assert shown["functions"] == [
        {"id": "call_1", "name": "get_weather", "arguments": f'{{"city": "{lisbon}"}}', "client_side": True}
    ]
    assert shown["response"] == {
        "id": "resp_1", "status": "completed", "metadata": {"turnstile_create": "ts_3", "topic": lisbon}
    }  # fmt: skip
    assert shown["session"] == frame["session"] | {"instructions": lisbon}
    assert shown["url"].startswith("https://")
    assert "lisbon" not in shown["url"]


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "Error", "description": "UpdatePrompt: 'Lisbon' is too long."},
        {"type": "error", "error": {"type": "invalid_request_error", "message": "'Lisbon' is too long."}},
        {"type": "response.done", "response": {"status_details": {"error": {"message": '"Lisbon" is `Lisbon`.'}}}},
    ],
)
def test_what_a_problem_quotes_is_replaced_and_its_sentence_stays(placeholders, frame):
    shown = json.dumps(placeholders.frame(frame))
    assert "Lisbon" not in shown
    assert " is " in shown


def test_a_message_of_the_agents_is_content(placeholders):
    assert "Lisbon" not in placeholders.frame({"type": "InjectAgentMessage", "message": "Lisbon"})["message"]


@pytest.mark.parametrize("field", ["id", "item_id", "call_ids", "turnstile_create", "type", "voice"])
def test_names_are_known_by_their_field(field):
    assert is_name(field)
    assert not is_name(f"{field}_text")


def test_what_a_peer_calls_by_names_of_its_own_is_content(placeholders):
    metadata = {"name": "Ada Lovelace", "user_id": "ada", "turnstile_create": "ts_1", "more": ["Ada", {"code": 5}]}
    shown = placeholders.frame({"type": "response.created", "response": {"id": "resp_1", "metadata": metadata}})
    found = shown["response"]["metadata"]
    assert (found["turnstile_create"], found["more"][1], shown["response"]["id"]) == ("ts_1", {"code": 5}, "resp_1")
    assert "ada" not in str(found).lower()


@pytest.mark.parametrize("text", ["what I said", "我想取消", "two\nlines"])
def test_a_text_where_a_name_is_expected_is_content(placeholders, text):
    shown = placeholders.frame({"type": text, "id": text, "item": {"name": text}})
    assert shown == {"type": placeholders.text(text), "id": shown["type"], "item": {"name": shown["type"]}}


def test_a_name_that_stays_stays_where_an_error_quotes_it(placeholders):
    placeholders.frame({"type": "UpdateSpeak", "voice": "ash"})
    said = placeholders.frame({"type": "Error", "description": "voice: 'ash' is none of 'Ada'."})["description"]
    assert said == f"voice: 'ash' is none of '{placeholders.text('Ada')}'."
