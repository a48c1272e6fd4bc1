"""What a run came to: the targets and what was measured, the raw figures, the machine; as Markdown and for JSON."""

from __future__ import annotations

import os
import platform
import re
import statistics
import sys
import sysconfig
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from scenarios import QUIET, SCENARIOS
from subjects import ALONE, ALONE_BARE, AUDIO, BARE, PICOWS, PICOWS_JOINS, PROXY
from targets import ceilings, judged, rate

_CEILING_AT_LEAST = 2.0
_LIBRARIES = ("numpy", "orjson", "picows", "pybase64", "pykka", "websocket-client", "websockets")


# How a build shows that it has PGO or LTO: an option of `configure`, or a compiler's or linker's flag.
_SIGNS = {"PGO": ("--enable-optimizations", "-fprofile-use", "-fprofile-instr-use"), "LTO": ("--with-lto", "-flto")}


def interpreter(told=sysconfig.get_config_var):
    """Return which Python this is, and how it was built: one without PGO and LTO is a tenth to a fifth slower.

    A build that shows neither may have both: Debian's does not tell.

    Args:
        told: Returns a variable of the build by its name, or None.
    """
    words = " ".join(str(told(name) or "") for name in ("CONFIG_ARGS", "PY_CORE_CFLAGS", "PY_CORE_LDFLAGS"))
    shown = [
        name
        for name, signs in _SIGNS.items()
        if any(word.startswith(signs) and not word.endswith("=no") for word in words.replace("'", "").split())
    ]
    parts = [f"with {name}" if name in shown else f"{name} not shown by its build" for name in _SIGNS]
    name = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{name} ({platform.python_compiler()}, {', '.join(parts)})"


def machine(cores, limit, load):
    """Return what was measured on, and by which load generator."""
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "cpu": found[1] if found else platform.machine(),
        "cores": os.cpu_count(),
        "subject_on": cores.subject,
        "upstream_on": cores.upstream,
        "load_on": cores.load,
        "python": interpreter(),
        "system": f"{platform.system()} {platform.release()}",
        "load_generator": load,
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
        "ceilings": ceilings(figures),
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
    lines = [_heading(told), *_judgements(told["targets"]), *_remarks(told["remarks"]), *_costs(scenarios)]
    lines += [*_loads(scenarios), *_ceilings(told["ceilings"], scenarios)]
    if "held-back" in scenarios:
        lines += _held(scenarios["held-back"]["figures"][PROXY]["pairs"])
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
        f"{length} of {told['seconds']:.0f} s. The load generator is {where['load_generator']}. "
        f"Others used {others['median']:.2f} of a core meanwhile "
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


def _a_thing(figures, beginning):
    """Return the one figure whose name begins like that: what it counts, frames or turns, depends on the load."""
    return next((value for name, value in figures.items() if name.startswith(beginning)), None)


def _costs(scenarios):
    """Return the CPU that a turn, delta or frame takes whom."""
    names = (PROXY, PICOWS, PICOWS_JOINS, BARE, AUDIO)
    rows = []
    for scenario in scenarios.values():
        found = [_a_thing(scenario["figures"].get(name, {}), "subject_us_a_") for name in names]
        if found[0] is not None:
            rows.append((scenario["asked"]["what"], *map(_number, found)))
    return _table(("CPU, µs each", *names), *rows) if rows else []


def _loads(scenarios):
    rows = []
    for scenario in scenarios.values():
        for name, figures in scenario["figures"].items():
            if "load_cpu" not in figures:
                continue
            cells = [*(figures.get(f"ms_p{share}") for share in (50, 95, 99)), rate(figures)]
            cells += [figures.get("subject_cpu"), figures["load_cpu"] + figures["upstream_cpu"], figures["others"]]
            rows.append((scenario["asked"]["what"], name, *map(_number, cells)))
    head = ("load", "subject", "p50, ms", "p95", "p99", "a second")
    return _table((*head, "cores: subject", "harness", "others"), *rows) if rows else []


def _ceilings(found, scenarios):
    """Return what the load generator can do: less than twice what is measured, and it is that which is measured."""
    rows = []
    for row in found:
        times = _number(row["times"]) + ("" if row["times"] >= _CEILING_AT_LEAST else ", **less than twice**")
        known = "alone" if row["alone"] else "by its core"
        what = scenarios[row["scenario"]]["asked"]["what"]
        rows.append((what, _number(row["fastest"]), _number(row["ceiling"]), times, known))
    head = ("the harness's ceiling", "fastest subject, a second", "harness, a second", "times", "known")
    words = (
        f"Alone ({ALONE}; {ALONE_BARE}: with binary audio) its clients are connected straight to its own stub upstream,"
        " with no subject between: it sends and receives as much as it does with one. Where a load is of a given size, "
        "it is given four times as much, and does no more than that. By its core: what it would do with the whole of "
        "its core, from the most that it used of it."
    )
    return [*_table(head, *rows), "", words] if rows else []


def _held(pairs):
    rows = [(pair, _number(held["mean"]), _number(held["most"])) for pair, held in pairs.items()]
    return _table(("held back by conversion, Hz", "mean, ms", "most"), *rows)


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
