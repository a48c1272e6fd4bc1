"""Sockets behind the ports."""
