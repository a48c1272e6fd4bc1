"""The metrics, in the text format of Prometheus."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from turnstile import __version__
from turnstile.observability.figures import FIGURES, HELD_BOUNDS
from turnstile.observability.metrics import CONTENT_TYPE, exposition

EXAMPLE = {
    "sessions_open": 3,
    "sessions_started": {"realtime": 5},
    "held_seconds": {"buckets": [2, 1, *[0] * (len(HELD_BOUNDS) - 2), 4], "sum": 301.5},
    "refusals": {'a "quoted" reason': 1},
    "process_cpu_seconds": {"1": 1.5, "2": 0.25},
}


def families(figures):
    text = exposition(figures).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def samples(figures):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families(figures).values()
        for sample in family.samples
    }


def test_a_gauge_has_its_own_name_and_a_counter_ends_with_total():
    found = families(EXAMPLE)
    assert (found["turnstile_sessions_open"].type, found["turnstile_sessions_started"].type) == ("gauge", "counter")
    assert samples(EXAMPLE)["turnstile_sessions_open",] == 3
    assert samples(EXAMPLE)["turnstile_sessions_started_total", "realtime"] == 5


def test_a_known_value_of_a_label_is_shown_before_it_was_counted():
    assert samples(EXAMPLE)["turnstile_sessions_started_total", "deepgram"] == 0


def test_a_bucket_counts_what_is_in_the_smaller_ones_too():
    found = samples(EXAMPLE)
    assert [found["turnstile_update_held_seconds_bucket", bound] for bound in ("0.05", "0.1", "60.0", "+Inf")] == [
        *(2, 3, 3, 7)
    ]
    assert found["turnstile_update_held_seconds_count",] == 7
    assert found["turnstile_update_held_seconds_sum",] == 301.5


def test_each_process_has_its_own_figures_by_its_number():
    found = samples(EXAMPLE)
    assert found["process_cpu_seconds_total", "1"] == 1.5
    assert found["process_cpu_seconds_total", "2"] == 0.25


def test_the_version_is_a_label():
    assert samples(EXAMPLE)["turnstile_build_info", __version__] == 1


def test_what_a_label_says_cannot_break_the_line():
    assert samples({"refusals": {'a "quoted"\nreason': 1}})["turnstile_refusals_total", 'a "quoted"\nreason'] == 1


def test_a_figure_that_no_process_has_handed_over_is_not_shown():
    assert set(families({})) == {"turnstile_build_info"}


def test_the_content_type_names_the_format():
    assert CONTENT_TYPE.startswith("text/plain; version=")


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.key)
def test_each_figure_has_a_name_of_its_kind_and_a_text(figure):
    assert figure.name.endswith("_total") == (figure.kind == "counter")
    assert figure.text.endswith(".")
    assert list(figure.bounds) == sorted(figure.bounds)
    assert bool(figure.bounds) == (figure.kind == "histogram")


def test_no_two_figures_share_a_key_or_a_name():
    assert len({one.key for one in FIGURES}) == len({one.name for one in FIGURES}) == len(FIGURES)
