"""The parser of the command line: says what is wrong in one line, without the values, which may be secrets."""

from __future__ import annotations

import argparse
import textwrap
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from turnstile.errors import ConfigError
from turnstile.protocol.safe_text import without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class ArgumentParser(argparse.ArgumentParser):
    """Parses a command line; those of its commands are of this kind, too.

    Args:
        define: Defines the rest of the parser when a command line is given to it, and not before: a command's options
            are of no use to the others, and what defines them imports what the command needs.
        options: As for `argparse`.
    """

    def __init__(self, *, define: Callable[[ArgumentParser], None] | None = None, **options: Any) -> None:
        super().__init__(formatter_class=_HelpFormatter, **options)
        self._define = define
        self.examples: tuple[str, ...] = ()
        """The command lines that the help shows, without the program's name."""

    def describe(self, text: str, *examples: str) -> None:
        """Set what the help says the command does, and the examples that it shows.

        Args:
            text: One paragraph.
            examples: Command lines, without the program's name.
        """
        self.description = text
        self.examples = examples
        self.epilog = "\n".join(["examples:", *(f"  turnstile {example}" for example in examples)])

    def parse(self, words: Sequence[str] | None) -> argparse.Namespace:
        """Parse a command line, by default the process's own.

        Raises:
            ConfigError: It cannot be parsed.
        """
        arguments: argparse.Namespace
        unknown: list[str]
        arguments, unknown = self.parse_known_args(words)
        if unknown:
            self.error(_what_is_unknown(unknown))
        return arguments

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Define the rest of the parser if it is not defined yet, and parse."""
        self.define()
        return super().parse_known_args(args, namespace)

    def define(self) -> None:
        """Define the rest of the parser, if it is not defined yet."""
        define, self._define = self._define, None
        if define is not None:
            define(self)

    def error(self, message: str) -> NoReturn:
        """Raise a `ConfigError` in place of an end of the process behind two lines."""
        raise ConfigError("invalid_arguments", f"{without_secrets(message)}; see `{self.prog} --help`.")


class _HelpFormatter(argparse.HelpFormatter):
    """Fills each line of a text by itself, and leaves those that are indented as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        fill = partial(textwrap.fill, width=width, initial_indent=indent, subsequent_indent=indent)
        return "\n".join(line if line.startswith(" ") else fill(line) for line in text.splitlines())


def _what_is_unknown(words: Sequence[str]) -> str:
    option = next((word.partition("=")[0] for word in words if word.startswith("-")), None)
    if option is None:
        return "there is an argument too many: a setting is one word, --set SECTION.NAME=VALUE"
    return f"there is no option {option}"
