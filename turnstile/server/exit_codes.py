"""The exit codes of the process."""

from __future__ import annotations

from typing import Final

OK: Final = 0
"""The command did what it was asked for."""

FAILED: Final = 1
"""It failed while it ran, or was interrupted."""

USAGE_ERROR: Final = 2
"""The command line or the configuration cannot be used: another start would fail in the same way."""
