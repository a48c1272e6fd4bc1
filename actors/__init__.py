"""The runtime: the three actors of a session, who runs them, and the system that puts them together."""

from actors.handle import SessionHandle
from actors.script import ScriptedSession
from actors.system import ProxySystem

__all__ = ["ProxySystem", "ScriptedSession", "SessionHandle"]
