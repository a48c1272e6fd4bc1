"""The command `turnstile key`: makes, lists and removes the keys of clients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from turnstile.auth.key_file import add_key, read_keys, remove_keys
from turnstile.errors import ConfigError
from turnstile.terminal.arguments import ArgumentParser
from turnstile.terminal.standard_output import OutputError, show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    ConfiguredFile = Callable[[argparse.Namespace], Path | None]


def add_key_commands(
    parser: ArgumentParser, parents: Sequence[ArgumentParser], configured_file: ConfiguredFile
) -> None:
    """Define `add`, `list` and `remove`; the `command` of each takes the arguments and raises a `ConfigError` in words.

    Args:
        parser: Of `turnstile key`.
        parents: Have the options that choose a configuration.
        configured_file: Returns the file that the configuration names.
    """
    parser.describe(
        "Make, list and revoke the keys of clients, for auth.mode = keys: the file holds their hashes, never a key. "
        "A running proxy reads it anew at a SIGHUP.",
        "key add web --file keys.txt",
        "key list --file keys.txt",
        "key remove web --file keys.txt",
    )
    common = ArgumentParser(add_help=False)
    common.add_argument("--file", type=Path, metavar="FILE", help="the keys; default: auth.keys_file")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def file_of(arguments: argparse.Namespace) -> Path:
        file: Path | None = arguments.file or configured_file(arguments)
        if file is None:
            words = "auth.keys_file: is not set: name the file of keys there, or by --file FILE."
            raise ConfigError("invalid_config", words)
        return file

    add = commands.add_parser("add", parents=[common, *parents], help="make a key, and print it: it is shown only once")
    add.add_argument("name", metavar="NAME", help="whose key it is; shown in the log, and quotas count by it")
    add.set_defaults(command=lambda arguments: _add(file_of(arguments), arguments.name))

    listed = commands.add_parser("list", parents=[common, *parents], help="show whose keys there are")
    listed.set_defaults(command=lambda arguments: _list(file_of(arguments)))

    remove = commands.add_parser("remove", parents=[common, *parents], help="revoke the keys of a name")
    remove.add_argument("name", metavar="NAME", help="whose")
    remove.add_argument("--id", metavar="ID", help="the one of them that `list` shows with this id")
    remove.set_defaults(command=lambda arguments: _remove(file_of(arguments), arguments.name, arguments.id))


def _add(file: Path, name: str) -> int:
    key, entry = add_key(file, name)
    try:
        # And nothing else: KEY=$(turnstile key add NAME).
        show(key)
    except OutputError:
        remove_keys(file, name, entry.id)  # nobody has seen it
        raise
    return 0


def _list(file: Path) -> int:
    entries = sorted(read_keys(file), key=lambda entry: entry.name)
    width = max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        show(f"{entry.name:<{width}}  {entry.id}  {entry.added}".rstrip())
    return 0


def _remove(file: Path, name: str, key_id: str | None) -> int:
    for entry in remove_keys(file, name, key_id):
        show(f"Removed {entry.id} of {entry.name}; a running proxy refuses it from its next SIGHUP on.")
    return 0
