import pytest

from turnstile.terminal.demo import GREETING, WEATHER, Outcome, hold_conversation
from turnstile.testing import patience


def open_session(peer):
    peer.take()
    peer.tell("SettingsApplied")
    peer.say(GREETING)


def hear_the_first_question(peer):
    peer.take()
    peer.tell("AgentStartedSpeaking")
    for _ in ("prompt", "speed", "question"):
        peer.take()


def call_the_tool(peer):
    peer.tell("FunctionCallRequest", functions=[{"id": "c1", "name": "get_weather", "arguments": "{}"}])
    peer.take()
    peer.say("The weather: 22 degrees and sunny.")


def play_all(peer):
    open_session(peer)
    hear_the_first_question(peer)
    peer.say("The old town is old.")
    peer.tell("AgentDone")
    peer.tell("PromptUpdated")
    peer.tell("SpeakUpdated")
    call_the_tool(peer)
    peer.take()
    peer.tell("AgentStartedSpeaking")
    for _ in ("listening", "speed", "prompt"):
        peer.take()
    peer.say("By the river.")
    for kind in ("ListenUpdated", "SpeakUpdated", "PromptUpdated"):
        peer.tell(kind)
    peer.take()
    peer.say("You are welcome.")
    peer.tell("AgentDone")


@pytest.fixture
def hold(start):
    def hold(script, seconds):
        url, peers = start(script)
        return hold_conversation(url, seconds), peers[0].heard

    return hold


def test_the_conversation_goes_to_its_end_when_nothing_is_lost(hold):
    outcome, heard = hold(play_all, patience())
    assert outcome == Outcome(asked=5, acknowledged=5, questions=4, answers=4, faults=())
    assert [message["type"] for message in heard] == [
        "Settings",
        "InjectUserMessage",
        "UpdatePrompt",
        "UpdateSpeak",
        "InjectUserMessage",
        "FunctionCallResponse",
        "InjectUserMessage",
        "UpdateListen",
        "UpdateSpeak",
        "UpdatePrompt",
        "InjectUserMessage",
    ]


def test_the_agent_is_given_a_tool_and_the_tool_is_answered(hold):
    _, heard = hold(play_all, patience())
    assert heard[0]["agent"]["think"]["functions"] == [WEATHER]
    answer = heard[5]
    assert (answer["id"], answer["name"]) == ("c1", "get_weather")
    assert "22 degrees" in answer["content"]


def test_the_conversation_goes_on_when_everything_is_lost(hold):
    outcome, heard = hold(lambda _: None, 0.02)
    assert outcome == Outcome(asked=5, acknowledged=0, questions=4, answers=0, faults=())
    assert [message["type"] for message in heard].count("InjectUserMessage") == 4


def test_another_answer_than_the_tools_is_not_taken_for_it(hold):
    def answer_elsewhere(peer):
        open_session(peer)
        hear_the_first_question(peer)
        peer.tell("FunctionCallRequest", functions=[{"id": "c1", "name": "get_weather", "arguments": "{}"}])
        peer.say("I was told: 22 degrees and sunny.", "user")
        peer.say("Let me see.")

    outcome, _ = hold(answer_elsewhere, 0.05)
    assert outcome.answers == 1


def test_what_went_wrong_is_kept(hold):
    def fail(peer):
        open_session(peer)
        peer.tell("Warning", code="slow", description="It takes long.")
        peer.tell("Error", code="upstream_lost", description="It is gone.")
        peer.connection.close(1011)

    outcome, _ = hold(fail, patience())
    assert outcome.faults == ("upstream_lost: It is gone.", "slow: It takes long.")


def test_a_proxy_that_is_not_there_is_an_error():
    with pytest.raises(OSError, match="refused"):
        hold_conversation("ws://127.0.0.1:1/openai", patience())
