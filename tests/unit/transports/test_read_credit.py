from __future__ import annotations

from turnstile.transports.read_credit import ReadCredit


def test_reading_stops_past_the_high_water_mark_and_goes_on_at_the_low_one():
    credit = ReadCredit(high_water=10, low_water=4)
    credit.received(10)
    assert credit.may_read
    credit.received(1)
    credit.handled(6)
    assert not credit.may_read
    credit.handled(1)
    assert credit.may_read


def test_messages_counted_together_cost_what_they_cost_one_by_one():
    together, alone = (ReadCredit(high_water=10, low_water=4, message_cost=2) for _ in range(2))
    together.received(4, messages=3)
    for size in (1, 1, 2):
        alone.received(size)
    assert together.may_read
    assert alone.may_read
    for credit in (together, alone):
        credit.received(0)
        assert not credit.may_read


def test_credit_given_back_twice_does_not_become_credit_for_more():
    credit = ReadCredit(high_water=10, low_water=4)
    credit.handled(100)
    credit.received(11)
    assert not credit.may_read


def test_pauses_are_counted_also_when_a_resume_overtakes_its_pause():
    credit = ReadCredit(10, 4)
    credit.resume()
    credit.pause()
    assert credit.may_read
    credit.pause()
    credit.pause()
    credit.resume()
    assert not credit.may_read
    credit.resume()
    assert credit.may_read
