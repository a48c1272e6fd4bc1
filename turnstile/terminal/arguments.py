"""The parser of the command line: says what is wrong in one line, without the values, which may be secrets."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NoReturn

from turnstile.errors import ConfigError
from turnstile.protocol.safe_text import without_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence


class ArgumentParser(argparse.ArgumentParser):
    """Parses a command line; those of its commands are of this kind, too."""

    def parse(self, words: Sequence[str] | None) -> argparse.Namespace:
        """Parse a command line, by default the process's own.

        Raises:
            ConfigError: It cannot be parsed.
        """
        arguments, unknown = self.parse_known_args(words)
        if unknown:
            self.error(_what_is_unknown(unknown))
        return arguments

    def error(self, message: str) -> NoReturn:
        """Raise a `ConfigError` in place of an end of the process behind two lines."""
        raise ConfigError("invalid_arguments", f"{without_secrets(message)}; see `{self.prog} --help`.")


def _what_is_unknown(words: Sequence[str]) -> str:
    option = next((word.partition("=")[0] for word in words if word.startswith("-")), None)
    if option is None:
        return "there is an argument too many: a setting is one word, --set SECTION.NAME=VALUE"
    return f"there is no option {option}"
