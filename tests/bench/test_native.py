"""The load generator in C measures what the one in Python does, or says that it could not."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from websockets.sync.client import connect

sys.path.insert(0, str(Path(__file__).parent))

from native import Native, NoCompilerError, build
from subjects import PROXY, Cores, Generator, Upstream, start_subject
from wire import CLOSE, TEXT, BenchError, frame, text

from turnstile.testing import patience

JOBS = {
    "turns": {"sessions": 3, "pause": 0},
    "live": {"sessions": 2, "gap": 0.005},
    "saturate": {"sessions": 2, "window": 4},
    "paced": {"sessions": 2, "together": 3},
}
PACED_ANSWER = 21  # deltas: three together, as often as warming up, the measurement and what is said around it take


@pytest.fixture(scope="session")
def program():
    try:
        return build()
    except NoCompilerError as error:
        pytest.skip(str(error))


@pytest.fixture
def native(program):
    with ExitStack() as stack:
        stack.callback((native := Native(Cores.of_this_machine(), program)).end)
        yield native


@pytest.fixture(params=["in_c", "in_python"])
def ends(request):
    """A load generator and a stub upstream."""
    cores = Cores.of_this_machine()
    with ExitStack() as stack:
        if request.param == "in_c":
            native = request.getfixturevalue("native")
            yield native, native
            return
        stack.callback((upstream := Upstream(cores)).end)
        stack.callback((generator := Generator(cores)).end)
        yield generator, upstream


def job(kind, speaker, port, **changes):
    timing = {"seconds": 0.1, "warm": 0.05, "pids": {}}
    return {"kind": kind, "speaker": speaker, "port": port, **timing, **JOBS[kind], **changes}


@pytest.mark.parametrize("kind", JOBS)
@pytest.mark.parametrize("speaker", ["direct", "relayed"])
def test_each_job_is_done_with_nothing_between(ends, kind, speaker):
    generator, upstream = ends
    figures = generator.run(job(kind, speaker, upstream.port, pids={"load": [generator.pid]}))
    counters = upstream.counters()
    assert figures["load_cpu"] > 0
    if kind == "turns":
        assert 0 < figures["turns"] == figures["turn_ms_count"] <= counters["responses"]
        assert figures["ms_p50"] <= figures["turn_ms_most"]
    elif kind == "live":
        assert figures["ms_count"] == 40
        assert counters["appends"] == 60
    elif kind == "saturate":
        assert 0 < figures["frames"] <= counters["appends"]
    else:
        assert 0 < figures["frames"] <= counters["responses"] * PACED_ANSWER
        assert 0 < figures["ms_p50"] <= figures["ms_p99"]


def test_an_answer_of_another_length_than_was_asked_for_is_no_figure(ends):
    generator, upstream = ends
    with pytest.raises(BenchError, match="an answer of 21 deltas, 67200 bytes, came as 100800 bytes"):
        generator.run(job("paced", "direct", upstream.port, output=16_000))


def test_it_drives_the_proxy_through_each_job_and_tells_its_cpu(native):
    with ExitStack() as stack:
        subject = start_subject(PROXY, Cores.of_this_machine(), native)
        stack.callback(subject.end)
        pids = {"subject": subject.pids(), "upstream": [native.pid]}
        for kind, changes in (*((kind, {}) for kind in JOBS), ("paced", {"output": 16_000}), ("turns", {"bytes": 64})):
            figures = native.run(job(kind, subject.speaker, subject.port, pids=pids, **changes))
            assert figures["subject_us_a_turn" if kind == "turns" else "subject_us_a_frame"] > 0
            assert figures["upstream_cpu"] == 0
    counters = native.counters()
    assert counters["strangers"] == counters["updates_in_response"] == counters["collisions"] == 0


def test_a_frame_whose_audio_does_not_come_back_as_it_should_is_no_figure(native):
    native.write_line(json.dumps({**job("live", "direct", native.port), "course": [0] * 30}))
    error = json.loads(native.read_line())["error"]
    assert re.fullmatch(r"a session of 30 frames heard \d+ bytes, and should have heard 0", error)
    assert native.process.wait() == 1
    with pytest.raises(BenchError, match="has ended with 1"):
        native.counters()


_LET_IN = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
_FAULT = text({"type": "Error", "code": "X"}, masked=False)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", r"a client was not let in: HTTP/1\.1 404 Not Found$"),
        (_LET_IN, "a session was lost: its connection ended$"),
        (_LET_IN + frame(CLOSE, b"\x03\xf3Sorry", masked=False), "a session was closed: 1011 Sorry$"),
        (
            _LET_IN + _FAULT,
            r'a client was told: {"type":"Error","code":"X"}$',
        ),
        (_LET_IN + frame(TEXT, b'{"type":', masked=False), "what was received is no JSON: $"),
        (_LET_IN + b"\x01\x00", "a frame that begins with the byte 0x1 was received"),
    ],
)
def test_a_session_that_does_not_start_is_no_figure(native, answer, error):
    def reply():
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            with suppress(ConnectionError):  # it ends at what it cannot use
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        replying = threading.Thread(target=reply)
        replying.start()
        with pytest.raises(BenchError, match=error):
            native.run(job("turns", "voice agent", listener.getsockname()[1], sessions=1))
        assert native.process.wait() == 1
        replying.join()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"kind": "juggle"}, "there is no job called 'juggle'"),
        ({"speaker": "nobody"}, "there is no speaker called 'nobody'"),
        ({"sesions": 3}, "a job with 'sesions', which nobody knows, was received"),
        ({"seconds": 0}, "a job whose seconds is 0 was received"),
        ({"sessions": -1}, "a job whose sessions is -1 was received"),
        ({"gap": 0}, "a job whose gap is 0 was received"),
        ({"together": 1001}, "a job whose together is 1001 was received"),
        ({"bytes": 8}, "a job whose bytes is 8 was received"),
        ({"output": float("nan")}, "a job whose output is NaN was received"),
        ({"port": 65_536}, "a job whose port is 65536 was received"),
    ],
)
def test_a_job_that_cannot_be_done_as_it_is_written_is_no_figure(ends, changes, error):
    generator, upstream = ends
    with pytest.raises(BenchError, match=f"^{re.escape(error)}$"):
        generator.run({**job("turns", "direct", upstream.port), **changes})


@pytest.mark.parametrize("wrong", ["many", None, [3], {"a": 3}])
def test_a_job_with_something_else_for_a_number_is_no_figure(ends, wrong):
    generator, upstream = ends
    with pytest.raises(BenchError, match=r"what was received is no JSON: |a job whose sessions is "):
        generator.run(job("turns", "direct", upstream.port, sessions=wrong))


def test_a_job_that_is_cut_anywhere_is_an_error_line(program):
    line = json.dumps(job("turns", "direct", 1, pids={"load": [1]}, course=[0, 1]))
    for size in range(len(line)):
        done = subprocess.run(
            [program], input=line[:size] + "\n", capture_output=True, text=True, timeout=patience(), check=False
        )
        assert json.loads(done.stdout.splitlines()[1])["error"].startswith("what was received is no JSON")
        assert done.returncode == 1


def said_by(port):
    """Return what an upstream says to a client that asks for all there is, without its numbers and times."""
    item = {"type": "message", "role": "user", "id": "mine", "status": "incomplete"}
    with connect(f"ws://127.0.0.1:{port}/v1/realtime", compression=None) as client:
        answers = [client.recv(timeout=patience())]
        for event, count in (
            ({"type": "session.update", "session": {"audio": {"input": {"a": [1, "]"]}, "output": {}}, "b": 1}}, 1),
            ({"type": "session.update", "session": {"audio": {"input": {"a": None, "c": {}}}, "d": {"e": 2.5}}}, 1),
            ({"type": "conversation.item.create", "item": {**item, "content": [{"text": '\\"}é\\'}]}}, 2),
            ({"type": "conversation.item.create", "item": {**item, "content": [{"text": "say 2 0 30"}]}}, 2),
            ({"type": "response.create", "response": {"metadata": {"mark": 'a"b'}}}, 9),
            ({"type": "conversation.item.create", "item": {**item, "content": [{"text": "say 2 1"}]}}, 2),
            ({"type": "response.create"}, 9),
            ({"type": "conversation.item.create", "item": {**item, "content": [{"text": "say 5 1 6000 2"}]}}, 2),
            ({"type": "response.create"}, 12),
            ({"type": "conversation.item.create", "item": {**item, "content": [{"text": "echo"}]}}, 2),
            ({"type": "response.create", "response": {"metadata": None}}, 5),
            ({"type": "response.create", "event_id": "again"}, 1),
            ({"type": "conversation.item.truncate"}, 0),
            ({"type": "nobody.knows"}, 0),
            ({"type": "input_audio_buffer.append", "audio": "AAAA" * 800}, 2),
        ):
            client.send(json.dumps(event, separators=(",", ":")))
            answers += [client.recv(timeout=patience()) for _ in range(count)]
    events = [json.loads(re.sub(r'"(event|resp|item|sess)_\d+"', r'"\1"', answer)) for answer in answers]
    for event in events:
        if "delta" in event:
            event["delta"] = event["delta"][12:]
        if "error" in event:
            event["error"]["message"] = re.sub(r"\d+", "", event["error"]["message"])
    return events


def test_both_upstreams_say_the_same(native):
    with ExitStack() as stack:
        stack.callback((upstream := Upstream(Cores.of_this_machine())).end)
        assert said_by(native.port) == said_by(upstream.port)
        assert native.counters() == upstream.counters()
