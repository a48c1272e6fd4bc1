import json

from turnstile.ports import FunctionRequest, FunctionReturned
from turnstile.testing import RecordingInbox
from turnstile.transports.no_functions import NoFunctionCaller


def test_where_no_host_is_allowed_every_call_fails_at_once():
    caller, inbox = NoFunctionCaller(), RecordingInbox()
    assert not caller.may_call("https://api.example.com/weather")
    call = caller.call(FunctionRequest("call_1", "{}", "https://api.example.com/weather"), inbox)
    caller.close(0)
    (returned,) = inbox.messages
    assert isinstance(returned, FunctionReturned)
    assert "its host is not allowed" in json.dumps(returned.output)
    assert not call.returns("late")
