"""Turnstile, the library: names, decisions, translation and transports, without an actor in it."""

__version__ = "0.1.0"
