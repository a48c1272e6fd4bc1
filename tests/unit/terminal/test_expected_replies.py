from collections import Counter

import pytest

from turnstile.terminal.expected_replies import ExpectedReplies, is_answered_aloud, is_transcribed

ANSWER = ["AgentStartedSpeaking", "agent: .", "AgentAudioDone", "AgentDone"]


def heard(*words):
    """Messages from their types; ``user: …`` and ``agent: …`` stand for texts."""
    messages = []
    for word in words:
        name, colon, content = word.partition(": ")
        role = "user" if name == "user" else "assistant"
        text = {"type": "ConversationText", "role": role, "content": content}
        messages.append(text if colon else {"type": name})
    return messages


@pytest.mark.parametrize(
    ("messages", "is_answered"),
    [
        ([], False),
        (["user: one", *ANSWER], False),
        (["user: one", *ANSWER, "user: two"], False),
        (["user: one", *ANSWER, "user: two", *ANSWER], True),
        (["user: one", "user: two", *ANSWER], True),
        (["user: one", *ANSWER, *ANSWER], False),
        (["user: one", "Error", "user: something spoken", *ANSWER], True),
        (["Error", "Warning"], True),
    ],
)
def test_lines_are_answered_when_a_reply_has_come_behind_the_last_of_them(messages, is_answered):
    assert ExpectedReplies(said=["one", "two"]).have_come(heard(*messages)) == is_answered


@pytest.mark.parametrize(
    ("messages", "is_answered"),
    [
        (["user: one", *ANSWER], False),
        (["user: one", *ANSWER, *ANSWER], True),
        ([*ANSWER, "user: one", *ANSWER], True),
        ([*ANSWER, *ANSWER], False),
        (["user: one", *ANSWER, "InjectionRefused"], True),
    ],
)
def test_what_the_agent_was_told_to_say_is_a_reply_of_its_own(messages, is_answered):
    assert ExpectedReplies(said=["one"], injected=1).have_come(heard(*messages)) == is_answered


def test_each_update_is_answered_by_its_own_acknowledgement():
    awaited = ExpectedReplies(updates=Counter(PromptUpdated=2))
    assert not awaited.have_come(heard("PromptUpdated", "SpeakUpdated"))
    assert awaited.have_come(heard("PromptUpdated", "PromptUpdated"))


@pytest.mark.parametrize(
    ("messages", "is_answered"),
    [
        (ANSWER, False),
        (["UserStartedSpeaking", "AgentStartedSpeaking"], False),
        (["UserStartedSpeaking", *ANSWER], True),
        # The user breaks in: what ends then is the answer before.
        (["UserStartedSpeaking", "AgentStartedSpeaking", "UserStartedSpeaking", "AgentAudioDone"], False),
        (["UserStartedSpeaking", *ANSWER, "UserStartedSpeaking", *ANSWER], True),
    ],
)
def test_a_spoken_turn_is_answered_when_the_answer_to_the_last_one_has_ended(messages, is_answered):
    assert is_answered_aloud(heard(*messages)) == is_answered


@pytest.mark.parametrize(
    ("messages", "is_transcribed_"),
    [
        (["UserStartedSpeaking"], False),
        (["UserStartedSpeaking", "agent: Hello."], False),
        (["UserStartedSpeaking", "user: Hello."], True),
        (["UserStartedSpeaking", "Error"], True),
    ],
)
def test_the_words_of_each_spoken_turn_or_a_fault_are_waited_for(messages, is_transcribed_):
    assert is_transcribed(heard(*messages)) == is_transcribed_
