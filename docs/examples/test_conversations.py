"""Tests of a restaurant's agent: ``pytest test_conversations.py``.

The proxy runs in the tests' process. Upstream is the simulator, which answers as a scenario says, so that the tests are
quick, need no key, and come out the same every time. What they test is your side of the conversation.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from actors import ProxySystem
from turnstile.config import load_config
from turnstile.simulator.scenario import Call, Expect, Reply, Scenario, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actors import ScriptedSession

    MakeSession = Callable[..., ScriptedSession]

# Has the fixture `scripted_session`. In a project of several files this line stands in the conftest.py at the top.
pytest_plugins = ["turnstile.testing.fixtures"]

# The agent under test. In a project of yours it is imported.
PROMPT = "You take bookings."
GREETING = "Good evening! For how many people?"


def book_table(guests: int, hour: int) -> str:
    """Book a table for tonight."""
    return f"a table for {guests} at {hour} o'clock"


# What the model does in these tests. A turn that no step expects is repeated, with the prompt that is in force.
MENU = f"Tonight there is {', and '.join(['soup', 'fish', 'cheese', 'cake'] * 10)}."
BOOKING = Call("book_table", {"guests": 2, "hour": 20})
MODEL = Scenario(
    steps=(
        Step(Expect(contains="menu"), Reply(MENU)),
        Step(Expect(contains="table for two"), Reply("One moment.", calls=(BOOKING,))),
        Step(Expect(on="output", function="book_table"), Reply("Done: {output}.")),
    ),
    transcripts=("Never mind, thank you.",),
)

# Half a second that the simulator hears as speech: loud 16-bit PCM at 16 kHz. Its words are the transcript above.
SPEECH = (b"\x00\x40" * 20 + b"\x00\xc0" * 20) * 200


@pytest.fixture
def proxy() -> Iterator[ProxySystem]:
    """A proxy whose simulator the test can reach, to break links of."""
    config = load_config(flags={"upstream.url": "simulator:"})
    with ProxySystem(config, listens=False, scenario=MODEL) as started:
        yield started


@pytest.fixture
def guest(scripted_session: MakeSession, proxy: ProxySystem) -> ScriptedSession:
    """A guest who has called."""
    session = scripted_session(proxy=proxy)
    session.configure(prompt=PROMPT, functions=[book_table], greeting=GREETING)
    session.wait_for("ConversationText", role="assistant", content=GREETING)
    return session


def answer_to(guest: ScriptedSession, text: str) -> str:
    """Say something, and return what the agent answers."""
    guest.say(text)
    answer: str = guest.wait_for("ConversationText", role="assistant")["content"]
    return answer


def test_the_agent_greets_before_the_guest_says_anything(scripted_session: MakeSession) -> None:
    session = scripted_session(scenario=MODEL)
    session.configure(prompt=PROMPT, greeting=GREETING)
    assert session.wait_for("ConversationText")["content"] == GREETING


def test_a_table_is_booked_as_the_guest_wants_it(guest: ScriptedSession) -> None:
    guest.say("A table for two at eight, please.")
    call = guest.wait_for("FunctionCallRequest")
    (function,) = call["functions"]
    arguments = json.loads(function["arguments"])
    assert (function["name"], arguments) == ("book_table", {"guests": 2, "hour": 20})
    guest.answer(call, book_table(**arguments))
    guest.wait_for("ConversationText", role="assistant", content="Done: a table for 2 at 20 o'clock.")


def test_a_prompt_that_changes_while_the_agent_speaks_is_in_force_for_its_next_answer(guest: ScriptedSession) -> None:
    guest.say("What is on the menu?")
    guest.wait_for("AgentStartedSpeaking")
    guest.update(prompt="The kitchen is closed.")
    assert guest.snapshot().held_updates == 1
    guest.wait_for("ConversationText", role="assistant", content=MENU)
    guest.wait_for("PromptUpdated")
    assert "The kitchen is closed." in answer_to(guest, "Is the kitchen open?")


def test_a_guest_who_breaks_in_is_answered_and_hears_no_more_of_the_menu(guest: ScriptedSession) -> None:
    guest.say("What is on the menu?")
    guest.wait_for("AgentStartedSpeaking")
    guest.send_audio(SPEECH)
    guest.wait_for("UserStartedSpeaking")
    heard = guest.wait_for("ConversationText", role="assistant")["content"]
    assert MENU.startswith(heard)
    assert heard != MENU
    answer = guest.wait_for("ConversationText", role="assistant")["content"]
    assert answer.startswith("You said: Never mind, thank you.")


def test_the_conversation_goes_on_when_the_link_is_lost(guest: ScriptedSession, proxy: ProxySystem) -> None:
    answer_to(guest, "My name is Ada.")
    guest.wait_for("AgentDone")  # an answer that is cut off by the loss is given again
    assert proxy.simulator is not None
    proxy.simulator.links.open[0].disconnect()
    assert guest.wait_for("Warning")["code"] == "upstream_lost"
    assert guest.wait_for("Warning")["code"] == "upstream_restored"
    assert answer_to(guest, "What is my name?").startswith("You said: What is my name?")
    _, second_link = proxy.simulator.sessions
    assert "My name is Ada." in [item.text for item in second_link.conversation]
