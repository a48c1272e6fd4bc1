"""Prints ``config/default.toml``."""

import sys

from turnstile.config.texts import default_toml

sys.stdout.write(default_toml())
