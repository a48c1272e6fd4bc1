"""What a run came to: the targets with what was measured, the raw figures, the machine; as Markdown and for JSON."""

from __future__ import annotations

import os
import platform
import re
import statistics
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from scenarios import QUIET, SCENARIOS
from subjects import ALONE, ALONE_BARE, AUDIO, BARE, HASTY, PROXY, TWO

if TYPE_CHECKING:
    from collections.abc import Callable

_LIBRARIES = ("numpy", "orjson", "pybase64", "pykka", "soxr", "websocket-client", "websockets")


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
    return any(found[name].get("others", 0) > QUIET for name in (PROXY, BARE) if name in found)


def _ratio(scenario, figure, yardstick=BARE):
    return lambda found: found[scenario][PROXY][figure] / found[scenario][yardstick][figure]


def _of_proxy(scenario, figure, scale=1.0):
    return lambda found: found[scenario][PROXY][figure] * scale


def _between(one, other, figure):
    return lambda found: found[one][PROXY][figure] / found[other][PROXY][figure]


def _under_way(found):
    mixed = found["mixed"][PROXY]
    return mixed["upstream_updates_in_response"] + mixed["upstream_collisions"] + sum(mixed["faults"].values())


TARGETS = (
    Target(
        "saturated, 50 sessions: frames of the proxy to the bare relay's, by second of CPU",
        ("saturate-50x8",),
        # Frames a second of CPU: what each would do with all of its core, which others may have used a part of.
        lambda found: 1 / _ratio("saturate-50x8", "subject_us_a_frame")(found),
        0.5,
        is_floor=True,
    ),
    Target("200 live sessions: median to the bare relay's", ("live-200",), _ratio("live-200", "ms_p50"), 1.5),
    Target("200 live sessions: p99 to the bare relay's", ("live-200",), _ratio("live-200", "ms_p99"), 2.0),
    Target("a turn, median: to the bare relay's, same events upstream", ("turn",), _ratio("turn", "ms_p50"), 1.3),
    Target("memory of a session at rest", ("idle",), _of_proxy("idle", "kb_a_session"), 40.0, unit="KB"),
    Target("threads that sessions at rest add", ("idle",), _of_proxy("idle", "threads_added"), 0.0),
    Target("CPU of the process, all at rest", ("idle",), _of_proxy("idle", "cpu_share", 100), 0.2, unit="% of a core"),
    Target(
        "CPU a frame: 500 sessions to 50, as many frames",
        ("cost-50", "cost-500"),
        _between("cost-500", "cost-50", "subject_us_a_frame"),
        1.2,
    ),
    Target(
        "CPU a frame: two workers to one process, saturated, on one core",
        ("workers",),
        lambda found: 1 / _ratio("workers", "subject_us_a_frame", TWO)(found),
        1.1,
    ),
    Target("session starts", ("start",), _of_proxy("start", "starts_a_second"), 300.0, is_floor=True, unit="a second"),
    Target(
        "p95 at 120 live sessions to that at 10",
        ("live-10", "live-120"),
        _between("live-120", "live-10", "ms_p95"),
        2.0,
    ),
    Target(
        "mixed load: updates in a running response, collisions, faults told",
        ("mixed",),
        _under_way,
        0.0,
        is_timed=False,
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


def _harness_alone(name):
    return lambda found: found[_FULL][name]["frames_a_second"] / found[_FULL][BARE]["frames_a_second"]


def _harness_busy(found):
    bare = found[_FULL][BARE]
    return bare["load_cpu"] + bare["upstream_cpu"]


_FULL = "saturate-50x8"
REMARKS = (
    Remark("saturated: frames of the harness alone to the bare relay's", _FULL, _harness_alone(ALONE)),
    Remark("the same on the bare relay's wire", _FULL, _harness_alone(ALONE_BARE)),
    Remark("saturated: cores that the harness used to keep the bare relay busy", _FULL, _harness_busy),
    Remark("saturated: frames of the proxy to the bare relay's, by the clock", _FULL, _ratio(_FULL, "frames_a_second")),
    Remark("saturated: CPU a frame, proxy to audio relay", _FULL, _ratio(_FULL, "subject_us_a_frame", AUDIO)),
    Remark(
        "one frame at a time: frames of the proxy to the bare relay's",
        "saturate-50x1",
        _ratio("saturate-50x1", "frames_a_second"),
    ),
    Remark("200 live sessions: CPU a frame, proxy to bare relay", "live-200", _ratio("live-200", "subject_us_a_frame")),
    Remark(
        "a turn, median: to that of a bare relay whose client asks for its answer with its item",
        "turn",
        _ratio("turn", "ms_p50", HASTY),
    ),
    Remark("bursts: deltas of the proxy to the bare relay's", "burst", _ratio("burst", "frames_a_second")),
    Remark("paced speech, median: to the bare relay's", "paced", _ratio("paced", "ms_p50")),
    Remark("audio that the resampler holds back, on average", "live-50", _of_proxy("live-50", "held_ms_mean"), "ms"),
    Remark("audio that the resampler holds back, at most", "live-50", _of_proxy("live-50", "held_ms_most"), "ms"),
)


def machine(cores, limit):
    """Return what was measured on."""
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "cpu": found[1] if found else platform.machine(),
        "cores": os.cpu_count(),
        "subject_on": cores.subject,
        "upstream_on": cores.upstream,
        "load_on": cores.load,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()}",
        "files": limit,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "interpreter_flags": sys.flags.optimize,
    }


def noise(figures):
    """Return the share of a core that others had, by measurement: the median and the most."""
    shares = [
        one["others"]
        for subjects in figures.values()
        for found in subjects.values()
        for one in found["rounds"]
        if "others" in one
    ]
    return {"median": statistics.median(shares), "most": max(shares)} if shares else {"median": 0.0, "most": 0.0}


def judged(figures):
    """Return the targets that were measured, and the remarks."""
    rows = [row for row in (target.judge(figures) for target in TARGETS) if row]
    return rows, [row for row in (remark.make(figures) for remark in REMARKS) if row]


def document(figures, where, seconds, *, is_quick):
    """Return all of it, for JSON."""
    rows, remarks = judged(figures)
    return {
        "machine": where,
        "quick": is_quick,
        "seconds": seconds,
        "others": noise(figures),
        "targets": rows,
        "remarks": remarks,
        "scenarios": {
            scenario.name: {"asked": {**_plain(scenario)}, "figures": figures[scenario.name]}
            for scenario in SCENARIOS
            if scenario.name in figures
        },
    }


def _plain(scenario):
    return {name: value for name, value in asdict(scenario).items() if name != "name"}


def markdown(told):
    """Return the tables of what `document` gave."""
    scenarios = told["scenarios"]
    lines = [_heading(told), *_judgements(told["targets"]), *_remarks(told["remarks"]), *_loads(scenarios)]
    if "idle" in scenarios:
        lines += _rest(scenarios["idle"]["figures"])
    if "mixed" in scenarios:
        lines += _mixture(scenarios["mixed"]["figures"][PROXY])
    return "\n".join(lines) + "\n"


def _heading(told):
    where, others = told["machine"], told["others"]
    length = "a short run" if told["quick"] else "a whole run"
    return (
        f"{where['cpu']}, {where['cores']} cores, {where['python']}, {where['system']}, {where['date']}; "
        f"{length} of {told['seconds']:.0f} s. Others used {others['median']:.2f} of a core meanwhile "
        f"(median of the measurements), {others['most']:.2f} at most; a row is disturbed where that was more than "
        f"{QUIET:g} in every round."
    )


def _table(*rows):
    """Return a table with an empty line before; the first row is its head."""
    head, *body = [f"| {' | '.join(cells)} |" for cells in rows]
    return ["", head, "|" + " --- |" * len(rows[0]), *body]


def _judgements(targets):
    rows = []
    for row in targets:
        unit = f" {row['unit']}" if row["unit"] else ""
        wanted = f"{'≥' if row['is_floor'] else '≤'} {row['target']:g}{unit}"
        verdict = ("met" if row["met"] else "**not met**") + (", disturbed" if row["disturbed"] else "")
        rows.append((row["what"], f"{_number(row['measured'])}{unit}", wanted, verdict))
    return _table(("target", "measured", "wanted", ""), *rows) if rows else []


def _remarks(remarks):
    rows = [(row["what"], f"{_number(row['measured'])} {row['unit']}".strip()) for row in remarks]
    return _table(("besides", "measured"), *rows) if rows else []


_RATES = ("starts_a_second", "turns_a_second", "frames_a_second")


def _loads(scenarios):
    rows = []
    for scenario in scenarios.values():
        for name, figures in scenario["figures"].items():
            if "load_cpu" not in figures:
                continue
            rate = next((figures[key] for key in _RATES if key in figures), None)
            cells = [*(figures.get(f"ms_p{share}") for share in (50, 95, 99)), rate, figures.get("subject_us_a_frame")]
            cells += [figures.get("subject_cpu"), figures["load_cpu"] + figures["upstream_cpu"], figures["others"]]
            rows.append((scenario["asked"]["what"], name, *map(_number, cells)))
    head = ("load", "subject", "p50, ms", "p95", "p99", "a second", "CPU, µs a frame")
    return _table((*head, "cores: subject", "harness", "others"), *rows) if rows else []


def _rest(found):
    rows = [
        (name, *map(_number, (each["sessions"], each["kb_a_session"], each["threads"], each["cpu_share"] * 100)))
        for name, each in found.items()
    ]
    return _table(("at rest", "sessions", "KB a session", "threads", "CPU, % of a core"), *rows)


def _mixture(figures):
    whats = {
        "speech": "speech, upstream to client",
        "turn": "user message to first audio",
        "held_update": "update, from the response's end to its ack",
    }
    rows = [
        (what, *(_number(figures[f"{name}_ms_{figure}"]) for figure in ("p50", "p95", "p99", "count")))
        for name, what in whats.items()
    ]
    summary = (
        f"Mixed load: {figures['answers']} answers; {figures['updates']} updates asked for and acknowledged, in "
        f"{figures['upstream_updates']:g} upstream, of which {figures['upstream_updates_in_response']:g} in a running "
        f"response; {figures['upstream_collisions']:g} collisions; faults told: {figures['faults'] or 'none'}."
    )
    return [*_table(("mixed load", "p50, ms", "p95", "p99", "counted"), *rows), "", summary]


def _number(value):
    if value is None:
        return "-"
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
