from __future__ import annotations

from turnstile.transports.nonblocking_socket import PlainSocket
from turnstile.transports.write_buffer import WriteBuffer


class ScriptedSocket:
    """A socket that takes so many bytes, or raises, in turn."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.sent = []

    def recv(self, _size):
        raise NotImplementedError

    def send(self, data):
        taken = self.outcomes.pop(0)
        if isinstance(taken, Exception):
            raise taken
        self.sent.append(bytes(data[:taken]))
        return taken


def test_many_frames_leave_in_one_write_and_the_rest_goes_on_where_it_stopped():
    scripted = ScriptedSocket(3, BlockingIOError(), 3, 2)
    sock, buffer = PlainSocket(scripted), WriteBuffer()
    buffer.add([b"abc", b"def"])
    buffer.write_to(sock)
    assert (scripted.sent, buffer.size) == ([b"abc"], 3)
    buffer.add([b"gh"])
    buffer.write_to(sock)
    assert (scripted.sent, buffer.size) == ([b"abc", b"def", b"gh"], 0)


def test_only_what_the_socket_may_have_a_part_of_is_kept_when_the_rest_is_dropped():
    scripted = ScriptedSocket(1, BlockingIOError(), 2)
    sock, buffer = PlainSocket(scripted), WriteBuffer()
    buffer.add([b"abc"])
    buffer.write_to(sock)
    buffer.add([b"def"])
    buffer.drop_unbegun()
    assert buffer.size == 2
    buffer.write_to(sock)
    assert scripted.sent == [b"a", b"bc"]
