from __future__ import annotations

import json

import pytest

from turnstile.audio.formats import PCM_24K
from turnstile.protocol.voice_agent.profile import COMPONENT
from turnstile.translate.call_messages import CallMessages
from turnstile.translate.client_output import ClientOutput


@pytest.fixture
def calls():
    return CallMessages(ClientOutput(COMPONENT))


def call(call_id="call_1", name="get", arguments="{}"):
    return {"call_id": call_id, "name": name, "arguments": arguments}


def told(frames):
    return [json.loads(frame.data) for frame in frames]


def test_a_call_is_the_clients_to_make(calls):
    (request,) = told(calls.request(call()))
    function = {"id": "call_1", "name": "get", "arguments": "{}", "client_side": True}
    assert request == {"type": "FunctionCallRequest", "functions": [function]}


def test_a_call_is_told_once(calls):
    assert [len(told(calls.request(call()))) for _ in range(2)] == [1, 0]


def test_a_call_that_was_cut_off_is_none(calls):
    assert told(calls.request(call("call_1", "get", '{"city": '))) == []


def test_a_call_that_the_proxy_makes_is_not_the_clients(calls):
    calls.set_proxy_functions({"get"})
    requests = told(calls.request(call())) + told(calls.request(call("call_2", "set", "{}")))
    assert [request["functions"][0]["client_side"] for request in requests] == [False, True]


def test_the_result_of_a_call_that_the_proxy_made_is_shown(calls):
    told(calls.request(call()))
    assert told(calls.show_result("call_1", "hail")) == [
        {"type": "FunctionCallResponse", "id": "call_1", "name": "get", "content": "hail"}
    ]


def test_the_result_of_a_call_that_was_cancelled_is_not_shown(calls):
    told(calls.request(call()))
    (cancelled,) = told(calls.cancel(("call_1", "call_2")))
    assert cancelled == {"type": "FunctionCallCancelled", "functions": [{"id": "call_1", "name": "get"}]}
    assert told(calls.show_result("call_1", "hail")) == told(calls.cancel(("call_1",))) == []


def test_a_call_that_was_answered_is_history_for_a_client_that_keeps_it():
    output = ClientOutput(COMPONENT)
    output.configure(PCM_24K, "none", keeps_history=True)
    calls = CallMessages(output)
    told(calls.request(call()))
    (history,) = told(calls.close("call_1", "hail"))
    entry = {"id": "call_1", "name": "get", "arguments": "{}", "client_side": True, "response": "hail"}
    assert history == {"type": "History", "function_calls": [entry]}
    assert told(calls.close("call_1", "hail")) == []


def test_a_call_that_was_answered_is_no_history_for_others(calls):
    told(calls.request(call()))
    assert told(calls.close("call_1", "hail")) == []


def test_arguments_are_kept_until_the_history_has_had_them_and_no_longer():
    output = ClientOutput(COMPONENT)
    output.configure(PCM_24K, "none", keeps_history=True)
    calls = CallMessages(output)
    calls.request(call(arguments=json.dumps("x" * 60_000).join(('{"a":', "}"))))
    assert calls.kept_bytes > 60_000
    assert len(calls.close("call_1", "hail")[0].data) > 60_000
    assert calls.kept_bytes < 1_000


def test_an_open_call_whose_arguments_had_no_room_is_closed_without_history():
    output = ClientOutput(COMPONENT)
    output.configure(PCM_24K, "none", keeps_history=True)
    calls = CallMessages(output)
    for number in range(100):
        calls.request(call(f"call_{number}", arguments=json.dumps({"a": "x" * 60_000})))
    assert calls.kept_bytes < 5_000_000
    assert calls.close("call_0", "hail") == []
    assert len(calls.close("call_99", "hail")) == 1


def test_of_very_long_arguments_the_history_has_none():
    output = ClientOutput(COMPONENT)
    output.configure(PCM_24K, "none", keeps_history=True)
    calls = CallMessages(output)
    (request,) = calls.request(call(arguments=json.dumps({"a": "x" * 70_000})))
    assert len(request.data) > 70_000
    assert calls.kept_bytes < 1_000
    assert told(calls.close("call_1", "hail"))[0]["function_calls"][0]["arguments"] == ""


def test_calls_long_past_are_forgotten(calls):
    for number in range(300):
        told(calls.request(call(f"call_{number}", "get", "{}")))
    assert told(calls.cancel(("call_0",))) == []
    assert told(calls.show_result("call_1", "hail")) == []
    assert len(calls._open) < 300
