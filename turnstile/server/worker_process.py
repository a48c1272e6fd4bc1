"""One worker process: what its parent does with it, and what it inherits."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import threading
from typing import TYPE_CHECKING, NamedTuple, Self

from turnstile.errors import ConfigError
from turnstile.server.parent_link import READY_LINE, RELOADED_LINE, ParentLink
from turnstile.server.quota_messages import LINE_BYTES
from turnstile.server.worker_board import WorkerBoard
from turnstile.server.worker_quotas import WorkerQuotas
from turnstile.system_features import can_hand_sockets_over

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from turnstile.server.quotas import QuotaCounter

log = logging.getLogger(__name__)


class WorkerOption(NamedTuple):
    """The value of the option ``--worker``: the worker's number, and the descriptors that it inherits.

    Args:
        number: From 1.
        listener: Of the listening socket, which all workers share.
        board: Of the file of the board.
        parent: Of the socket that joins the worker to its parent.
        ops: Of the socket over which the parent asks what the worker shows operators.
    """

    number: int
    listener: int
    board: int
    parent: int
    ops: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the option for its text.

        Raises:
            ValueError: The text is not of five numbers.
        """
        number, listener, board, parent, ops = map(int, text.split(","))
        return cls(number, listener, board, parent, ops)

    def __str__(self) -> str:
        """Return its text."""
        return ",".join(map(str, self))


def require_workers(count: int) -> None:
    """Refuse several workers where processes cannot share a listening socket.

    Raises:
        ConfigError: This is such a system.
    """
    if count > 1 and not can_hand_sockets_over():
        words = f"server.workers: processes cannot share a port on this system; leave it 1, instead of {count}."
        raise ConfigError("no_workers", words)


class Ready(NamedTuple):
    """A worker accepts clients."""

    number: int


class Reloaded(NamedTuple):
    """A worker has read the configuration anew, or tried to."""

    number: int


class Ended(NamedTuple):
    """A worker process has ended, with an exit code, or, if negative, by a signal."""

    number: int
    code: int


class WorkerProcess:
    """A running worker process, in a process group of its own, so that Ctrl-C reaches its parent only.

    Its standard output and error are the parent's; its standard input is empty. A socket pair joins the two: the worker
    says on it that it accepts clients, asks for its sessions to be counted, and learns by its end that the parent has
    gone.

    Args:
        number: From 1.
        command: Starts a worker; the option ``--worker`` is added.
        environment: Its variables, besides those of this process.
        listener: The listening socket, which all workers share.
        board: The descriptor of the file of the board.
        ops: The socket that brings it what is asked for operators; may be closed then.
        counter: Counts the sessions of all workers, for quotas.
        report: Called when it is ready, has reloaded, and has ended, on a thread of its own.
    """

    def __init__(
        self,
        number: int,
        command: Sequence[str],
        environment: Mapping[str, str],
        listener: socket.socket,
        board: int,
        ops: socket.socket,
        counter: QuotaCounter,
        report: Callable[[Ready | Reloaded | Ended], None],
    ) -> None:
        self.number = number
        self._is_ready = False
        self._must_reload = False
        self._quotas = WorkerQuotas(counter)
        self._report = report
        self._socket, other_end = socket.socketpair()
        with other_end:
            option = WorkerOption(number, listener.fileno(), board, other_end.fileno(), ops.fileno())
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [*command, "--worker", str(option)],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                pass_fds=option[1:],
                process_group=0,
            )
        self.pid = self._process.pid
        threading.Thread(target=self._watch, name=f"turnstile-worker-{number}", daemon=True).start()

    def note_ready(self) -> None:
        """Note that it accepts clients, and therefore has its signal handlers."""
        self._is_ready = True
        if self._must_reload:
            self.reload()

    def reload(self) -> None:
        """Tell it to read the configuration anew, as soon as it is ready: before, the signal would end it."""
        self._must_reload = not self._is_ready
        if self._is_ready:
            self.send_signal(signal.SIGHUP)

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal; does nothing if it has ended."""
        self._process.send_signal(number)

    def _watch(self) -> None:
        with contextlib.suppress(OSError), self._socket, self._socket.makefile("rb") as lines:
            while line := lines.readline(LINE_BYTES):
                self._hear(line)
        self._quotas.give_all_back()
        self._report(Ended(self.number, self._process.wait()))

    def _hear(self, line: bytes) -> None:
        if line == READY_LINE:
            self._report(Ready(self.number))
            return
        if line == RELOADED_LINE:
            self._report(Reloaded(self.number))
            return
        try:
            answer = self._quotas.answer(line)
        except Exception:  # its end must be seen all the same
            log.exception("Worker %s has said what it should not", self.number)
        else:
            self._socket.sendall(answer)  # may wait for the worker, as this thread does anyway


class Inheritance:
    """What a worker inherits from its parent.

    Args:
        option: Names it.
    """

    def __init__(self, option: WorkerOption) -> None:
        for descriptor in option[1:]:
            os.set_inheritable(descriptor, False)  # noqa: FBT003 - positional only
        self.listener = socket.socket(fileno=option.listener)
        """The listening socket, which all workers share."""
        self.slot = WorkerBoard.shared(option.board).slot(option.number)
        """The worker's slot on the board."""
        os.close(option.board)
        self.parent = ParentLink(socket.socket(fileno=option.parent))
        """Joins the worker to its parent."""
        self.ops = socket.socket(fileno=option.ops)
        """Brings what the parent asks for operators."""
