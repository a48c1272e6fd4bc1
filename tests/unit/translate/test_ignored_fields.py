from __future__ import annotations

from turnstile.translate.ignored_fields import first_supported, ignored, shortened


def test_a_field_that_nothing_comes_of_is_named_with_the_reason():
    assert ignored("think.endpoint").description == "think.endpoint: has no counterpart upstream; it is ignored."
    assert ignored("mood", "is not known").description == "mood: is not known; it is ignored."


def test_what_the_client_sent_is_quoted_and_shortened():
    assert shortened("x" * 100) == f"'{'x' * 40}'"


def test_one_that_is_given_alone_is_taken_as_it_is():
    assert first_supported(("a",), lambda _: False, "agent.think") == ("a", "agent.think", [])


def test_the_first_of_several_that_can_be_served_is_taken_and_the_others_are_told_of():
    choice, path, passed = first_supported(("a", "b", "c"), lambda one: one == "c", "agent.think")
    assert (choice, path) == ("c", "agent.think[2]")
    assert [problem.description.split(";")[0] for problem in passed] == [
        "agent.think[0]: cannot be served, agent.think[2] is",
        "agent.think[1]: cannot be served, agent.think[2] is",
    ]


def test_the_first_is_taken_where_none_can_be_served():
    assert first_supported(("a", "b"), lambda _: False, "think") == ("a", "think[0]", [])
