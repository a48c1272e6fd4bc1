"""The harness measures what it says, or says that it could not."""

from __future__ import annotations

import sys
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import delay
import report
from harness import Harness
from load import Course
from scenarios import SCENARIOS, Run, Scenario
from subjects import ALONE, ALONE_BARE, AUDIO, BARE, PICOWS, PICOWS_JOINS, PROXY, TWO, Cores
from targets import REMARKS, TARGETS, ceilings, judged
from units import UNITS, by_layer, measure
from wire import BINARY, TEXT, BenchError, frame, walk

FRAMES = Scenario(
    "few",
    "live",
    "a few frames",
    {"sessions": 2, "gap": 0.005},
    (PROXY, TWO, PICOWS, PICOWS_JOINS, BARE, AUDIO, ALONE, ALONE_BARE),
)
TURNS = Scenario("turns", "turns", "a few turns", {"sessions": 2, "pause": 0.01}, (PROXY, PICOWS, BARE, AUDIO))


@pytest.fixture(params=[False, True], ids=["in_c", "in_python"])
def run(request):
    cores = Cores.of_this_machine()
    with ExitStack() as stack:
        stack.callback((harness := Harness(cores, in_python=request.param)).end)
        run = Run(cores, harness, is_quick=True, say=lambda _: None)
        stack.callback(run.end)
        yield run


def brief(scenario, *subjects):
    return Scenario(
        scenario.name,
        scenario.kind,
        scenario.what,
        scenario.job,
        subjects or scenario.subjects,
        warm=0.05,
        rounds=1,  # or what others disturb would be measured again
        quick=(0.1, 1),
    )


@pytest.mark.slow
def test_every_subject_answers_every_frame_and_every_turn(run):
    for figures in run.measure(brief(FRAMES)).values():
        assert figures["ms_count"] == 40
        assert figures["frames"] > 0
        assert 0 < figures["ms_p50"] <= figures["ms_p99"]
    for figures in run.measure(brief(TURNS)).values():
        assert 0 < figures["ms_count"] <= figures["upstream_responses"]


def test_the_harness_alone_is_given_several_times_as_much_where_the_load_is_of_a_given_size(run):
    few = Scenario(
        "few",
        "live",
        "few",
        {"sessions": 2, "gap": 0.02},
        (BARE, ALONE),
        {"gap": 0.005},
        warm=0.1,
        rounds=1,
        quick=(0.2, 1),
    )
    figures = run.measure(few)
    assert (figures[BARE]["ms_count"], figures[ALONE]["ms_count"]) == (20, 80)


def test_a_subject_that_dies_stops_the_run_with_a_clear_line(run):
    run.measure(brief(TURNS, BARE))
    relay = run._subjects[BARE].process
    relay.kill()
    relay.wait()
    with pytest.raises(BenchError, match="bare relay has ended with -9"):
        run.measure(brief(TURNS, BARE))


def test_a_session_that_does_not_start_stops_the_run_with_a_clear_line(run):
    run._subject(PROXY).speaker = "relayed"  # which knocks at a path that the proxy does not have
    with pytest.raises(BenchError, match=r"a client was not let in: HTTP/1\.1 404"):
        run.measure(brief(TURNS, PROXY))


def test_every_unit_of_work_is_counted_and_a_burst_costs_less_a_delta():
    layers = {}
    rows = measure(list(UNITS), 3, lambda name, *seen: layers.update({name: by_layer(*seen)}))
    assert all(figure > 0 for row in rows.values() for figure in row)
    assert rows["delta of 20"][0] < rows["delta"][0] < rows["turn"][0]
    for name, found in layers.items():
        assert found["actors"][0] > 0
        assert sum(calls for calls, _ in found.values()) == pytest.approx(rows[name][0], rel=0.1)
        assert sum(share for _, share in found.values()) == pytest.approx(1)


def test_the_answers_to_frames_are_known_beforehand():
    plain, resampled = Course(translates=False), Course(translates=True)
    plain.reach(100)
    resampled.reach(100)
    assert plain.deltas == list(range(1, 101))
    assert 95 <= resampled.deltas[-1] <= 100


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize("masked", [False, True])
def test_frames_are_read_as_they_were_built(size, masked):
    payload = bytes(number % 251 for number in range(size))
    data = frame(BINARY, payload, masked=masked) + frame(TEXT, b"{}", masked=masked)
    assert walk(data) == ([(BINARY, payload), (TEXT, b"{}")], b"")
    assert walk(data[:-1]) == ([(BINARY, payload)], data[:-1][-(len(frame(TEXT, b"{}", masked=masked)) - 1) :])


def test_a_fragment_is_refused():
    with pytest.raises(BenchError, match="0x2"):
        walk(b"\x02\x01a")


def test_targets_are_read_from_scenarios_that_are_there():
    assert {name for target in TARGETS for name in target.scenarios} <= {scenario.name for scenario in SCENARIOS}
    assert judged({}) == ([], [])


def test_every_target_and_remark_is_read_from_the_figures_of_its_scenario():
    figures = {scenario.name: {name: defaultdict(lambda: 2.0) for name in scenario.subjects} for scenario in SCENARIOS}
    figures["held-back"][PROXY]["pairs"] = {
        "8000 to 24000": {"most": 2.0}, "24000 to 44100": {"most": 0.7}, "24000 to 48000": {"most": 1.0}
    }  # fmt: skip
    figures["mixed"][PROXY]["faults"] = {"late": 3}
    rows, remarks = judged(figures)
    assert (len(rows), len(remarks)) == (len(TARGETS), len(REMARKS))
    measured = {row["what"]: (row["measured"], row["met"]) for row in rows}
    assert measured["a turn: CPU to the picows relay's"] == (1.0, True)
    assert measured["one session alone: added to a turn"] == (0.0, True)
    assert measured["audio held back by conversion, 16 kHz and more"] == (1.0, True)
    assert measured["audio held back by conversion, from and to 8 kHz"] == (2.0, True)
    assert measured["audio held back by conversion, from and to 44.1 kHz"] == (0.7, True)
    assert measured["mixed load: updates in a running response, collisions, faults told"] == (7.0, False)
    assert measured["the harness alone: turns to those of the fastest"] == (1.0, False)


def test_the_ceiling_is_what_the_harness_does_alone_or_would_do_with_its_whole_core():
    used = {"load_cpu": 0.25, "upstream_cpu": 0.25}
    turns, burst = {"turns_a_second": 100.0, **used}, {"frames_a_second": 1000.0, **used}
    figures = {
        "turns-20": {PROXY: turns, BARE: {**turns, "turns_a_second": 200.0}, ALONE: {"turns_a_second": 380.0}},
        "burst": {PROXY: burst, BARE: {**burst, "load_cpu": 0.15}},
        "held-back": {PROXY: {"pairs": {}}},
    }
    assert ceilings(figures) == [
        {"scenario": "turns-20", "fastest": 200.0, "ceiling": 380.0, "times": 1.9, "alone": True},
        {"scenario": "burst", "fastest": 1000.0, "ceiling": 2000.0, "times": 2.0, "alone": False},
    ]
    asked = {name: {"asked": {"what": name}} for name in figures}
    head, _, turns, burst = (line for line in report._ceilings(ceilings(figures), asked) if line.startswith("|"))
    assert "ceiling" in head
    assert turns == "| turns-20 | 200 | 380 | 1.90, **less than twice** | alone |"
    assert burst == "| burst | 1,000 | 2,000 | 2.00 | by its core |"


# What is held back.


class Late:
    """A converter that holds nothing back by its lengths, and gives everything 24 samples late."""

    def __init__(self, *_):
        self._waiting = bytes(48)

    def feed(self, data):
        data = self._waiting + data
        self._waiting = data[-48:]
        return data[:-48]


def test_audio_that_comes_out_at_once_but_later_in_what_comes_is_held_back(monkeypatch):
    monkeypatch.setattr(delay, "Converter", Late)
    held = delay.held_back(24_000, 24_000)
    assert held == {"mean": pytest.approx(1.0), "most": pytest.approx(1.0)}


def test_audio_that_needs_no_conversion_is_not_held_back():
    assert delay.held_back(24_000, 24_000) == {"mean": pytest.approx(0.0), "most": pytest.approx(0.0)}


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "PGO not shown by its build, LTO not shown by its build"),
        (
            {"CONFIG_ARGS": "'--enable-shared' '--without-lto'"},
            "PGO not shown by its build, LTO not shown by its build",
        ),
        ({"CONFIG_ARGS": "'--enable-optimizations' '--with-lto=thin'"}, "with PGO, with LTO"),
        ({"CONFIG_ARGS": "'--enable-optimizations' '--with-lto=no'"}, "with PGO, LTO not shown by its build"),
        ({"PY_CORE_CFLAGS": "-O3 -fprofile-use -g", "PY_CORE_LDFLAGS": "-g -flto=auto"}, "with PGO, with LTO"),
        ({"PY_CORE_LDFLAGS": "-flto"}, "PGO not shown by its build, with LTO"),
    ],
)
def test_the_heading_says_of_a_build_what_it_shows_and_no_more(variables, told):
    assert report.interpreter(variables.get).endswith(f", {told})")
