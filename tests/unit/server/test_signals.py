from __future__ import annotations

import os
import signal
import threading

import pytest

from turnstile.server.signals import ProcessSignals
from turnstile.testing import patience

WAIT = patience()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_drains_and_the_second_aborts(number):
    with ProcessSignals() as gate:
        assert not gate.drain.is_set()
        os.kill(os.getpid(), number)
        assert gate.drain.wait(WAIT)
        assert not gate.abort.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        assert gate.abort.wait(WAIT)
        os.kill(os.getpid(), signal.SIGTERM)


def test_the_handlers_of_before_come_back_afterwards():
    def mine(_number, _frame):
        """Nothing."""

    before = signal.signal(signal.SIGTERM, mine)
    try:
        with ProcessSignals():
            assert signal.getsignal(signal.SIGTERM) is not mine
        assert signal.getsignal(signal.SIGTERM) is mine
        assert not [thread for thread in threading.enumerate() if thread.name == "turnstile-signals"]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_another_thread_than_the_main_one_is_refused():
    errors = []

    def enter():
        try:
            ProcessSignals().__enter__()
        except ValueError as error:
            errors.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join(WAIT)
    assert len(errors) == 1


def test_a_hang_up_asks_for_a_reload_each_time_and_ends_nothing():
    with ProcessSignals(reloads=True) as gate:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)
            assert gate.reload.wait(WAIT)
            gate.reload.clear()
        assert not gate.drain.is_set()


def test_a_hang_up_keeps_its_handler_where_nothing_can_be_reloaded():
    before = signal.getsignal(signal.SIGHUP)
    with ProcessSignals():
        assert signal.getsignal(signal.SIGHUP) is before


def test_signals_are_ignored_up_to_the_end_of_the_process_once_its_exit_code_is_decided():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with ProcessSignals() as gate:
            gate.ignore()
            os.kill(os.getpid(), signal.SIGTERM)
            assert not gate.drain.is_set()
        assert [signal.getsignal(number) for number in before] == [signal.SIG_IGN, signal.SIG_IGN]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
