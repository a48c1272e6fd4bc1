from __future__ import annotations

import pytest

from turnstile.simulator.scenario import DEFAULT_TRANSCRIPT, Call, Expect, Reply, Run, Scenario, Step, Turn

OUTPUT = Turn("output", "the question", (("f", "12 degrees"), ("g", "rain")))


@pytest.mark.parametrize(
    ("expect", "turn", "met"),
    [
        (Expect(), Turn("none"), True),
        (Expect("text"), Turn("text", "hi"), True),
        (Expect("text"), Turn("audio", "hi"), False),
        (Expect(contains="WEATHER"), Turn("text", "the weather?"), True),
        (Expect(contains="weather"), Turn("text", "hi"), False),
        (Expect(contains="weather"), Turn("none", "weather"), False),
        (Expect(contains="rain"), OUTPUT, True),
        (Expect(contains="question"), OUTPUT, False),
        (Expect(function="g"), OUTPUT, True),
        (Expect(function="h"), OUTPUT, False),
    ],
)
def test_an_expectation_is_met_when_all_it_names_fits(expect, turn, met):
    assert expect(turn) is met


def test_the_first_step_that_fits_is_emitted():
    run = Run(Scenario((Step(Expect("audio"), Reply("a")), Step(Expect(), Reply("b")), Step(Expect(), Reply("c")))))
    assert run.answer(Turn("text")) == Reply("b")


def test_a_step_is_used_up_when_it_is_for_once():
    run = Run(Scenario((Step(Expect(), Reply("first"), once=True), Step(Expect(), Reply("then")))))
    assert [run.answer(Turn("text")).text for _ in range(3)] == ["first", "then", "then"]


def test_sessions_do_not_share_what_is_used_up():
    scenario = Scenario((Step(Expect(), Reply("first"), once=True),), transcripts=("one",))
    for _ in range(2):
        run = Run(scenario)
        assert run.answer(Turn("text")).text == "first"
        assert run.transcript() == "one"


def test_a_function_makes_a_reply_of_the_turn():
    run = Run(Scenario((Step(lambda turn: len(turn.text) > 2, lambda turn: Reply(turn.text.upper())),)))
    assert run.answer(Turn("text", "hello")).text == "HELLO"


def test_the_turns_words_are_filled_in_once():
    turn = Turn("output", "{output}", (("f", "{text}"),), "be kind")
    reply = Reply("{text} {output} {instructions} {other}", (Call("f"),), "incomplete", "content_filter")
    assert reply.filled(turn) == Reply("{output} {text} be kind {other}", (Call("f"),), "incomplete", "content_filter")


def test_a_reply_without_text_is_left_alone():
    assert Reply(calls=(Call("f"),)).filled(Turn("text")) == Reply(calls=(Call("f"),))


def test_the_responses_own_instructions_are_in_force():
    assert Turn("text", session_instructions="a").instructions_in_force == "a"
    assert Turn("text", session_instructions="a", instructions="").instructions_in_force == ""


def test_what_the_response_wants_said_exactly_is_said_whatever_the_steps_are():
    run = Run(Scenario((Step(Expect(), Reply("x")),), otherwise=None))
    assert run.answer(Turn("text", "weather", instructions='Say exactly: "Hi."')) == Reply("Hi.")


def test_nothing_is_answered_when_a_strict_scenario_expects_nothing_of_it():
    assert Run(Scenario(otherwise=None)).answer(Turn("text")) is None


def test_steps_never_reached_are_told():
    run = Run(Scenario((Step(Expect("audio"), Reply("a")), Step(Expect("text"), Reply("b")))))
    run.answer(Turn("text"))
    assert run.unreached() == ("step 1: Expect(on='audio', contains=None, function=None)",)


def test_the_default_is_said_when_the_transcripts_are_used_up():
    run = Run(Scenario(transcripts=("one",)))
    assert [run.transcript() for _ in range(3)] == ["one", DEFAULT_TRANSCRIPT, DEFAULT_TRANSCRIPT]
