"""The worker's end of the socket that joins it to its parent."""

from __future__ import annotations

import socket
import threading

import pytest

from turnstile.server.parent_link import ParentLink
from turnstile.testing import patience


@pytest.fixture
def ends():
    ours, parents = socket.socketpair()
    parents.settimeout(patience())
    with ours, parents:
        yield ParentLink(ours), parents


def test_lines_reach_the_parent_at_once(ends):
    link, parent = ends
    link.send(b"one\n")
    link.send(b"two\n")
    assert parent.recv(100) == b"one\ntwo\n"
    assert link.unsent == 0


def test_what_a_parent_that_reads_nothing_leaves_no_room_for_waits_in_order_without_blocking(ends):
    link, parent = ends
    sent = b""
    number = 0
    while link.unsent < 1000:
        line = b"%d\n" % number
        link.send(line)
        sent += line
        number += 1
    read = b""
    while len(read) < len(sent):
        read += parent.recv(65536)
    assert read == sent


def test_lines_of_the_parent_are_taken_until_it_ends(ends):
    link, parent = ends
    lines = []
    link.receive = lines.append
    waiting = threading.Thread(target=link.wait_for_end)
    waiting.start()
    parent.sendall(b"one\ntw")
    parent.sendall(b"o\n")
    parent.shutdown(socket.SHUT_WR)
    waiting.join(patience())
    assert lines == [b"one\n", b"two\n"]
    assert not waiting.is_alive()


def test_lines_to_a_parent_that_has_ended_are_dropped(ends):
    link, parent = ends
    parent.close()
    link.send(b"one\n")
    assert link.unsent == 0


def test_a_parent_that_ends_while_lines_wait_for_room_leaves_nothing_behind(ends):
    link, parent = ends
    while not link.unsent:
        link.send(b"x" * 1000)
    parent.close()
    writers = [thread for thread in threading.enumerate() if thread.name == "turnstile-parent"]
    for writer in writers:
        writer.join(patience())
    assert link.unsent == 0
