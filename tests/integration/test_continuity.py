"""A conversation outlives its links: over real sockets, with the proxy and the simulator in the process."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import continuity
import pytest
import websocket
from relay import Relay

from turnstile.protocol.upstreams import KINDS
from turnstile.simulator.faults import Faults, Pace, RefusedEvent, SentEvent
from turnstile.simulator.outages import Outage
from turnstile.simulator.quirks import Quirks
from turnstile.testing import patience

QUICK = {"limits.close_timeout": "0.1", "session.retry_delay": "0.01", "upstream.api_key": "k"}
WEATHER = {"name": "get_weather", "description": "Look up the weather.", "parameters": {"type": "object"}}
THINK = {"prompt": "Be brief.", "functions": [WEATHER]}
PCM = {"encoding": "linear16", "sample_rate": 24000}
FRAME = 960  # 20 ms
PACE = Pace(answer=0.001, first=0.004, step=0.001)


class Conversation:
    """A Voice Agent client, and what the simulator's links of it were told.

    Args:
        proxy: The running proxy.
        api: The running simulator.
        settings: More of its Settings.
    """

    def __init__(self, proxy, api, **settings):
        self.dialogue = proxy.dialogue()
        self.api = api
        self.texts = []
        self.dialogue.send("Settings", agent={"think": THINK}, **settings)
        assert self.dialogue.wait_for("SettingsApplied")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.dialogue.close()

    @property
    def link(self):
        return self.api.simulator.links.open[-1]

    @property
    def links(self):
        return continuity.in_use(self.api.simulator.sessions)

    def say(self, text):
        self.texts.append(text)
        self.dialogue.send("InjectUserMessage", content=text)

    def ask(self, text):
        """Say something, and wait for the end of the reply."""
        ends = len(self.dialogue.received("AgentDone"))
        self.say(text)
        assert self.dialogue.wait_for("AgentDone", ends + 1), self.dialogue.messages

    def wait_restored(self, then=None):
        """Wait until another link is in use, and then for a message of a type."""

        def found():
            messages = iter(self.dialogue.messages)
            if not any(message.get("code") == "upstream_restored" for message in messages):
                return None
            return next((message for message in messages if message["type"] == then), None) if then else {}

        assert self.dialogue.wait_until(found) is not None, self.dialogue.messages

    def told(self, kind="Warning"):
        return [message["code"] for message in self.dialogue.received(kind)]

    def faults(self, **options):
        links = self.links
        return [
            *continuity.message_faults(links, self.texts),
            *continuity.reply_faults(links),
            *continuity.conversation_faults(links, **options),
            *continuity.collision_faults(links),
        ]


@pytest.fixture
def start(start_proxy, start_api):
    """Start a proxy before a simulated API on a socket; return both."""

    def begin(flags=None, address=None, **options):
        api = start_api(**{"pace": PACE, **options})
        host, port = address(api) if address else api.address
        url = {"upstream.url": f"ws://{host}:{port}/v1/realtime"}
        return start_proxy({**QUICK, **url, **(flags or {})}), api

    return begin


def first(**faults):
    """Return the faults of a session's first link; others have none."""
    return lambda number: Faults(disconnect_code=1006, **faults) if number == 0 else Faults()


def test_sixty_sessions_survive_an_outage_of_a_second(start):
    proxy, api = start()
    with ThreadPoolExecutor(60) as pool:
        dialogues = list(pool.map(lambda _: proxy.dialogue(), range(60)))

        def tell(number):
            dialogue = dialogues[number]
            dialogue.send("Settings", agent={"think": {"prompt": f"You are {number}."}})
            dialogue.send("InjectUserMessage", content=f"My number is {number}")
            return dialogue.wait_for("AgentDone")

        assert all(pool.map(tell, range(60)))
        api.begin_outage(Outage(1.0, None))
        for link in api.simulator.links.open:
            link.disconnect()

        def tell_more(number):
            dialogue = dialogues[number]
            assert dialogue.wait_for("Warning")["code"] == "upstream_lost"
            dialogue.send("InjectUserMessage", content=f"And this is more from {number}")
            return dialogue.wait_for("AgentDone", 2)

        assert all(pool.map(tell_more, range(60)))
        assert [dialogue.closed for dialogue in dialogues] == [None] * 60
        for dialogue in dialogues:
            assert [one["code"] for one in dialogue.received("Warning")] == ["upstream_lost", "upstream_restored"]
            dialogue.close()
    by_prompt = {}
    for session in api.simulator.sessions:
        by_prompt.setdefault(session.settings["instructions"], []).append(session)
    for number in range(60):
        links = continuity.in_use(by_prompt[f"You are {number}."])
        texts = [f"My number is {number}", f"And this is more from {number}"]
        assert continuity.message_faults(links, texts) == []
        assert continuity.reply_faults(links) == []
        assert continuity.conversation_faults(links) == []


@pytest.mark.parametrize(
    "behind",
    [
        "response.created",
        "response.output_item.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_item.done",
    ],
)
def test_a_reply_whose_link_is_lost_under_way_is_given_once_on_the_next(start, behind):
    proxy, api = start()
    with Conversation(proxy, api) as conversation:
        conversation.ask("My number is 7")
        conversation.link.disconnect(behind=behind)
        conversation.say("Tell me number 8")
        conversation.wait_restored(then="AgentDone")
        assert conversation.told() == ["upstream_lost", "upstream_restored"]
    assert len(conversation.links) == 2
    assert conversation.faults() == []


def test_a_link_that_ends_within_a_frame_is_replaced(start):
    relays = []

    def relayed(api):
        relays.append(Relay(api.address))
        return relays[0].__enter__().address

    proxy, api = start(address=relayed)
    try:
        with Conversation(proxy, api) as conversation:
            conversation.ask("My number is 7")
            relays[0].cut_in_next_frame()
            conversation.ask("Tell me number 8")
            assert conversation.told() == ["upstream_lost", "upstream_restored"]
        assert relays[0].cuts == 1
        assert conversation.faults() == []
    finally:
        proxy.system.stop(patience())
        relays[0].__exit__()


@pytest.mark.parametrize("behind", ["response.function_call_arguments.done", "response.done"])
def test_the_late_result_of_a_call_is_answered_under_the_next_link(start, behind):
    proxy, api = start()
    with Conversation(proxy, api) as conversation:
        conversation.ask("My number is 7")
        conversation.link.disconnect(behind=behind)
        conversation.say("What is the weather at number 8")
        request = conversation.dialogue.wait_for("FunctionCallRequest")
        conversation.wait_restored()
        call = request["functions"][0]
        conversation.dialogue.send("FunctionCallResponse", id=call["id"], name=call["name"], content="hail")
        assert conversation.dialogue.wait_for("AgentDone", 2)
        texts = [message["content"] for message in conversation.dialogue.received("ConversationText")]
        assert "hail" in texts[-1]
    assert continuity.result_faults(conversation.links, [call["id"]]) == []
    assert conversation.faults() == []


def test_an_update_that_is_unanswered_when_the_link_is_lost_is_in_force_on_the_next(start):
    proxy, api = start(faults=first(disconnect_at=SentEvent("session.updated", 2)))
    with Conversation(proxy, api) as conversation:
        conversation.ask("My number is 7")
        conversation.dialogue.send("UpdatePrompt", prompt="Be long.")
        assert conversation.dialogue.wait_for("PromptUpdated")
        conversation.ask("Tell me number 8")
    assert conversation.links[-1].settings["instructions"] == "Be brief.\n\nBe long."
    assert len(conversation.dialogue.received("PromptUpdated")) == 1
    assert conversation.faults() == []


def test_a_turn_that_the_user_was_speaking_is_lost_once_and_the_next_is_heard(start):
    proxy, api = start(faults=first(disconnect_at=SentEvent("input_audio_buffer.committed")))
    with Conversation(proxy, api, audio={"input": PCM}) as conversation:
        conversation.ask("My number is 7")
        speak(conversation.dialogue)
        conversation.wait_restored()
        assert sorted(conversation.told()) == ["turn_lost", "upstream_lost", "upstream_restored"]
        speak(conversation.dialogue)
        assert conversation.dialogue.wait_for("AgentDone", 2)
        assert conversation.told().count("turn_lost") == 1
    assert conversation.faults(may_lose_turns=True, may_cut=True) == []


def speak(dialogue, first=0):
    """Send a spoken turn and silence behind it, in numbered frames; return how many."""
    loud = b"\x00\x40\x00\xc0" * (FRAME // 4)
    frames = [loud] * 15 + [bytes(FRAME)] * 40
    for number, frame in enumerate(frames, first):
        dialogue.send_binary(continuity.numbered_frame(number, frame))
    return len(frames)


def test_the_next_try_comes_when_the_upstream_asks_for_it(start):
    proxy, api = start()
    with Conversation(proxy, api) as conversation:
        conversation.ask("My number is 7")
        api.begin_outage(Outage(0.9, 503, retry_after=1))
        conversation.link.disconnect()
        conversation.ask("Tell me number 8")
    knocks = api.simulator.links.knocks
    assert len(knocks) == 3
    assert 1.0 <= knocks[2] - knocks[1] < 2.0
    assert conversation.faults() == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_link_that_is_refused_for_good_ends_the_session_with_words(start, status):
    proxy, api = start()
    with Conversation(proxy, api) as conversation:
        conversation.ask("My number is 7")
        api.begin_outage(Outage(60, status))
        conversation.link.disconnect()
        assert str(status) in conversation.dialogue.wait_for("Error")["description"]
        assert ended(conversation.dialogue)
        assert conversation.told() == ["upstream_lost"]
    assert len(api.simulator.links.knocks) == 2


@pytest.mark.parametrize(
    "fault", [{"refused_key": True}, {"rejected": "invalid_model"}, {"rejected": "insufficient_quota"}]
)
def test_a_link_that_is_refused_for_good_behind_the_handshake_ends_the_session_with_words(start, fault):
    proxy, api = start(faults=lambda number: Faults(**fault) if number else Faults())
    with Conversation(proxy, api) as conversation:
        conversation.ask("My number is 7")
        conversation.link.disconnect()
        assert conversation.dialogue.wait_for("Error")["code"] == fault.get("rejected", "invalid_api_key")
        assert ended(conversation.dialogue)
    assert len(api.simulator.links.knocks) == 2


@pytest.mark.parametrize("code", [3000, 4000])
def test_a_close_that_no_other_link_would_mend_ends_the_session_with_words(start, code):
    proxy, api = start()
    with Conversation(proxy, api) as conversation:
        conversation.ask("My number is 7")
        conversation.link.disconnect(code)
        assert conversation.dialogue.wait_for("Error")
        assert ended(conversation.dialogue)
    assert len(api.simulator.links.knocks) == 1


def test_no_other_link_is_opened_where_the_setting_says_so(start):
    proxy, api = start({"upstream.reconnect_for": "0"})
    with Conversation(proxy, api) as conversation:
        conversation.ask("My number is 7")
        conversation.link.disconnect()
        assert conversation.dialogue.wait_for("Error")["code"] == "upstream_closed"
        assert ended(conversation.dialogue)
    assert len(api.simulator.links.knocks) == 1


def test_an_outage_that_is_too_long_ends_the_session_with_words(start):
    proxy, api = start({"upstream.reconnect_for": "0.5"})
    with Conversation(proxy, api) as conversation:
        conversation.ask("My number is 7")
        api.begin_outage(Outage(60))
        conversation.link.disconnect()
        assert "upstream.reconnect_for" in conversation.dialogue.wait_for("Error")["description"]
        assert ended(conversation.dialogue)


def test_a_link_that_never_says_that_it_is_up_is_given_up_for_another(start):
    delays = {1: 60.0}
    proxy, api = start(
        {"session.link_timeout": "0.3"}, faults=lambda number: Faults(opening_delay=delays.get(number, 0.0))
    )
    with Conversation(proxy, api) as conversation:
        conversation.ask("My number is 7")
        conversation.link.disconnect()
        conversation.ask("Tell me number 8")
        assert conversation.told() == ["upstream_lost", "upstream_restored"]
    assert len(api.simulator.sessions) == 3
    assert continuity.conversation_faults([api.simulator.sessions[0], api.simulator.sessions[2]]) == []


def test_an_item_that_the_next_link_refuses_is_left_out_and_said(start):
    refused = RefusedEvent("conversation.item.create", nth=2, code="invalid_value", type="invalid_request_error")
    proxy, api = start(faults=lambda number: Faults(refused=(refused,)) if number else Faults())
    with Conversation(proxy, api) as conversation:
        conversation.ask("My number is 7")
        conversation.link.disconnect()
        conversation.ask("Tell me number 8")
        assert "refused" in conversation.dialogue.received("Warning")[-1]["description"]
        assert conversation.told() == ["upstream_lost", "upstream_restored"]
    (fault,) = conversation.faults()
    assert fault.startswith("link 1: assistant")
    assert fault.endswith("is missing")


def ended(dialogue):
    dialogue.wait_until(lambda: None)
    return dialogue.closed


# Renewal.


def short(seconds):
    """Return the lifetimes of links of which the first is short."""
    return lambda number: seconds if number == 0 else 3600.0


def test_a_renewal_loses_and_doubles_nothing_and_a_voice_agent_client_hears_nothing_of_it(start):
    proxy, api = start(lifetime=short(1.2), keep_audio=10**7)
    with Conversation(proxy, api, audio={"input": PCM}) as conversation:
        sent, number = 0, 0
        while not api.simulator.links.all[0].has_ended or number < 3:
            number += 1
            conversation.ask(f"Tell me number {number}")
            sent += speak_softly(conversation.dialogue, sent)
        conversation.ask("Tell me number 1000")
        assert conversation.told() == []
        assert conversation.told("Error") == []
    assert len(conversation.links) == 2
    assert "error" not in api.simulator.sessions[0].log.sent  # it did not expire
    assert conversation.faults() == []
    heard = [continuity.frame_numbers(link.input_audio, FRAME) for link in conversation.links]
    assert continuity.audio_faults(heard, sent) == []


def test_a_user_who_speaks_is_heard_on_one_link_whenever_it_is_renewed(start):
    proxy, api = start(lifetime=short(1.2), keep_audio=10**7)
    with Conversation(proxy, api, audio={"input": PCM}) as conversation:
        sent = turns = 0
        while not api.simulator.links.all[0].has_ended or turns < 3:
            turns += 1
            sent += speak(conversation.dialogue, sent)
            assert conversation.dialogue.wait_for("AgentDone", turns)
        sent += speak(conversation.dialogue, sent)
        assert conversation.dialogue.wait_for("AgentDone", turns + 1)
        assert conversation.told() == []
    assert len(conversation.links) == 2
    assert conversation.faults(may_cut=True) == []
    heard = [continuity.frame_numbers(link.input_audio, FRAME) for link in conversation.links]
    assert continuity.audio_faults(heard, sent) == []


def test_a_response_that_runs_until_its_session_ends_is_given_on_the_next_link(start):
    proxy, api = start(lifetime=short(1.0), faults=first(hung=frozenset({2})))
    with Conversation(proxy, api) as conversation:
        conversation.ask("My number is 7")
        conversation.say("Tell me number 8")
        conversation.wait_restored(then="AgentDone")
        assert conversation.told() == ["upstream_lost", "upstream_restored"]
    assert "error" not in api.simulator.sessions[0].log.sent  # it did not expire
    assert conversation.faults() == []


def speak_softly(dialogue, first):
    """Send silence, in numbered frames; return how many."""
    for number in range(first, first + 5):
        dialogue.send_binary(continuity.numbered_frame(number, bytes(FRAME)))
    return 5


class RealtimeClient:
    """A Realtime client; keeps all that it hears."""

    def __init__(self, proxy):
        self.link = websocket.create_connection(proxy.url("/v1/realtime?model=gpt-realtime"), timeout=patience())
        self.heard = []
        self.until("session.created")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.close()

    def send(self, kind, **fields):
        self.link.send(json.dumps({"type": kind, **fields}))

    def until(self, kind):
        while True:
            self.heard.append(json.loads(self.link.recv()))
            if self.heard[-1]["type"] == kind:
                return self.heard[-1]

    def say(self, text, item_id):
        content = [{"type": "input_text", "text": text}]
        item = {"id": item_id, "type": "message", "role": "user", "content": content}
        self.send("conversation.item.create", item=item)

    def ask(self, text, item_id):
        self.say(text, item_id)
        self.send("response.create", response={"output_modalities": ["text"]})
        return self.until("response.done")["response"]

    def count(self, kind):
        return sum(event["type"] == kind for event in self.heard)


def test_a_realtime_client_hears_nothing_of_a_renewal_and_its_ids_stay(start):
    proxy, api = start(lifetime=short(1.2))
    with RealtimeClient(proxy) as client:
        number = 0
        while not api.simulator.links.all[0].has_ended or number < 2:
            number += 1
            client.ask(f"Tell me number {number}", f"item_{number}")
        client.ask("Tell me number 1000", "item_1000")
        client.send("conversation.item.retrieve", item_id="item_1")
        assert client.until("conversation.item.retrieved")["item"]["id"] == "item_1"
    assert client.count("session.created") == 1
    assert client.count("session.updated") == client.count("error") == 0
    assert client.count("conversation.item.added") == 2 * (number + 1)
    assert continued(api) == []


def test_a_realtime_client_hears_nothing_of_a_loss_that_loses_nothing(start):
    proxy, api = start()
    with RealtimeClient(proxy) as client:
        client.ask("My number is 7", "item_1")
        api.simulator.links.open[0].disconnect()
        client.ask("Tell me number 8", "item_2")
    assert client.count("session.created") == 1
    assert client.count("error") == 0
    assert client.count("conversation.item.added") == 4
    assert continued(api) == []


def test_a_response_of_a_realtime_client_that_dies_is_ended_and_given_again(start):
    proxy, api = start()
    with RealtimeClient(proxy) as client:
        client.ask("My number is 7", "item_1")
        api.simulator.links.open[0].disconnect(behind="response.output_text.delta")
        assert client.ask("Tell me number 8", "item_2")["status"] == "cancelled"
        assert client.until("response.done")["response"]["status"] == "completed"
    assert client.count("response.created") == client.count("response.done") == 3
    assert continued(api) == []


def test_the_late_result_of_a_realtime_clients_call_is_answered_under_the_next_link(start):
    proxy, api = start()
    with RealtimeClient(proxy) as client:
        client.send("session.update", session={"type": "realtime", "tools": [{"type": "function", **WEATHER}]})
        api.simulator.links.open[0].disconnect(behind="response.done")
        (call,) = client.ask("What is the weather at number 8", "item_1")["output"]
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "hail"}
        client.send("conversation.item.create", item=output)
        client.send("response.create", response={"output_modalities": ["text"]})
        assert "hail" in client.until("response.done")["response"]["output"][0]["content"][0]["text"]
    assert client.count("error") == 0
    assert continuity.result_faults(api.simulator.sessions, [call["call_id"]]) == []
    assert continued(api) == []


def test_a_realtime_client_is_told_of_a_turn_that_is_lost(start):
    proxy, _ = start(faults=first(disconnect_at=SentEvent("input_audio_buffer.committed")))
    with RealtimeClient(proxy) as client:
        audio = {"input": {"transcription": {"model": "whisper-1"}}}
        client.send("session.update", session={"type": "realtime", "audio": audio})
        loud = b"\x00\x40\x00\xc0" * (FRAME // 4)
        for frame in [loud] * 15 + [bytes(FRAME)] * 40:
            client.send("input_audio_buffer.append", audio=base64.b64encode(frame).decode())
        error = client.until("error")["error"]
        assert (error["type"], error["code"]) == ("server_error", "turn_lost")
        assert client.ask("Tell me number 8", "item_1")["status"] == "completed"
    assert client.count("error") == 1


def continued(api):
    """Judge the two links of a session."""
    links = continuity.in_use(api.simulator.sessions)
    assert len(links) == 2
    return [*continuity.conversation_faults(links), *continuity.reply_faults(links)]


# Other upstreams.


def said(link):
    """Return what a link's conversation holds, whatever the names: of the agent, only what was said to the end."""
    whole = {response.text for response in link.log.responses if response.status == "completed"}
    given = {item.id for item in link.log.items}
    items = [item for item in link.conversation if item.id in given or item.role != "assistant" or item.text in whole]
    return [(item.role, item.call_id, item.text) for item in items if item.role != "system"]


def assert_is_continued(proxy, api):
    """Lose a link in the middle of a reply, and compare what the next one was told."""
    with Conversation(proxy, api) as conversation:
        conversation.ask("My number is 7")
        is_beta = api.simulator.kind.is_beta
        conversation.link.disconnect(behind="response.audio.delta" if is_beta else "response.output_audio.delta")
        conversation.say("Tell me number 8")
        conversation.wait_restored(then="AgentDone")
        conversation.ask("Tell me number 9")
    old, new = conversation.links
    before, after = said(old), said(new)
    assert before == after[: len(before)]
    assert [text for role, _, text in after if role == "user"] == conversation.texts
    assert len(new.log.responses) == 2


@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(own_item_ids=True),
        Quirks(opening="nothing"),
        Quirks(opening="conversation.created", own_item_ids=True, left_out=("error.event_id", "response.metadata")),
        Quirks(rewritten_session=True, binary_events=True),
        Quirks(odd_output="bare"),
    ],
    ids=lambda quirks: repr(quirks)[7:30],
)
def test_a_conversation_outlives_its_link_to_another_server(start, quirks):
    assert_is_continued(*start({"upstream.kind": "compatible"}, quirks=quirks))


@pytest.mark.parametrize("kind", ["azure", "azure-preview", "openai-beta"])
def test_a_conversation_outlives_its_link_to_another_kind_of_upstream(start_proxy, start_api, kind):
    api = start_api(kind, pace=PACE)
    host, port = api.address
    version = "?api-version=2025-04-01-preview" if kind == "azure-preview" else ""
    url = f"ws://{host}:{port}{KINDS[kind].paths[0]}{version}"
    proxy = start_proxy({**QUICK, "upstream.url": url, "upstream.kind": kind})
    assert_is_continued(proxy, api)
