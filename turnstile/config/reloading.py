"""Which settings a running proxy takes over from a configuration that is read anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from turnstile.config.loading import Config
    from turnstile.config.section import Section

_SERVER: Final = frozenset(
    {
        "tls_cert_file",
        "tls_key_file",
        "max_sessions",
        "handshake_timeout",
        "max_handshakes",
        "max_handshakes_per_address",
        "drain_timeout",
        "answer_while_draining",
        "origins",
        "trusted_proxies",
    }
)
# A client that may connect in one way must not be let in by another while the operator looks elsewhere: `mode` stays.
_FIXED_AUTH: Final = frozenset({"mode", "token_secret"})
# Of the process, or of its upstream links, whose opener is made once.
_FIXED_LIMITS: Final = frozenset(
    {"total_bytes", "upstream_message_bytes", "upstream_unread_bytes", "high_water_bytes", "low_water_bytes"}
)
# Of each session; all the others are of the opener of links.
_UPSTREAM: Final = frozenset({"reconnect_for", "session_lifetime"})
_FIXED_JOURNAL: Final = frozenset({"directory"})
_FIXED_SESSION: Final = frozenset({"max_held_bytes"})


def taken_over(running: Config, read: Config) -> tuple[Config, list[str]]:
    """Return the configuration in effect from now on, and the names of the settings that only a restart would change.

    Args:
        running: The one in effect so far.
        read: The one that was read anew.
    """
    changes = {
        "auth": _with(running.auth, read.auth, _auth_names(running, read)),
        "server": _with(running.server, read.server, _SERVER),
        "upstream": _with(running.upstream, read.upstream, _UPSTREAM),
        "quotas": read.quotas,
        "limits": _with(running.limits, read.limits, {*type(read.limits).model_fields} - _FIXED_LIMITS),
        "journal": _with(running.journal, read.journal, {*type(read.journal).model_fields} - _FIXED_JOURNAL),
        "session": _with(running.session, read.session, {*type(read.session).model_fields} - _FIXED_SESSION),
    }
    result = running.model_copy(update=changes)
    fixed = [
        f"{section}.{name}"
        for section in type(read).model_fields
        for name in type(getattr(read, section)).model_fields
        if getattr(getattr(result, section), name) != getattr(getattr(read, section), name)
    ]
    return result, fixed


def _auth_names(running: Config, read: Config) -> set[str]:
    """Return the settings of ``auth`` that change; those of another mode were checked for that one only."""
    return {*type(read.auth).model_fields} - _FIXED_AUTH if read.auth.mode == running.auth.mode else {"keys_file"}


def _with(running: Section, read: Section, names: frozenset[str] | set[str]) -> Section:
    return running.model_copy(update={name: getattr(read, name) for name in names})
