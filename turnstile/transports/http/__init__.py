"""Calls functions over HTTP: an allow list, a checked network, and the caller that uses both."""
