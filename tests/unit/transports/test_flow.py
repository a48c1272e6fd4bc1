from __future__ import annotations

from turnstile.transports.flow import Keepalive, Pulse, ReadGate, WriteGate


class Source:
    def __init__(self):
        self.pauses = 0

    def pause_reading(self):
        self.pauses += 1

    def resume_reading(self):
        self.pauses -= 1


def make(calls):
    for call in calls:
        call()


def test_the_read_gate_closes_past_the_high_water_and_opens_at_the_low_one():
    gate = ReadGate(high_water=10, low_water=4)
    gate.received(10)
    assert gate.is_open
    gate.received(1)
    gate.handled(6)
    assert not gate.is_open
    gate.handled(1)
    assert gate.is_open


def test_messages_counted_together_cost_what_they_cost_one_by_one():
    together, alone = (ReadGate(high_water=10, low_water=4, message_cost=2) for _ in range(2))
    together.received(4, messages=3)
    for size in (1, 1, 2):
        alone.received(size)
    assert together.is_open
    assert alone.is_open
    for gate in (together, alone):
        gate.received(0)
        assert not gate.is_open


def test_credit_given_back_twice_does_not_become_credit_for_more():
    gate = ReadGate(high_water=10, low_water=4)
    gate.handled(100)
    gate.received(11)
    assert not gate.is_open


def test_pauses_are_counted_also_when_a_resume_overtakes_its_pause():
    gate = ReadGate(10, 4)
    gate.resume()
    gate.pause()
    assert gate.is_open
    gate.pause()
    gate.pause()
    gate.resume()
    assert not gate.is_open
    gate.resume()
    assert gate.is_open


def test_sources_are_paused_once_between_the_water_marks():
    gate, source = WriteGate(high_water=10, low_water=4), Source()
    make(gate.add(source))
    for waiting, pauses in [(10, 0), (11, 1), (12, 1), (5, 1), (4, 0), (11, 1)]:
        make(gate.measure(waiting))
        assert source.pauses == pauses


def test_a_source_that_comes_late_is_paused_at_once_and_let_go_with_the_others():
    gate, first, late = WriteGate(10, 4), Source(), Source()
    make(gate.add(first))
    make(gate.measure(11))
    make(gate.add(late))
    assert (first.pauses, late.pauses) == (1, 1)
    make(gate.release())
    make(gate.release())
    assert (first.pauses, late.pauses) == (0, 0)


def test_nobody_is_held_when_there_is_no_source():
    gate, source = WriteGate(10, 4), Source()
    make(gate.measure(11))
    make(gate.add(source))
    assert source.pauses == 0


def test_a_ping_is_asked_for_after_an_interval_of_silence_only():
    pulse = Keepalive(interval=20, timeout=5, now=0)
    assert pulse.look(10, listening=True) == (Pulse.WAIT, 10)
    pulse.heard_at = 15
    assert pulse.look(20, listening=True) == (Pulse.WAIT, 15)
    assert pulse.look(35, listening=True) == (Pulse.PING, 5)


def test_any_sign_of_life_answers_a_ping():
    pulse = Keepalive(20, 5, 0)
    pulse.look(20, listening=True)
    pulse.heard_at = 22
    assert pulse.look(25, listening=True) == (Pulse.WAIT, 17)


def test_a_peer_is_gone_when_it_stays_silent_after_a_ping():
    pulse = Keepalive(20, 5, 0)
    pulse.look(20, listening=True)
    assert pulse.look(24, listening=True) == (Pulse.WAIT, 1)
    assert pulse.look(25, listening=True) == (Pulse.GONE, 0)


def test_a_peer_that_is_not_read_is_not_given_up():
    pulse = Keepalive(20, 5, 0)
    pulse.look(20, listening=True)
    assert pulse.look(25, listening=False) == (Pulse.WAIT, 20)
