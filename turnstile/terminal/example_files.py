"""The example configurations: in the wheel beside the modules, in a checkout in ``config/``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import turnstile
from turnstile.errors import ConfigError

_PACKAGE: Final = Path(turnstile.__file__).parent


def examples(package: Path = _PACKAGE) -> dict[str, Path]:
    """Return the files by their names, such as ``azure``, those in folders by their paths: ``deploy/compose.yaml``.

    Args:
        package: The directory of the package `turnstile`.
    """
    of_wheel = package / "examples"
    directory = of_wheel if of_wheel.is_dir() else package.parent / "config"
    files = {file.name.partition(".")[0]: file for file in sorted(directory.glob("*.*"))}
    in_folders = (file for file in sorted(directory.glob("*/**/*")) if file.is_file())
    return files | {file.relative_to(directory).as_posix(): file for file in in_folders}


def example(name: str, package: Path = _PACKAGE) -> str:
    """Return the text of one.

    Args:
        name: Its name.
        package: The directory of the package `turnstile`.

    Raises:
        ConfigError: There is none of this name.
    """
    found = examples(package)
    if name not in found:
        words = f"there is no example {name!r}: choose one of {', '.join(found)}."
        raise ConfigError("unknown_example", words)
    return found[name].read_text(encoding="utf-8")
