"""What the site of the docs is checked for; the whole of it is built and checked by `make docs-site`."""

from __future__ import annotations

import pytest

from check_site import faults_of_page, faults_of_style, is_found_as


@pytest.fixture
def site(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "other.html").write_text('<h1 id="known">Other</h1>')
    (tmp_path / "shown.png").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    ("tag", "fault"),
    [
        ('<a href="there/other.html#known">', []),
        ('<a href="https://semver.org">', []),
        ('<img src="shown.png">', []),
        ('<a href="missing.html">', ["links to missing.html, which does not exist"]),
        ('<a href="there">', ["links to there, which does not exist"]),
        ('<a href="there/other.html#lost">', ["links to there/other.html#lost, which has no such anchor"]),
        ('<a href="#lost">', ["links to #lost, which has no such anchor"]),
        ('<a href="https://example.com/">', ["links to https://example.com/, which is no known address"]),
        ('<img src="gone.png">', ["links to gone.png, which does not exist"]),
        ('<source srcset="gone.png">', ["links to gone.png, which does not exist"]),
        ('<script src="https://semver.org/a.js">', ["loads https://semver.org/a.js"]),
        ('<link href="//semver.org/a.css">', ["loads //semver.org/a.css"]),
    ],
)
def test_a_link_is_a_fault_when_it_leads_nowhere_or_what_it_loads_is_elsewhere(site, tag, fault):
    page = site / "page.html"
    page.write_text(f"<!doctype html><body>{tag}</body>")
    assert faults_of_page(site, page) == fault


def test_a_style_is_a_fault_when_it_loads_what_is_not_there(site):
    style = site / "own.css"
    style.write_text(
        'a { background: url("shown.png") } b { background: url(data:,x) } @import "https://fonts.test/x";'
    )
    assert faults_of_style(style) == ["loads https://fonts.test/x"]


def test_a_name_is_found_when_a_module_of_the_package_that_is_imported_from_has_it():
    assert is_found_as("turnstile.embed.wsgi.converse", "turnstile.embed.converse")
    assert not is_found_as("turnstile.embed.wsgi.hand_over", "turnstile.embed.converse")
    assert not is_found_as("turnstile.testing.patience", "turnstile.embed.patience")
