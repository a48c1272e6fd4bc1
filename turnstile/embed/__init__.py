"""Python around the proxy: sessions inside a synchronous host, and the core of its own Voice Agent clients."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnstile.embed.wsgi import converse
else:

    def __getattr__(name: str) -> object:
        """Import the public name when it is asked for: clients need nothing of what is behind it."""
        if name != "converse":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from turnstile.embed.wsgi import converse  # noqa: PLC0415

        return converse


__all__ = ["converse"]
