"""Outlines are made by a function for each class: what it shows is what a look at each field shows."""

from __future__ import annotations

from typing import Any

import pytest

from turnstile.observability.compiled_outlines import compiled_outline
from turnstile.observability.outlines import outline
from turnstile.observability.recorded_classes import CLASSES, FIELDS, annotations_of
from turnstile.observability.redactor import Redactor
from turnstile.session.deadlines import Deadline
from turnstile.session.events import Refused, ResponseFinished

KEY = "sk-proj-0123456789abcdefghij"
_OF_ANNOTATION: dict[str, Any] = {"str": "call_1", "int": 7, "float": 0.5, "bool": True}
_INNER = Deadline("item", "ts_1", 2.0)


def made(cls: type, values: list[Any]) -> Any:
    if issubclass(cls, tuple):
        return tuple.__new__(cls, values)
    value = object.__new__(cls)
    for (name, _, _), part in zip(FIELDS[cls], values, strict=True):
        object.__setattr__(value, name, part)
    return value


def part_of(annotation: str) -> Any:
    return _OF_ANNOTATION.get(annotation, (_INNER, "item_1") if annotation.startswith("tuple") else _INNER)


def shown(part: Any) -> Any:
    if isinstance(part, Deadline):
        return {"!": "Deadline", "name": part.name, "token": part.token, "delay": part.delay}
    return [*map(shown, part)] if isinstance(part, tuple) else part


@pytest.mark.parametrize("cls", CLASSES.values())
def test_an_outline_shows_each_field_that_is_not_its_default(cls: type) -> None:
    types = annotations_of(cls)
    fields = [(name, types[name], default) for name, _, default in FIELDS[cls]]
    look = compiled_outline(cls, fields, lambda part, _: shown(part), names="names")
    parts = {name: part_of(annotation) for name, annotation, _ in fields}
    expected = {name: shown(parts[name]) for name, _, default in fields if parts[name] != default}

    assert look(made(cls, [*parts.values()]), Redactor()) == {"!": cls.__name__} | expected


def test_an_outline_leaves_out_what_is_the_default_or_nothing() -> None:
    assert outline(ResponseFinished("resp_1", "completed"), Redactor()) == {
        "!": "ResponseFinished",
        "response_id": "resp_1",
    }
    assert outline(Refused(None, "c", "said"), Redactor()) == {"!": "Refused", "code": "c"}


def test_a_number_where_a_peer_should_have_sent_text_is_shown() -> None:
    assert outline(Refused("ts_1", 404, "said"), Redactor())["code"] == 404  # type: ignore[arg-type]


def test_an_outline_shows_no_credential_however_often_it_comes() -> None:
    redactor = Redactor()
    first, second = (outline(Deadline("item", KEY, 1.0), redactor)["token"] for _ in range(2))

    assert KEY not in first
    assert first == second
