"""Names and ids are looked at once while they are remembered, and few are."""

from __future__ import annotations

from turnstile.observability.redactor import Redactor

KEY = "sk-proj-0123456789abcdefghij"


def test_a_name_is_shown_a_text_or_a_credential_is_not() -> None:
    redactor = Redactor()

    assert redactor.ids["item_1"] == redactor.names["item_1"] == "item_1"
    assert redactor.names["update retry"] == "update retry"
    assert redactor.ids["update retry"] == f"(text {redactor.digest('update retry')})"
    assert redactor.ids["größe"] == f"(text {redactor.digest('größe')})"
    assert redactor.names["x" * 129] == f"(long {redactor.digest('x' * 129)})"
    assert KEY not in redactor.names[KEY] + redactor.ids[KEY]
    assert "ek_0123456789abcdefghij" not in redactor.names["ek_0123456789abcdefghij"]


def test_few_names_are_remembered_and_none_that_is_long() -> None:
    redactor = Redactor()
    for number in range(1000):
        assert redactor.ids[f"item_{number}"] == f"item_{number}"
    assert len(redactor.ids) <= 256

    before = len(redactor.ids)
    assert redactor.ids["x" * 100_000].startswith("(long")
    assert len(redactor.ids) == before
