"""The example dashboard, the rules and the page about metrics name what is there; `promtool` can use all of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from actors.system import ProxySystem
from turnstile.config import load_config
from turnstile.observability.figures import FIGURES
from turnstile.observability.metrics import exposition
from turnstile.testing import patience

ROOT = Path(__file__).parents[3]
DASHBOARD = ROOT / "config" / "dashboard.json"
RULES = ROOT / "config" / "alerts.yml"
PAGE = ROOT / "docs" / "howto" / "operate-it.md"

_NAME = re.compile(r"\b(?:turnstile|process)_[a-z_]+\b")
_ROW = re.compile(r"^\| `(?P<name>(?:turnstile|process)_\w+)(?:\{\w+\})?` \|", re.MULTILINE)


@pytest.fixture(scope="module")
def real():
    """The exposition of a proxy."""
    system = ProxySystem(load_config(flags={"upstream.url": "simulator:"}), listens=False)
    try:
        return exposition(system.counts()).decode()
    finally:
        system.stop(0)


@pytest.fixture(scope="module")
def names(real):
    """The names of all metrics, as they are written in the exposition."""
    return set(re.findall(r"^# TYPE (\w+) ", real, re.MULTILINE))


@pytest.fixture(scope="module")
def sample_names(real):
    """The names of all metrics, and of the parts of histograms."""
    return {sample.name for family in text_string_to_metric_families(real) for sample in family.samples}


def expressions():
    """Return what the dashboard's panels and the rules ask Prometheus, by their titles."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = {panel["title"]: [one["expr"] for one in panel["targets"]] for panel in panels if "targets" in panel}
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    return asked | {rule["alert"]: [rule["expr"]] for rule in rules}


def labels(name, real):
    """Return the labels of a metric, with their values."""
    found = set()
    for family in text_string_to_metric_families(real):
        for sample in family.samples:
            if sample.name == name:
                found |= set(sample.labels.items())
    return found


def test_every_figure_is_handed_over_by_a_proxy(names):
    assert names == {"turnstile_build_info", *(figure.name for figure in FIGURES)}


@pytest.mark.parametrize("title", expressions())
def test_a_panel_or_rule_asks_for_metrics_that_there_are(title, sample_names):
    for expression in expressions()[title]:
        named = set(_NAME.findall(expression))
        assert named - sample_names == set()
        assert named or "up{" in expression


def test_every_metric_is_on_the_dashboard(names):
    shown = _NAME.findall(DASHBOARD.read_text())
    assert names - {re.sub("_bucket$", "", name) for name in shown} == set()


def test_the_page_explains_every_metric_and_no_other(names, sample_names):
    page = PAGE.read_text()
    assert sorted(_ROW.findall(page)) == sorted(names)
    assert set(_NAME.findall(page)) - names - sample_names == set()


def test_the_page_names_every_rule():
    named = set(re.findall(r"\bTurnstile[A-Z]\w+", PAGE.read_text()))
    assert named == {rule["alert"] for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]}


def test_a_rule_s_label_values_are_those_of_the_metric(real):
    for asked in expressions().values():
        for name, matchers in re.findall(r"(\w+)\{([^}]*)\}", " ".join(asked)):
            for label, values in re.findall(r'(outcome|reason)[=!]~"([^"]*)"', matchers):
                assert {(label, value) for value in values.split("|")} <= labels(name, real)


def test_the_panels_of_the_dashboard_do_not_overlap():
    cells = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        own = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert max(x for x, _ in own) < 24
        assert not own & cells
        cells |= own


# With Prometheus' own program.


@pytest.fixture
def promtool(tmp_path):
    """Run `promtool` in a directory with the rules and their tests; returns what it has printed."""
    program = shutil.which("promtool")
    if program is None:
        words = "promtool is not installed here (apt-get install --no-install-recommends prometheus)"
        pytest.fail(words) if os.environ.get("CI") else pytest.skip(words)
    for file in (RULES, Path(__file__).with_name("alerts_test.yml")):
        shutil.copy(file, tmp_path)

    def run(*arguments, stdin=""):
        command = [program, *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, input=stdin, capture_output=True, text=True, timeout=patience(), check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_the_rules_can_be_loaded(promtool):
    assert "SUCCESS" in promtool("check", "rules", "alerts.yml")


def test_the_rules_speak_when_something_is_wrong_and_not_otherwise(promtool):
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yml")


def test_the_names_and_texts_of_the_metrics_are_as_they_should_be(promtool, real):
    assert promtool("check", "metrics", stdin=real) == ""


def test_prometheus_understands_what_the_dashboard_asks(promtool, tmp_path):
    asked = [one for all_ in expressions().values() for one in all_]
    plain = [one.replace("$__rate_interval", "5m").replace("$instance", ".*") for one in asked]
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(plain)]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", "panels.yml")
