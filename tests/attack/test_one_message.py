"""What one message of a client costs, counted on the session's own actors: in calls, and in what is sent."""

from __future__ import annotations

import pytest
from one_message import AGENT_MESSAGES, AGENT_MESSAGES_WITHIN
from test_counts import Cost, Counting, Talk

from actors.messages import End
from turnstile.protocol.frames import TextFrame

pytestmark = pytest.mark.usefixtures("no_collection")

CALLS_OF_A_REFUSAL = 100
# One for each value that a message may have, and what a message costs.
CALLS_OF_A_MESSAGE = 21_000
MOST_WARNINGS = 20


@pytest.fixture
def talk():
    talk = Talk(Counting())
    yield talk
    talk.inbox.tell(End(1000, ""))
    talk.counting.run()


def cost_of(talk, message):
    """Return the calls and the answers that a message costs."""
    talk.counting.cost = cost = Cost()
    before = len(talk.client.sent)
    talk.inbox.tell(TextFrame(message))
    talk.counting.run()
    return cost.calls, len(talk.client.sent) - before


@pytest.mark.parametrize("name", AGENT_MESSAGES)
def test_a_message_of_1_mib_costs_few_calls_and_one_answer_when_it_is_beyond_a_bound(talk, name):
    calls, answers = cost_of(talk, AGENT_MESSAGES[name]())
    assert calls <= CALLS_OF_A_REFUSAL
    assert answers <= 1


@pytest.mark.parametrize("name", AGENT_MESSAGES_WITHIN)
def test_a_message_costs_a_call_a_value_at_most_and_few_warnings_when_it_is_just_within_the_bounds(talk, name):
    calls, answers = cost_of(talk, AGENT_MESSAGES_WITHIN[name]())
    assert calls <= CALLS_OF_A_MESSAGE
    assert answers <= MOST_WARNINGS + 2  # their sum, and the acknowledgement
