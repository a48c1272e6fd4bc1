import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from turnstile.observability.line_writer import LineWriter, write_to
from turnstile.testing import patience


class Sink:
    """Takes bytes once it is open, at most `piece` at a time, or raises what is given."""

    def __init__(self, piece=100_000):
        self.data, self.writes, self.failures = b"", 0, []
        self.reached, self.open = threading.Event(), threading.Event()
        self.piece = piece

    def __call__(self, data):
        self.reached.set()
        assert self.open.wait(patience())
        self.writes += 1
        if self.failures and (failure := self.failures.pop(0)):
            raise failure
        self.data += bytes(data[: self.piece])
        return min(len(data), self.piece)


@pytest.fixture
def make_writer():
    made = []

    def make(sink, **bounds):
        writer = LineWriter(sink, "turnstile-test", lambda count: b"%d dropped\n" % count, **bounds)
        made.append((writer, sink))
        return writer

    yield make
    for writer, sink in made:
        if isinstance(sink, Sink):
            sink.open.set()
        writer.close(patience())


def fill(writer, sink, lines):
    """Have the first line in progress, and `lines` more behind it."""
    writer.write(b"first\n")
    assert sink.reached.wait(patience())
    for number in range(lines):
        writer.write(b"line %d\n" % number)


def test_lines_are_written_in_their_order(make_writer):
    sink = Sink()
    writer = make_writer(sink)
    fill(writer, sink, 3)
    sink.open.set()
    assert writer.flush(patience())
    assert sink.data == b"first\nline 0\nline 1\nline 2\n"


def test_lines_that_wait_are_written_together_up_to_what_a_pipe_takes_at_once(make_writer):
    sink = Sink()
    writer = make_writer(sink)
    fill(writer, sink, 0)
    for _ in range(3):
        writer.write(b"x" * 1999 + b"\n")
    sink.open.set()
    assert writer.flush(patience())
    assert sink.writes == 3


def test_a_line_beyond_the_count_is_dropped_and_said(make_writer):
    sink = Sink()
    writer = make_writer(sink, max_lines=4)
    fill(writer, sink, 7)
    assert writer.dropped == 3
    sink.open.set()
    assert writer.flush(patience())
    assert sink.data.count(b"3 dropped\n") == 1
    assert sink.data.count(b"\n") == 6


def test_a_line_beyond_the_bytes_is_dropped(make_writer):
    sink = Sink()
    writer = make_writer(sink, max_bytes=100)
    fill(writer, sink, 0)
    writer.write(b"x" * 60 + b"\n")
    writer.write(b"y" * 60 + b"\n")
    writer.write(b"z\n")
    assert repr(writer) == "<LineWriter turnstile-test, 2 lines waiting, 1 dropped>"
    sink.open.set()
    assert writer.flush(patience())
    assert b"y" not in sink.data
    assert b"z\n" in sink.data


def test_what_was_dropped_is_not_said_while_the_queue_is_more_than_half_full(make_writer):
    sink = Sink()
    writer = make_writer(sink, max_bytes=5000)
    fill(writer, sink, 0)
    for _ in range(6):
        writer.write(b"x" * 999 + b"\n")
    sink.open.set()
    assert writer.flush(patience())
    assert sink.data.index(b"dropped") > 4000


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "full"), BrokenPipeError(), ValueError("closed file")])
def test_lines_that_cannot_be_written_are_counted_and_said_when_writing_works_again(make_writer, failure):
    sink = Sink()
    writer = make_writer(sink)
    sink.failures = [failure, failure]
    sink.open.set()
    for _ in range(2):
        writer.write(b"lost\n")
        assert writer.flush(patience())
    assert writer.dropped == 2
    writer.write(b"written\n")
    assert writer.flush(patience())
    assert sink.data == b"2 dropped\nwritten\n"


def test_a_line_behind_one_that_was_cut_off_begins_at_the_margin(make_writer):
    sink = Sink(piece=3)
    sink.failures = [None, OSError(errno.ENOSPC, "full")]
    writer = make_writer(sink)
    sink.open.set()
    writer.write(b"first line\n")
    assert writer.flush(patience())
    writer.write(b"second\n")
    assert writer.flush(patience())
    assert sink.data == b"fir\n1 dropped\nsecond\n"


def test_a_flush_ends_when_its_time_is_up(make_writer):
    sink = Sink()
    writer = make_writer(sink)
    fill(writer, sink, 1)
    assert not writer.flush(0.0)


def test_a_flush_of_nothing_needs_no_thread(make_writer):
    before = threading.active_count()
    assert make_writer(Sink()).flush(0.0)
    assert threading.active_count() == before


def test_a_line_behind_the_close_is_written(make_writer):
    sink = Sink()
    sink.open.set()
    writer = make_writer(sink)
    writer.write(b"one\n")
    writer.close(patience())
    writer.write(b"two\n")
    assert writer.flush(patience())
    assert sink.data == b"one\ntwo\n"


def test_lines_wait_for_a_thread_that_cannot_be_started(make_writer, monkeypatch):
    sink = Sink()
    sink.open.set()
    writer = make_writer(sink)

    def fail(_):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        writer.write(b"one\n")
    writer.write(b"two\n")
    assert writer.flush(patience())
    assert sink.data == b"one\ntwo\n"


def test_a_writer_of_no_stream_takes_everything(make_writer):
    writer = make_writer(write_to(None))
    writer.write(b"one\n")
    assert writer.flush(patience())
    assert writer.dropped == 0


def test_a_pipe_that_nobody_reads_stops_no_caller_and_gets_the_rest_when_it_is_read(make_writer):
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as readable, os.fdopen(writing, "w") as stream:
        writer = make_writer(write_to(stream), max_bytes=100_000)
        for number in range(4000):
            writer.write(b"%099d\n" % number)
        lines = []
        read = threading.Thread(target=lambda: lines.extend(readable))
        read.start()
        assert writer.flush(patience())
        stream.close()
        read.join(patience())
    said = [int(line.split()[0]) for line in lines if b"dropped" in line]
    assert sum(said) > 0
    assert len(lines) - len(said) + sum(said) == 4000


def test_a_pipe_without_a_reader_harms_nobody(make_writer):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        writer = make_writer(write_to(stream))
        writer.write(b"one\n")
        assert writer.flush(patience())
    assert writer.dropped == 1


def test_a_full_disk_harms_nobody(make_writer):
    with Path("/dev/full").open("w") as stream:
        writer = make_writer(write_to(stream))
        writer.write(b"one\n")
        assert writer.flush(patience())
    assert writer.dropped == 1


def test_a_pipe_that_another_process_made_non_blocking_is_waited_for(make_writer):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with os.fdopen(reading, "rb") as readable, os.fdopen(writing, "w") as stream:
        writer = make_writer(write_to(stream))
        for number in range(2000):
            writer.write(b"%099d\n" % number)
        lines = [readable.readline() for _ in range(2000)]
        assert writer.flush(patience())
    assert lines[-1] == b"%099d\n" % 1999
    assert writer.dropped == 0


FORK = """
import os, sys, threading
from turnstile.observability.line_writer import LineWriter, write_to

release, reached = threading.Event(), threading.Event()
write = write_to(sys.stdout)

def slow(data):
    reached.set()
    release.wait()
    return write(data)

writer = LineWriter(slow, "turnstile-test", lambda count: b"")
writer.write(b"first\\n")
reached.wait()
writer.write(b"the parent's\\n")
child = os.fork()
release.set()
if child == 0:
    writer.write(b"the child's\\n")
    os._exit(0 if writer.flush(20.0) else 1)
print(os.waitpid(child, 0)[1], flush=True)
writer.flush(20.0)
"""


def test_a_forked_process_writes_its_own_lines_and_none_of_its_parents():
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=patience(), check=True)
    assert sorted(done.stdout.splitlines()) == ["0", "first", "the child's", "the parent's"]
