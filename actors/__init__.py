"""The runtime: the three actors of a session, who runs them, and the system that puts them together."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from actors.handle import SessionHandle
    from actors.script import ScriptedSession
    from actors.system import ProxySystem
else:
    _MODULES: Final = {"ProxySystem": "system", "ScriptedSession": "script", "SessionHandle": "handle"}

    def __getattr__(name: str) -> object:
        """Import a public name when it is asked for: most commands of the process need none of them."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"actors.{_MODULES[name]}"), name)


__all__ = ["ProxySystem", "ScriptedSession", "SessionHandle"]
