import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from turnstile.auth.client_keys import digest_of
from turnstile.auth.key_file import add_key, exposure_of, read_keys, remove_keys
from turnstile.errors import ConfigError
from turnstile.testing import patience

ROOT = Path(__file__).parents[3]
ADD = (
    "import sys, pathlib; from turnstile.auth.key_file import add_key; add_key(pathlib.Path(sys.argv[1]), sys.argv[2])"
)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "keys.txt"


def mode_of(file):
    return stat.S_IMODE(file.stat().st_mode)


def test_a_key_is_returned_once_and_its_digest_is_kept(file):
    key, entry = add_key(file, "web")
    assert read_keys(file) == [entry]
    assert (entry.name, entry.digest) == ("web", digest_of(key))
    assert key not in file.read_text()


def test_the_file_is_made_for_its_owner_alone(file):
    before = os.umask(0)
    try:
        add_key(file, "web")
    finally:
        os.umask(before)
    assert mode_of(file) == 0o600


def test_a_file_that_is_there_keeps_its_comments_its_group_and_not_others(file):
    file.write_text("# of our customers")
    file.chmod(0o644)
    add_key(file, "web")
    assert file.read_text().splitlines()[0] == "# of our customers"
    assert (len(read_keys(file)), mode_of(file)) == (1, 0o640)


def test_a_link_to_the_file_stays_a_link(file, tmp_path):
    link = tmp_path / "link.txt"
    add_key(file, "web")
    link.symlink_to(file)
    add_key(link, "app")
    assert link.is_symlink()
    assert [entry.name for entry in read_keys(file)] == ["web", "app"]


def test_keys_that_are_added_at_the_same_time_are_all_there(file):
    names = [f"client-{number}" for number in range(20)]
    threads = [threading.Thread(target=add_key, args=(file, name)) for name in names]
    for thread in threads:
        thread.start()
    other = subprocess.run(
        [sys.executable, "-c", ADD, str(file), "client-20"], cwd=ROOT, check=False, timeout=patience(30)
    )
    for thread in threads:
        thread.join(patience())
    assert other.returncode == 0
    assert sorted(entry.name for entry in read_keys(file)) == sorted([*names, "client-20"])


def test_all_keys_of_a_name_are_removed(file):
    file.write_text("# of our customers\n")
    gone = [add_key(file, "web")[1], add_key(file, "web")[1]]
    _, stays = add_key(file, "app")
    assert remove_keys(file, "web") == gone
    assert read_keys(file) == [stays]
    assert file.read_text().startswith("# of our customers\n")


def test_one_of_several_keys_is_removed_by_its_id(file):
    _, old = add_key(file, "web")
    _, new = add_key(file, "web")
    assert remove_keys(file, "web", old.id) == [old]
    assert read_keys(file) == [new]


def test_what_is_not_there_cannot_be_removed(file):
    _, entry = add_key(file, "web")
    with pytest.raises(ConfigError, match=r"keys.txt: has no key of 'app'; `turnstile key list` shows those it has."):
        remove_keys(file, "app")
    with pytest.raises(ConfigError, match=r"keys.txt: has no key of 'web' with this id; `turnstile key list` "):
        remove_keys(file, "web", "f00")
    assert read_keys(file) == [entry]


@pytest.mark.parametrize("name", ["", "a b", "-web", "w" * 65, "näme", "a\nb", "ts_key"])
def test_a_name_that_would_break_a_line_or_is_a_key_is_refused_and_not_repeated(file, name):
    for command in (add_key, remove_keys):
        with pytest.raises(ConfigError, match="name: write 1 to 64 letters, digits"):
            command(file, name)
    assert not file.exists()


def test_a_file_that_cannot_be_read_is_named_with_the_fix(file, tmp_path):
    with pytest.raises(ConfigError) as caught:
        read_keys(file)
    words = f"{file}: cannot be read: No such file or directory; `turnstile key add NAME` makes it."
    assert caught.value.problem.description == words
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_keys(tmp_path)


def test_a_file_that_is_no_text_or_too_large_is_refused(file):
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"keys.txt: is no text in UTF-8"):
        read_keys(file)
    with file.open("wb") as stream:
        stream.truncate(16 * 1024 * 1024 + 1)
    with pytest.raises(ConfigError, match=r"keys.txt: is larger than 16 MiB"):
        read_keys(file)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"gone/keys.txt: cannot be written: No such file or directory"):
        add_key(tmp_path / "gone" / "keys.txt", "web")


def test_a_file_with_a_wrong_line_is_not_changed(file):
    file.write_text("nonsense\n")
    for change in (add_key, remove_keys):
        with pytest.raises(ConfigError, match=r"keys.txt, line 1: "):
            change(file, "web")
    assert file.read_text() == "nonsense\n"


def test_nothing_is_left_where_a_write_fails(file, tmp_path, monkeypatch):
    add_key(file, "web")
    before = file.read_text()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ConfigError, match=r"keys.txt: cannot be written: No space left on device"):
        add_key(file, "app")
    assert file.read_text() == before
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (0o600, None),
        (0o640, None),
        (0o644, "can be read by everybody on this machine: chmod o-rwx"),
        (0o660, "can be changed by its group, who could add keys: chmod g-w,o-rwx"),
        (0o602, "can be changed by everybody on this machine, who could add keys: chmod g-w,o-rwx"),
    ],
)
def test_a_file_that_is_open_to_others_is_told(file, mode, words):
    add_key(file, "web")
    file.chmod(mode)
    assert exposure_of(file) == (words and f"{words} {file}")


def test_nothing_is_told_of_a_file_that_is_not_there(file):
    assert exposure_of(file) is None
