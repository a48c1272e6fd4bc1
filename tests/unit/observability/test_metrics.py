import threading

from turnstile.observability.metrics import CountingMeter
from turnstile.testing import patience


def test_a_counter_adds_up():
    meter = CountingMeter()
    meter.count("sessions")
    meter.count("bytes", 640)
    meter.count("bytes", 640)
    assert meter.snapshot() == {"sessions": 1, "bytes": 1280}


def test_a_snapshot_stays_when_the_counting_goes_on():
    meter = CountingMeter()
    meter.count("sessions")
    snapshot = meter.snapshot()
    meter.count("sessions")
    assert snapshot == {"sessions": 1}


def test_nothing_is_lost_when_many_threads_count():
    meter = CountingMeter()
    threads = [threading.Thread(target=lambda: [meter.count("all") for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patience(5))
    assert meter.snapshot() == {"all": 2000}
