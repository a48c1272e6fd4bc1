"""Turnstile, the library: names, decisions, translation and transports, without an actor in it."""
