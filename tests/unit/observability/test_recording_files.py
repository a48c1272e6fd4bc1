"""The files of recordings: their names, their budgets, and what is never deleted."""

from __future__ import annotations

import errno
import os
import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from turnstile.errors import ConfigError
from turnstile.observability.recording_files import Budgets, RecordingFiles, moment, require_directory

if TYPE_CHECKING:
    from pathlib import Path

BEGAN = datetime(2026, 11, 26, 12, 0, 0, 125_000, UTC)
WIDE = Budgets(10_000, 10_000, 0)


def made(directory: Path, day: int, size: int = 100, age: float = 0.0) -> Path:
    path = directory / f"202611{day:02}T120000.000Z-s{day}.jsonl"
    path.write_bytes(b"x" * size)
    os.utime(path, (1000.0 - age, 1000.0 - age))
    return path


def files(directory: Path) -> RecordingFiles:
    return RecordingFiles(directory, lambda: 1000.0)


def test_a_file_is_named_by_time_and_session_for_this_user_alone(tmp_path: Path) -> None:
    file = files(tmp_path).create("0a1b", BEGAN)
    file.append(b"{}\n")
    file.close()

    assert file.path.name == "20261126T120000.125Z-0a1b.jsonl"
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert file.path.read_bytes() == b"{}\n"
    assert moment(BEGAN.timestamp()) == BEGAN


@pytest.mark.parametrize("session_id", ["../../etc/passwd", "a/b\0c", "", "x" * 300, "é\n"])
def test_a_session_id_makes_no_path(tmp_path: Path, session_id: str) -> None:
    file = files(tmp_path).create(session_id, BEGAN)
    file.append(b"{}\n")
    file.close()

    assert file.path.parent == tmp_path
    assert files(tmp_path).prune(Budgets(1, 0, 0)) == 0
    assert not file.path.exists()


def test_the_same_name_twice_makes_two_files(tmp_path: Path) -> None:
    store = files(tmp_path)
    found = [store.create("s", BEGAN) for _ in range(3)]
    for one in found:
        one.close()

    assert len({one.path for one in found}) == 3
    with pytest.raises(FileExistsError):
        [store.create("s", BEGAN).close() for _ in range(100)]


def test_a_link_that_somebody_put_there_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "20261126T120000.125Z-s.jsonl").symlink_to(elsewhere)

    file = files(tmp_path).create("s", BEGAN)
    file.close()

    assert not elsewhere.exists()


def test_the_oldest_go_beyond_the_budget(tmp_path: Path) -> None:
    oldest, older, newest = made(tmp_path, 1), made(tmp_path, 2), made(tmp_path, 3)

    left = files(tmp_path).prune(Budgets(10_000, 150, 0))

    assert left == 100
    assert [one.exists() for one in (oldest, older, newest)] == [False, False, True]


def test_what_is_too_old_goes(tmp_path: Path) -> None:
    old, young = made(tmp_path, 1, age=61.0), made(tmp_path, 2, age=59.0)

    assert files(tmp_path).prune(Budgets(10_000, 10_000, 60.0)) == 100
    assert (old.exists(), young.exists()) == (False, True)


def test_nothing_is_deleted_that_is_written_or_no_recording(tmp_path: Path) -> None:
    file = files(tmp_path).create("s", datetime(2000, 1, 1, tzinfo=UTC))
    file.append(b"x" * 100)
    other = tmp_path / "20261126T120000.125Z-s.jsonl.gz"
    other.write_bytes(b"x" * 100)
    folder = tmp_path / "20200101T120000.125Z-s.jsonl"
    folder.mkdir()
    link = tmp_path / "20200102T120000.125Z-s.jsonl"
    link.symlink_to(other)

    files(tmp_path).prune(Budgets(1, 1, 1.0))

    assert file.path.exists()
    assert other.exists()
    assert folder.exists()
    assert link.is_symlink()
    file.close()
    files(tmp_path).prune(Budgets(1, 0, 0))
    assert not file.path.exists()


def test_a_directory_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    assert files(tmp_path / "gone").prune(WIDE) == 0


def test_what_another_process_has_deleted_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path, 1)
    real = os.open

    def vanish(name: str, *rest: int) -> int:
        path.unlink()
        return real(name, *rest)

    monkeypatch.setattr(os, "open", vanish)

    assert files(tmp_path).prune(Budgets(1, 0, 0)) == 0


def test_what_may_not_be_opened_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path, 1)

    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        assert files(tmp_path).prune(Budgets(1, 0, 0)) == 100

    assert path.exists()


def test_lines_that_do_not_fit_on_the_disk_leave_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = files(tmp_path).create("s", BEGAN)
    file.append(b"first\n")
    real = os.write

    def short(descriptor: int, data: bytes) -> int:
        if len(data) <= 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data[:4])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", short)
        with pytest.raises(OSError, match="No space"):
            file.append(b"second\n")
    file.append(b"third\n")
    file.close()

    assert file.path.read_bytes() == b"first\nthird\n"


def test_an_empty_file_is_discarded(tmp_path: Path) -> None:
    file = files(tmp_path).create("s", BEGAN)

    file.discard()

    assert not file.path.exists()


def test_a_directory_for_recordings_is_left_as_it_is(tmp_path: Path) -> None:
    require_directory(tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["gone", "file"])
def test_a_directory_that_cannot_be_used_is_named_with_its_setting(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match=rf"^no_directory: journal.directory: .*{name}.*Make the directory"):
        require_directory(tmp_path / name)
