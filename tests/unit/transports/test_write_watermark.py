from __future__ import annotations

from weakref import ref

from turnstile.transports.write_watermark import WriteWatermark


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


def test_sources_are_paused_once_between_the_water_marks():
    watermark, source = WriteWatermark(high_water=10, low_water=4), Source()
    make(watermark.add(source))
    for waiting, pauses in [(10, 0), (11, 1), (12, 1), (5, 1), (4, 0), (11, 1)]:
        make(watermark.measure(waiting))
        assert source.pauses == pauses


def test_a_source_that_comes_late_is_paused_at_once_and_resumed_with_the_others():
    watermark, first, late = WriteWatermark(10, 4), Source(), Source()
    make(watermark.add(first))
    make(watermark.measure(11))
    make(watermark.add(late))
    assert (first.pauses, late.pauses) == (1, 1)
    make(watermark.release())
    make(watermark.release())
    assert (first.pauses, late.pauses) == (0, 0)


def test_nothing_is_paused_when_there_is_no_source():
    watermark, source = WriteWatermark(10, 4), Source()
    make(watermark.measure(11))
    make(watermark.add(source))
    assert source.pauses == 0


def test_a_source_that_is_gone_is_not_kept():
    watermark, source = WriteWatermark(10, 5), Source()
    watermark.add(source)
    gone = ref(source)
    del source
    assert gone() is None
    assert watermark.measure(11) == []
