"""The file with the token of the ops listener."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from turnstile.errors import ConfigError
from turnstile.inspector.token_file import TokenFile, make_token, read_token, token_path
from turnstile.protocol.safe_text import without_secrets


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def test_a_token_is_another_each_time_and_never_shown_in_a_log():
    token = make_token()
    assert token != make_token()
    assert len(token) > 40
    assert without_secrets(f"given: {token}.") == "given: ***."


def test_the_file_is_in_the_runtime_directory_of_the_user(runtime):
    assert token_path(None, 8081) == runtime / "turnstile" / "ops-8081.token"


@pytest.mark.parametrize("runtime", ["", "run"])
def test_the_file_is_in_a_directory_of_the_user_s_own_when_there_is_no_runtime_directory(
    runtime, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert token_path(None, 8081) == tmp_path / f"turnstile-{os.getuid()}" / "ops-8081.token"


def test_no_directory_to_write_to_is_an_error_that_names_the_setting(monkeypatch):
    def nowhere():
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    monkeypatch.setattr("tempfile.gettempdir", nowhere)
    with pytest.raises(ConfigError, match=r"ops\.token_file: there is no directory"):
        token_path(None, 8081)


def test_the_file_is_where_the_setting_has_it():
    assert token_path(Path("/run/here.token"), 8081) == Path("/run/here.token")


@pytest.mark.usefixtures("runtime")
def test_only_this_user_can_read_the_file():
    path = token_path(None, 8081)
    TokenFile(path, "sesame", makes_directory=True)
    assert (mode(path), mode(path.parent), read_token(path)) == (0o600, 0o700, "sesame")
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.usefixtures("runtime")
def test_the_file_replaces_that_of_a_process_before():
    path = token_path(None, 8081)
    before = TokenFile(path, "old", makes_directory=True)
    TokenFile(path, "new", makes_directory=True)
    before.remove()  # which is not that any longer
    assert read_token(path) == "new"


@pytest.mark.usefixtures("runtime")
def test_the_file_goes_with_the_listener():
    file = TokenFile(token_path(None, 8081), "sesame", makes_directory=True)
    file.remove()
    file.remove()
    assert not file.path.exists()


def test_a_link_in_place_of_the_file_is_not_followed(tmp_path):
    target = tmp_path / "precious"
    target.write_text("as it was")
    path = tmp_path / "ops.token"
    path.symlink_to(target)
    with pytest.raises(ConfigError, match=r"ops\.token_file: .* cannot be read"):
        read_token(path)
    TokenFile(path, "sesame", makes_directory=False)
    assert (target.read_text(), read_token(path), path.is_symlink()) == ("as it was", "sesame", False)


def make_open(directory):
    directory.mkdir(mode=0o700)
    directory.chmod(0o770)


def make_link(directory):
    elsewhere = directory.with_name("elsewhere")
    elsewhere.mkdir(mode=0o700)
    directory.symlink_to(elsewhere)


@pytest.mark.parametrize("make", [make_open, make_link, Path.touch])
def test_a_directory_that_is_not_this_user_s_alone_is_refused(runtime, make):
    make(runtime / "turnstile")
    with pytest.raises(ConfigError, match=r"ops\.token_file: .*ops-8081\.token cannot be written: .*name another"):
        TokenFile(token_path(None, 8081), "sesame", makes_directory=True)


def test_a_directory_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"ops\.token_file: .* cannot be written: No such file or directory"):
        TokenFile(tmp_path / "none" / "ops.token", "sesame", makes_directory=False)


def test_nothing_is_left_when_the_file_cannot_be_replaced(tmp_path):
    path = tmp_path / "ops.token"
    path.mkdir()
    with pytest.raises(ConfigError, match="cannot be written: Is a directory"):
        TokenFile(path, "sesame", makes_directory=False)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file .* Is `turnstile serve` running"), (b"", "is empty"), (b"\xff", "not text")],
)
def test_a_file_without_a_token_is_named_with_the_fix(tmp_path, content, words):
    path = tmp_path / "ops.token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        read_token(path)


def test_a_file_of_another_user_is_not_believed(tmp_path, monkeypatch):
    path = tmp_path / "ops.token"
    path.write_text("sesame")
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    owner = os.lstat(path).st_uid
    if owner == 0:  # what the administrator writes is believed
        assert read_token(path) == "sesame"
        os.chown(path, 4712, -1)
    with pytest.raises(ConfigError, match="belongs to another user"):
        read_token(path)
