"""The runtime: the three actors of a session, who runs them, and the system that puts them together."""

from actors.system import ProxySystem

__all__ = ["ProxySystem"]
