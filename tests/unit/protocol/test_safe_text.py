import unicodedata

import pytest

from turnstile.protocol.safe_text import on_one_line, without_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 漢字 😀", "plain ü 漢字 😀"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[31mred", r"\u001b[31mred"),
        ("a\x85b\u2028c\u2029d", r"a\u0085b\u2028c\u2029d"),
        ("\u202egnp.exe\u2066", r"\u202egnp.exe\u2066"),
        ("half \ud83d", r"half \ud83d"),
        ("", ""),
    ],
)
def test_text_is_shown_on_one_line(text, shown):
    assert on_one_line(text) == shown


def test_no_control_character_or_line_separator_is_left():
    shown = on_one_line("".join(map(chr, range(0x11000))))
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(character) for character in shown} & {"RLO", "LRO", "RLE", "LRE", "PDF"}


HEX = "0123456789abcdef0123456789ABCDEF"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("key sk-abc123def456 refused", "key *** refused"),
        ("ephemeral ek_no, ek-abcdef123", "ephemeral ek_no, ***"),
        ("ek_68af296e8e408191a1120ab6383263c2", "***"),
        ("ek_eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_", "***"),
        (f"the key ts_{HEX[:20]}-_{HEX[:21]} of web", "the key *** of web"),
        ("id ts_5, ts0123abcd_17", "id ts_5, ts0123abcd_17"),
        ("ws://host/openai?a=b&token=abc&c=d", "ws://host/openai?a=b&token=***&c=d"),
        ("Authorization: Bearer abc", "Authorization: Bearer ***"),
        ("authorization: token abc", "authorization: token ***"),
        ("Authorization: Basic dXNlcg==", "Authorization: Basic ***"),
        ("Authorization=abc", "Authorization=***"),
        ("sent Bearer abc.DEF_1", "sent Bearer ***"),
        ("{'Authorization': 'Bearer abc', 'x': 1}", "{'Authorization': 'Bearer ***', 'x': 1}"),
        (r"{\"Authorization\": \"Bearer abc\", \"x\": 1}", r"{\"Authorization\": \"Bearer ***\", \"x\": 1}"),
        ("api-key: abc", "api-key: ***"),
        ('{"api-key": "abc", "x": 1}', '{"api-key": "***", "x": 1}'),
        ("wss://host/x?api-key=abc&model=m", "wss://host/x?api-key=***&model=m"),
        ("api_key=abc", "api_key=***"),
        ("Incorrect API key provided: made-up. You can", "Incorrect API key provided: *** You can"),
        ("Incorrect API key provided: sk-proj-ab***************wxyz. You", "Incorrect API key provided: *** You"),
        (f"The subscription key {HEX} is invalid", "The subscription key *** is invalid"),
        (f"API key: {HEX}", "API key: ***"),
        ("in organization org-Abcdefgh12345678ijkl on tokens", "in organization *** on tokens"),
        ("project proj_Abcdefgh12345678ijkl", "project ***"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_", "token ***"),
    ],
)
def test_whatever_looks_like_a_credential_is_masked(text, masked):
    assert without_secrets(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "a task-force of sk- and tokens",
        "Missing bearer or basic authentication in header",
        "bearer authentication.",
        "the token limit of 4096 is reached",
        "the upstream refused the API key (401): check that it is set",
        "org-internationalization and resp_0123456789abcdef0123456789abcdef",
        "sk_learn",
    ],
)
def test_other_text_stays_as_it_is(text):
    assert without_secrets(text) == text


def test_a_known_credential_is_masked_whatever_it_looks_like():
    assert without_secrets("you sent hunter2-hunter2!", ["hunter2-hunter2"]) == "you sent ***!"


def test_a_known_credential_too_short_to_be_told_from_a_word_is_not_searched_for():
    assert without_secrets("a test", ["te", ""]) == "a test"
