import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnstile.auth.client_keys import KeyEntry, KnownKeys, digest_of, entries_of, new_key
from turnstile.errors import ConfigError
from turnstile.protocol.safe_text import without_secrets

DIGEST = "1f" * 32


def test_a_new_key_has_256_random_bits_behind_a_prefix_that_shows_what_it_is():
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch(r"ts_[A-Za-z0-9_-]{43}", key) for key in keys)


def test_a_key_is_masked_wherever_it_stands_in_the_log():
    assert without_secrets(f"a {new_key()} b") == "a *** b"


def test_what_is_kept_of_a_key_is_its_sha_256():
    assert digest_of("ts_made-up") == hashlib.sha256(b"ts_made-up").digest()


def test_a_line_is_a_name_a_digest_and_the_day_it_was_added():
    text = f"# of our customers\n\nweb sha256:{DIGEST} 2026-11-26\n  app.v2@example.com\tsha256:{'AB' * 32}\n"
    assert entries_of(text, "keys.txt") == [
        KeyEntry("web", bytes.fromhex(DIGEST), "2026-11-26"),
        KeyEntry("app.v2@example.com", bytes.fromhex("ab" * 32)),
    ]


def test_an_entry_is_read_as_it_is_written():
    entry = KeyEntry("web", bytes.fromhex(DIGEST), "2026-11-26")
    assert entries_of(str(entry), "keys.txt") == [entry]
    assert str(entry) == f"web sha256:{DIGEST} 2026-11-26"
    assert entry.id == "1f1f1f1f1f1f"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("web", 'write "NAME sha256:DIGEST", as `turnstile key add NAME` does.'),
        (f"web sha256:{DIGEST} 2026-11-26 more", 'write "NAME sha256:DIGEST", as `turnstile key add NAME` does.'),
        (f"web md5:{DIGEST}", "the digest must be sha256: and 64 hexadecimal digits; add the key anew."),
        (f"web sha256:{DIGEST[:-1]}", "the digest must be sha256: and 64 hexadecimal digits; add the key anew."),
        ("web sha256:" + "xy" * 32, "the digest must be sha256: and 64 hexadecimal digits; add the key anew."),
        (
            f"we/b sha256:{DIGEST}",
            "name: write 1 to 64 letters, digits or . _ @ + -, beginning with a letter or digit, and not with ts_",
        ),
        (
            f"{'w' * 65} sha256:{DIGEST}",
            "name: write 1 to 64 letters, digits or . _ @ + -, beginning with a letter or ",
        ),
        (f"web sha256:{DIGEST} 2026-13-01", "the day must be a date such as 2026-11-26, or left out."),
    ],
)
def test_a_line_that_cannot_be_read_is_named_with_the_fix_and_not_repeated(line, words):
    with pytest.raises(ConfigError) as caught:
        entries_of(f"ok sha256:{'00' * 32}\n{line}\n", "keys.txt")
    assert caught.value.problem.description.startswith(f"keys.txt, line 2: {words}")
    assert DIGEST[:20] not in str(caught.value)


@pytest.mark.parametrize("line", ["web KEY", "KEY", f"KEY sha256:{DIGEST}"])
def test_a_key_that_is_there_in_place_of_its_digest_or_its_name_is_named_and_not_repeated(line):
    with pytest.raises(ConfigError) as caught:
        entries_of(line.replace("KEY", new_key()), "keys.txt")
    words = "keys.txt, line 1: holds a key itself, which whoever reads the file could use; remove it and add another."
    assert caught.value.problem.description == words


def test_a_digest_may_be_there_once():
    with pytest.raises(ConfigError, match=r"keys.txt, line 3: is the key of line 1; remove one of them."):
        entries_of(f"web sha256:{DIGEST}\n\napp sha256:{DIGEST}\n", "keys.txt")


@given(st.lists(st.one_of(st.text(), st.sampled_from(["web", f"sha256:{DIGEST}", "2026-11-26", "#", "\n"]))))
def test_any_text_is_entries_that_are_read_again_or_an_error_that_names_a_line(words):
    text = " ".join(words)
    try:
        entries = entries_of(text, "keys.txt")
    except ConfigError as error:
        assert re.match(r"keys\.txt, line \d+: ", error.problem.description)  # noqa: PT017 - either is right
    else:
        assert entries_of("\n".join(map(str, entries)), "keys.txt") == entries


def test_a_known_key_has_a_name_and_a_name_may_have_several():
    old, new, other = new_key(), new_key(), new_key()
    known = KnownKeys(
        [KeyEntry("web", digest_of(old)), KeyEntry("web", digest_of(new)), KeyEntry("app", digest_of(other))]
    )
    assert [known.name_of(key) for key in (old, new, other)] == ["web", "web", "app"]


def test_another_key_has_none():
    key = new_key()
    known = KnownKeys([KeyEntry("web", digest_of(key))])
    assert [known.name_of(wrong) for wrong in ("", key[:-1], f"{key}x", key.upper(), "web", digest_of(key).hex())] == [
        None
    ] * 6
    assert KnownKeys([]).name_of(key) is None


def test_a_key_whose_digest_only_begins_as_a_known_one_does_is_another():
    key = new_key()
    digest = digest_of(key)
    alike = KeyEntry("web", digest[:-1] + bytes([digest[-1] ^ 1]))
    assert KnownKeys([alike]).name_of(key) is None
    assert KnownKeys([alike, KeyEntry("app", digest)]).name_of(key) == "app"
