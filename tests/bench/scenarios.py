"""What is measured: each scenario names its jobs, and who does them in turn; figures are medians over the rounds."""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass, field

from delay import all_held_back
from load import cpu_seconds
from subjects import ALONE, ALONE_BARE, AUDIO, BARE, PICOWS, PICOWS_JOINS, PROXY, TWO, start_subject

QUIET = 0.2
"""The part of a core that others may have had during a measurement that still counts as undisturbed."""

# Seconds that a run spends on measuring again what was disturbed: whole, short.
_SPARE, _QUICK_SPARE = 45.0, 15.0
_RELAYS = (PROXY, PICOWS, BARE)
_REST_STEPS = ((100, 0.5), (1100, 10.0))
_QUICK_REST_STEPS = ((50, 0.5), (550, 2.0))


@dataclass(frozen=True)
class Scenario:
    """One kind of load.

    Args:
        name: For ``--only`` and the figures.
        kind: The load generator's job.
        job: What that job is told, but for its length.
        subjects: Who does it, in turn.
        alone: What else of the job the harness alone is told: where the others decide by themselves how much they do,
            nothing; elsewhere several times as much, to see that it can.
        seconds: How long each round of it is measured.
        warm: Seconds before, which are not.
        rounds: How often all of them do it.
        quick: The same for a short run: seconds and rounds.
        what: In the table.
    """

    name: str
    kind: str
    what: str
    job: dict = field(default_factory=dict)
    subjects: tuple = _RELAYS
    alone: dict = field(default_factory=dict)
    seconds: float = 2.0
    warm: float = 0.3
    rounds: int = 3
    quick: tuple = (0.7, 1)


SCENARIOS = (
    Scenario(
        "turns-20",
        "turns",
        "turns: 20 sessions, each asks again when it is answered",
        {"sessions": 20, "pause": 0.0, "bytes": 64},
        (*_RELAYS, ALONE),
    ),
    Scenario(
        "paced-100",
        "paced",
        "paced speech: a delta every 100 ms, 100 sessions",
        {"sessions": 100},
        (*_RELAYS, ALONE),
        alone={"sessions": 400},
        seconds=3.0,
    ),
    Scenario(
        "burst",
        "paced",
        "bursts: 20 deltas of 100 ms at once every 100 ms, 100 sessions",
        {"sessions": 100, "together": 20},
        (*_RELAYS, ALONE),
        alone={"sessions": 400},
    ),
    Scenario(
        "burst-16k",
        "paced",
        "the same, converted to 16 kHz",
        {"sessions": 100, "together": 20, "output": 16_000},
        (PROXY, PICOWS),
    ),
    Scenario(
        "live-200",
        "live",
        "200 live sessions, a frame every 20 ms up and down, each in its own phase",
        {"sessions": 200, "gap": 0.02},
        (*_RELAYS, AUDIO, ALONE),
        alone={"gap": 0.005},
        seconds=3.0,
    ),
    Scenario(
        "saturate-50x8",
        "saturate",
        "saturated: 50 sessions, 8 frames under way in each",
        {"sessions": 50, "window": 8},
        (*_RELAYS, PICOWS_JOINS, AUDIO, ALONE, ALONE_BARE),
    ),
    Scenario(
        "alone-frame", "live", "one session alone, a frame every 20 ms", {"sessions": 1, "gap": 0.02}, seconds=3.0
    ),
    Scenario(
        "alone-turn",
        "turns",
        "one session alone, a turn, message to first audio",
        {"sessions": 1, "pause": 0.02, "bytes": 64},
        seconds=3.0,
    ),
    Scenario("held-back", "held back", "audio held back by conversion", {}, (PROXY,)),
    Scenario(
        "workers",
        "saturate",
        "saturated: two workers beside one process, on one core",
        {"sessions": 50, "window": 8},
        (PROXY, TWO),
    ),
    # As many frames a second in ten times as many sessions: a session must cost nothing by itself.
    *(
        Scenario(
            f"cost-{sessions}",
            "live",
            f"{sessions} sessions, 2,500 frames a second in all",
            {"sessions": sessions, "gap": sessions / 2500},
            (PROXY, BARE),
        )
        for sessions in (50, 500)
    ),
    Scenario(
        "start",
        "starts",
        "starts: connect to SettingsApplied, 32 at once",
        {"at_once": 32, "count": 400},
    ),
    Scenario("idle", "hold", "sessions at rest", subjects=(PROXY, BARE), rounds=1),
    Scenario(
        "mixed",
        "mixed",
        "mixed load, updates in mid-response, 50 sessions",
        {"sessions": 50, "seed": 1},
        (PROXY,),
        seconds=60.0,
        rounds=1,
        quick=(5.0, 1),
    ),
)


class Run:
    """One run of the harness.

    Args:
        cores: Who runs where.
        harness: Puts the load on.
        is_quick: Whether it is a short one.
        say: Tells how it goes.
    """

    def __init__(self, cores, harness, *, is_quick, say):
        self._cores = cores
        self._harness = harness
        self._is_quick = is_quick
        self._say = say
        self._spare = _QUICK_SPARE if is_quick else _SPARE
        self._subjects = {}

    def measure(self, scenario):
        """Return the figures of each subject: the medians, and under ``rounds`` what each round gave.

        Rounds that others on the machine disturbed do not count, if there are any that they did not.

        Raises:
            BenchError: Something failed; there are no figures then.
        """
        seconds, rounds = scenario.quick if self._is_quick else (scenario.seconds, scenario.rounds)
        if scenario.kind == "hold":
            return {name: self._measure_rest(name) for name in scenario.subjects}
        if scenario.kind == "held back":
            return {PROXY: {"pairs": all_held_back(), "rounds": []}}
        found = {name: [] for name in scenario.subjects}
        for number in range(rounds):
            for name in scenario.subjects:
                self._say(f"{scenario.what}: {name}, round {number + 1} of {rounds}")
                found[name].append(self._do_undisturbed(scenario, name, seconds))
        return {name: {**_medians(_quiet(figures)), "rounds": figures} for name, figures in found.items()}

    def end(self):
        """End the subjects."""
        for subject in self._subjects.values():
            subject.end()

    def _subject(self, name):
        if name not in self._subjects:
            self._subjects[name] = start_subject(name, self._cores, self._harness.upstream)
        self._subjects[name].require_life()
        return self._subjects[name]

    def _pids(self, subject):
        harness = self._harness.pids()
        return harness if subject.is_harness else {"subject": subject.pids(), **harness}

    def _do_undisturbed(self, scenario, name, seconds):
        """Measure again what others disturbed, while there is time to spare, and take the least disturbed."""
        figures = self._do(scenario, name, seconds)
        while figures["others"] > QUIET and self._spare > 0 and scenario.rounds > 1:
            begun = time.monotonic()
            figures = min(figures, self._do(scenario, name, seconds), key=lambda each: each["others"])
            self._spare -= time.monotonic() - begun
        return figures

    def _do(self, scenario, name, seconds):
        subject, before = self._subject(name), self._harness.upstream.counters()
        job = {
            "kind": scenario.kind,
            "speaker": subject.speaker,
            "port": subject.port,
            "pids": self._pids(subject),
            "seconds": seconds,
            "warm": scenario.warm,
            **scenario.job,
            **(scenario.alone if name == ALONE else {}),
        }
        figures = self._harness.run(job)
        subject.require_life()
        after = self._harness.upstream.counters()
        return {**figures, **{f"upstream_{counter}": after[counter] - before[counter] for counter in after}}

    def _measure_rest(self, name):
        """Open sessions in a fresh process, and see what they cost while nothing happens."""
        self._say(f"sessions at rest: {name}")
        subject = start_subject(name, self._cores, self._harness.upstream)
        try:
            return self._rest(subject)
        finally:
            subject.end()

    def _rest(self, subject):
        steps = _QUICK_REST_STEPS if self._is_quick else _REST_STEPS
        found = []

        def look(told):
            memory, threads = subject.status()
            # The generator lets them rest a little longer than this takes.
            cpu, begun = cpu_seconds(subject.pid), time.monotonic()
            threading.Event().wait(told["seconds"] * 0.9)
            spent = (cpu_seconds(subject.pid) - cpu) / (time.monotonic() - begun)
            found.append({"sessions": told["open"], "memory_kb": memory, "threads": threads, "cpu_share": spent})

        empty = {"kind": "hold", "speaker": subject.speaker, "port": subject.port, "seconds": 60, "pids": {}}
        self._harness.run({**empty, "steps": steps}, look)
        subject.require_life()
        few, many = found
        sessions = many["sessions"] - few["sessions"]
        return {
            "kb_a_session": (many["memory_kb"] - few["memory_kb"]) / sessions,
            "threads_added": many["threads"] - few["threads"],
            "threads": many["threads"],
            "cpu_share": many["cpu_share"],
            "sessions": many["sessions"],
            "rounds": found,
        }


def _quiet(rounds):
    return [figures for figures in rounds if figures["others"] <= QUIET] or rounds


def _medians(rounds):
    first = rounds[0]
    return {
        name: statistics.median(figures[name] for figures in rounds)
        if isinstance(first[name], int | float)
        else first[name]
        for name in first
    }
