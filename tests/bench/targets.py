"""What the proxy is held to: each target with how its figure is read from those of the scenarios."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenarios import QUIET
from subjects import ALONE, ALONE_BARE, BARE, PICOWS, PICOWS_JOINS, PROXY, TWO

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Target:
    """One of the figures that the proxy is held to.

    Args:
        what: In words.
        scenarios: From which it is read.
        read: Reads it out of the figures by scenario and subject.
        bound: What it must not pass.
        is_floor: Whether it must not be less, instead of not more.
        unit: Of figure and bound; a ratio has none.
        is_timed: Whether others on the machine can disturb it.
    """

    what: str
    scenarios: tuple[str, ...]
    read: Callable[[dict], float]
    bound: float
    is_floor: bool = False
    unit: str = ""
    is_timed: bool = True

    def judge(self, figures):
        """Return what was measured and whether that meets it; None when it was not measured."""
        if not set(self.scenarios) <= figures.keys():
            return None
        value = self.read(figures)
        is_met = value >= self.bound if self.is_floor else value <= self.bound
        return {
            "what": self.what,
            "measured": value,
            "target": self.bound,
            "unit": self.unit,
            "met": is_met,
            "is_floor": self.is_floor,
            "disturbed": self.is_timed and any(_was_disturbed(figures[name]) for name in self.scenarios),
        }


def _was_disturbed(found):
    """Tell whether others had so much of the machine that the figures say little about the subjects."""
    return any(found[name].get("others", 0) > QUIET for name in (PROXY, PICOWS, BARE) if name in found)


def _of_proxy(scenario, figure, scale=1.0):
    return lambda found: found[scenario][PROXY][figure] * scale


def _ratio(scenario, figure, yardstick=PICOWS):
    return lambda found: found[scenario][PROXY][figure] / found[scenario][yardstick][figure]


def _inverse(ratio):
    """Return how many the proxy does in a second of CPU to the other's, by what each of them costs."""
    return lambda found: 1 / ratio(found)


def _between(one, other, figure):
    return lambda found: found[one][PROXY][figure] / found[other][PROXY][figure]


def _added(scenario):
    """Return the milliseconds that the proxy adds to a relay that only passes messages on."""
    return lambda found: found[scenario][PROXY]["ms_p50"] - found[scenario][BARE]["ms_p50"]


def _held_back(*rates, apart=()):
    """Return the most that is held back of the pairs with one of the rates, or with none of those apart."""

    def read(found):
        pairs = found["held-back"][PROXY]["pairs"]
        return max(
            held["most"]
            for pair, held in pairs.items()
            if not {int(rate) for rate in pair.split(" to ")}.isdisjoint(rates)
            or (apart and {int(rate) for rate in pair.split(" to ")}.isdisjoint(apart))
        )

    return read


def _ceiling(scenario, figure):
    """Return what the harness does by itself to what it does with the fastest of the subjects."""

    def read(found):
        subjects = found[scenario]
        return subjects[ALONE][figure] / max(
            each[figure] for name, each in subjects.items() if name not in {ALONE, ALONE_BARE}
        )

    return read


def rate(figures):
    """Return how many turns, frames or whatever the load is of were done in a second; None where that is no figure."""
    return next((value for name, value in figures.items() if name.endswith("s_a_second")), None)


def ceilings(figures):
    """Return for each load how many the fastest subject did in a second, and how many the harness can.

    Where it was measured alone, it is what it did then, by the clock; in a load of a given size that is no more than
    it was given. Elsewhere it is what it would do with all of its core, by the part that it used.
    """
    rows = []
    for name, found in figures.items():
        subjects = [each for subject, each in found.items() if subject not in {ALONE, ALONE_BARE} and rate(each)]
        if subjects:
            alone = rate(found.get(ALONE, {}))
            by_core = min(rate(each) / (each["load_cpu"] + each["upstream_cpu"]) for each in subjects)
            fastest = max(map(rate, subjects))
            ceiling = alone or by_core
            row = {"scenario": name, "fastest": fastest, "ceiling": ceiling, "times": ceiling / fastest}
            rows.append({**row, "alone": alone is not None})
    return rows


def _under_way(found):
    mixed = found["mixed"][PROXY]
    return mixed["upstream_updates_in_response"] + mixed["upstream_collisions"] + sum(mixed["faults"].values())


_TURNS, _PACED, _LIVE, _FULL = "turns-20", "paced-100", "live-200", "saturate-50x8"
_A_FRAME, _A_TURN = "subject_us_a_frame", "subject_us_a_turn"

TARGETS = (
    Target("a turn, 20 sessions: CPU", (_TURNS,), _of_proxy(_TURNS, _A_TURN), 190.0, unit="µs"),
    Target("a turn: CPU to the picows relay's", (_TURNS,), _ratio(_TURNS, _A_TURN), 2.7),
    Target("a delta of 100 ms, 100 paced sessions: CPU", (_PACED,), _of_proxy(_PACED, _A_FRAME), 50.0, unit="µs"),
    Target("a delta, paced: CPU to the picows relay's", (_PACED,), _ratio(_PACED, _A_FRAME), 1.7),
    Target("a delta in a burst of 20: CPU", ("burst",), _of_proxy("burst", _A_FRAME), 12.0, unit="µs"),
    Target(
        "a delta in a burst of 20, converted to 16 kHz: CPU",
        ("burst-16k",),
        _of_proxy("burst-16k", _A_FRAME),
        20.0,
        unit="µs",
    ),
    Target("a frame up and down, 200 live sessions: CPU", (_LIVE,), _of_proxy(_LIVE, _A_FRAME), 85.0, unit="µs"),
    Target("a live frame: CPU to the picows relay's", (_LIVE,), _ratio(_LIVE, _A_FRAME), 1.3),
    Target("a live frame there and back, median", (_LIVE,), _of_proxy(_LIVE, "ms_p50"), 1.5, unit="ms"),
    Target("a live frame there and back, p99", (_LIVE,), _of_proxy(_LIVE, "ms_p99"), 10.0, unit="ms"),
    # By second of CPU: what each would do with all of its core, which others may have used a part of.
    Target(
        "saturated, 50 sessions: frames to the picows relay's, by second of CPU",
        (_FULL,),
        _inverse(_ratio(_FULL, _A_FRAME)),
        1.2,
        is_floor=True,
    ),
    Target("one session alone: added to a frame", ("alone-frame",), _added("alone-frame"), 0.3, unit="ms"),
    Target("one session alone: added to a turn", ("alone-turn",), _added("alone-turn"), 0.4, unit="ms"),
    *(
        Target(what, ("held-back",), read, bound, unit="ms", is_timed=False)
        for what, read, bound in (
            ("audio held back by conversion, 16 kHz and more", _held_back(apart=(8_000, 44_100)), 1.1),
            ("audio held back by conversion, from and to 8 kHz", _held_back(8_000), 2.1),
            ("audio held back by conversion, from and to 44.1 kHz", _held_back(44_100), 4.0),
        )
    ),
    Target("memory of a session at rest", ("idle",), _of_proxy("idle", "kb_a_session"), 36.0, unit="KB"),
    Target("threads that sessions at rest add", ("idle",), _of_proxy("idle", "threads_added"), 0.0),
    Target("CPU of the process, all at rest", ("idle",), _of_proxy("idle", "cpu_share", 100), 0.2, unit="% of a core"),
    Target(
        "CPU a frame: 500 sessions to 50, as many frames",
        ("cost-50", "cost-500"),
        _between("cost-500", "cost-50", _A_FRAME),
        1.2,
    ),
    Target(
        "CPU a frame: two workers to one process, saturated, on one core",
        ("workers",),
        _inverse(_ratio("workers", _A_FRAME, TWO)),
        1.1,
    ),
    Target("session starts", ("start",), _of_proxy("start", "starts_a_second"), 300.0, is_floor=True, unit="a second"),
    Target(
        "mixed load: updates in a running response, collisions, faults told",
        ("mixed",),
        _under_way,
        0.0,
        is_timed=False,
    ),
    Target(
        "the harness alone: frames to those of the fastest",
        (_FULL,),
        _ceiling(_FULL, "frames_a_second"),
        2.0,
        is_floor=True,
    ),
    Target(
        "the harness alone: turns to those of the fastest",
        (_TURNS,),
        _ceiling(_TURNS, "turns_a_second"),
        2.0,
        is_floor=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Remark:
    """What is told besides, without a bound.

    Args:
        what: In words.
        scenario: From which it is read.
        read: Reads it out of the figures by scenario and subject.
        unit: A ratio has none.
    """

    what: str
    scenario: str
    read: Callable[[dict], float]
    unit: str = ""

    def make(self, figures):
        """Return what was measured; None when it was not."""
        if self.scenario not in figures:
            return None
        return {"what": self.what, "measured": self.read(figures), "unit": self.unit}


REMARKS = (
    Remark("turns, 20 sessions: of the proxy, by the clock", _TURNS, _of_proxy(_TURNS, "turns_a_second"), "a second"),
    Remark("saturated: frames of the proxy, by the clock", _FULL, _of_proxy(_FULL, "frames_a_second"), "a second"),
    Remark(
        "saturated: frames to those of a picows relay that joins, by second of CPU",
        _FULL,
        _inverse(_ratio(_FULL, _A_FRAME, PICOWS_JOINS)),
    ),
    Remark("saturated: frames to the bare relay's, by second of CPU", _FULL, _inverse(_ratio(_FULL, _A_FRAME, BARE))),
    Remark("a frame, 200 live sessions: CPU to the bare relay's", _LIVE, _ratio(_LIVE, _A_FRAME, BARE)),
    Remark("a delta in a burst of 20: CPU to the picows relay's", "burst", _ratio("burst", _A_FRAME)),
    Remark(
        "a delta in a burst of 20, converted: CPU to the picows relay's", "burst-16k", _ratio("burst-16k", _A_FRAME)
    ),
)


def judged(figures):
    """Return the targets that were measured, and the remarks."""
    rows = [row for row in (target.judge(figures) for target in TARGETS) if row]
    return rows, [row for row in (remark.make(figures) for remark in REMARKS) if row]
