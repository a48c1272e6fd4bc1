"""A setting that another one has replaced is accepted for one release, wherever settings come from, with a warning."""

import os

import pytest

from turnstile.config import default_toml, explain, load_config, notices, replaced_notices, taken_over
from turnstile.errors import ConfigError

VARIABLE = "TURNSTILE_UPSTREAM__RECONNECTS"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    for name in os.environ:
        if name.upper().startswith("TURNSTILE_") and not name.startswith("TURNSTILE_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(params=["file", "environment", "flag"])
def given(request, tmp_path, monkeypatch):
    """Load a configuration that has `reconnects` from one of the sources; return it, and the source."""
    file = tmp_path / "mine.toml"

    def load(reconnects, flags=None):
        flags = flags or {}
        if request.param == "file":
            file.write_text(f"[upstream]\nreconnects = {reconnects}")
            return load_config([file], flags), str(file)
        if request.param == "environment":
            monkeypatch.setenv(VARIABLE, str(reconnects))
            return load_config(flags=flags), VARIABLE
        return load_config(flags={"upstream.reconnects": str(reconnects), **flags}), "the command line"

    return load


@pytest.mark.parametrize(("reconnects", "seconds"), [(0, 0), (1, 30), (2, 30)])
def test_no_lost_link_is_replaced_where_none_was_and_any_other_number_is_the_default(given, reconnects, seconds):
    config, source = given(reconnects)
    assert config.upstream.reconnect_for == seconds
    (notice,) = replaced_notices(config)
    assert notice == (
        f"upstream.reconnects (from {source}) goes with the next release, and counts as upstream.reconnect_for = "
        f"{seconds} until then: set that, in seconds"
    )


@pytest.mark.parametrize(("reconnects", "seconds"), [(0, 7), (2, 0)])
def test_the_new_setting_takes_precedence_where_both_are_given(given, reconnects, seconds):
    config, source = given(reconnects, {"upstream.reconnect_for": str(seconds)})
    assert config.upstream.reconnect_for == seconds
    (notice,) = replaced_notices(config)
    assert notice == (
        f"upstream.reconnects (from {source}) has no effect: upstream.reconnect_for (from the command line) has "
        "replaced it"
    )


def test_the_new_setting_in_a_file_takes_precedence_over_the_old_one_of_a_later_source(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[upstream]\nreconnect_for = 7")
    config = load_config([file], {"upstream.reconnects": "0"})
    assert config.upstream.reconnect_for == 7
    (notice,) = replaced_notices(config)
    assert notice.endswith(f"upstream.reconnect_for (from {file}) has replaced it")


def test_a_check_and_a_start_warn_of_it_and_say_what_it_comes_to():
    config = load_config(flags={"upstream.url": "simulator:", "upstream.reconnects": "0"})
    (notice,) = notices(config)
    lines = explain(config).splitlines()
    assert f"Warning: {notice}" in lines
    assert "  upstream.reconnect_for = 0.0 (from the command line, as upstream.reconnects)" in lines


def test_nobody_who_did_not_give_it_is_warned():
    assert list(replaced_notices(load_config(flags={"upstream.reconnect_for": "3"}))) == []


def test_it_is_no_setting_of_the_reference():
    assert "reconnects" not in default_toml()


@pytest.mark.parametrize("value", ["-1", "many", "2.5", "true", "[1]", ""])
def test_a_number_of_links_that_is_none_is_refused_with_the_fix(value):
    with pytest.raises(ConfigError) as refused:
        load_config(flags={"upstream.reconnects": value})
    assert refused.value.problem.description == (
        "upstream: reconnects: is not a whole number of at least 0; use reconnect_for, in seconds."
    )


def test_nothing_is_said_of_the_old_name_when_a_variable_is_misspelt(monkeypatch):
    monkeypatch.setenv("TURNSTILE_UPSTREAM__RECONNECT", "1")
    with pytest.raises(ConfigError) as refused:
        load_config()
    assert refused.value.problem.description.endswith("did you mean TURNSTILE_UPSTREAM__RECONNECT_FOR.")


def test_how_long_a_link_is_tried_for_and_lasts_changes_while_the_proxy_runs():
    flags = {"upstream.reconnect_for": "1", "upstream.session_lifetime": "2", "upstream.connect_timeout": "3"}
    result, fixed = taken_over(load_config(), load_config(flags=flags))
    assert (result.upstream.reconnect_for, result.upstream.session_lifetime) == (1, 2)
    assert fixed == ["upstream.connect_timeout"]


def test_the_old_name_changes_it_while_the_proxy_runs():
    result, fixed = taken_over(load_config(), load_config(flags={"upstream.reconnects": "0"}))
    assert result.upstream.reconnect_for == 0
    assert fixed == []


def test_a_note_of_more_than_4000_characters_is_refused_and_not_repeated():
    assert load_config(flags={"session.restore_note": "x" * 4000}).session.restore_note == "x" * 4000
    with pytest.raises(ConfigError) as refused:
        load_config(flags={"session.restore_note": "x" * 4001})
    words = refused.value.problem.description
    assert words.startswith("session.restore_note (the command line): string should have at most 4000 characters")
    assert len(words) < 200


@pytest.mark.parametrize("setting", ["session.max_conversation_bytes", "upstream.session_lifetime"])
def test_what_another_link_takes_may_be_nothing_and_not_less(setting):
    section, name = setting.split(".")
    assert getattr(getattr(load_config(flags={setting: "0"}), section), name) == 0
    with pytest.raises(ConfigError):
        load_config(flags={setting: "-1"})
