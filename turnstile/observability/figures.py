"""What is counted and measured of a process that serves: each figure, its name among the metrics, and how it merges.

A process hands its figures over as a dictionary of what JSON can hold, by the figures' keys: a number; with a label,
the numbers by the label's value; for a histogram ``{"buckets": [...], "sum": seconds}``, whose last bucket counts what
is above all bounds.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

Figures = dict[str, Any]
"""What a process, or several together, have counted and measured, by the keys of `FIGURES`."""


class Figure(NamedTuple):
    """One figure.

    Args:
        key: Its key in a snapshot.
        name: Its name among the metrics; those of counters end with ``_total``.
        kind: Counters and histograms only grow.
        text: What it says, for people.
        label: The label that its numbers are given by; "" for none. ``worker``: each process has a number of its own.
        known: Values of the label that are shown before anything was counted.
        merge: Whether several processes together have the sum or the largest.
        bounds: The upper bounds of a histogram's buckets but the last, in seconds.
    """

    key: str
    name: str
    kind: Literal["counter", "gauge", "histogram"]
    text: str
    label: str = ""
    known: tuple[str, ...] = ()
    merge: Literal["sum", "max"] = "sum"
    bounds: tuple[float, ...] = ()


HELD_BOUNDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0)
"""Seconds: an update waits for the end of a response, which is as long as what the agent says takes to be made."""
FIRST_AUDIO_BOUNDS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Seconds: half a second is heard as prompt, two are heard as a pause."""


def _counter(key: str, text: str, label: str = "", known: tuple[str, ...] = ()) -> Figure:
    return Figure(key, f"turnstile_{key}_total", "counter", text, label, known)


def _gauge(key: str, text: str, label: str = "", merge: Literal["sum", "max"] = "sum") -> Figure:
    return Figure(key, f"turnstile_{key}", "gauge", text, label, merge=merge)


def _histogram(key: str, name: str, text: str, bounds: tuple[float, ...]) -> Figure:
    return Figure(key, f"turnstile_{name}", "histogram", text, bounds=bounds)


def _of_system(key: str, text: str) -> Figure:
    """Return a figure that many programs have, under the name that they share."""
    return Figure(key, key, "gauge", text, "worker")


_DIALECTS: Final = ("deepgram", "component", "realtime")
_ENDED_BY: Final = ("client", "upstream", "host", "operator", "proxy")
_OUTCOMES: Final = ("completed", "failed", "incomplete", "cancelled", "lost")
_REASONS: Final = ("max_sessions", "total_bytes", "draining", "origin", "unauthorized")
_WAYS: Final = ("in", "out")

SESSION_FIGURES: Final = (
    _gauge("sessions_open", "Open sessions."),
    _counter("sessions_started", "Sessions begun, by the protocol of their client.", "dialect", _DIALECTS),
    _counter("sessions_ended", "Sessions ended, by who ended them.", "by", _ENDED_BY),
    _counter("turns", "Turns of users, spoken or written."),
    _counter(
        "responses", "Responses ended, by the status that upstream gave, or lost with their link.", "outcome", _OUTCOMES
    ),
    _histogram(
        "first_audio_seconds",
        "first_audio_seconds",
        "Time from the end of a user's turn to the first audio of the answer.",
        FIRST_AUDIO_BOUNDS,
    ),
    _counter("updates_held", "Updates of the configuration that had to wait."),
    _counter("updates_merged", "Updates that went upstream together with others."),
    _counter("updates_replayed", "Held updates that were let go."),
    _histogram("held_seconds", "update_held_seconds", "Time that updates were held.", HELD_BOUNDS),
    _counter("collisions", "Requests that lost a race against a response of upstream's."),
    _counter("repairs", "Collisions after which what was asked for was done, again or by the response in its way."),
    _counter("stalls", "Waits for an answer of upstream's that ended by a timeout."),
    _counter("function_calls", "Functions that the model called."),
    _counter("links_opened", "Upstream links that upstream accepted."),
    _counter("links_lost", "Upstream links in use that ended unasked."),
    _counter("links_restored", "Upstream links that took over from a lost one."),
    _counter("links_renewed", "Upstream links that took over from one whose session was about to end."),
    _counter("link_failures", "Upstream links that could not be opened, or ended before they were in use."),
    _counter("client_bytes", "Bytes of messages received from clients, and sent to them.", "direction", _WAYS),
    _counter("upstream_bytes", "Bytes of messages received from upstream, and sent to it.", "direction", _WAYS),
)
"""What is counted of sessions."""

PROCESS_FIGURES: Final = (
    _gauge("sessions_limit", "Sessions that all processes together may have open (server.max_sessions).", merge="max"),
    _gauge("handshakes_open", "Clients in their opening handshake."),
    _counter(
        "refusals", "Clients refused before a session began, by the reason that the log names.", "reason", _REASONS
    ),
    _gauge(
        "full",
        "1 in a process that has no room for another session, by server.max_sessions or limits.total_bytes.",
        "worker",
    ),
    _gauge("draining", "1 in a process that ends and admits no clients.", "worker"),
    _gauge("held_bytes", "Bytes held or unsent for all sessions.", "worker"),
    _gauge("held_bytes_limit", "Bytes that may be held for all sessions of a process (limits.total_bytes).", "worker"),
    _gauge("loop_lag_seconds", "How late the latest timer of the I/O thread came, or how overdue it is.", "worker"),
    _gauge(
        "loop_lag_max_seconds",
        "How late a timer of the I/O thread came at worst within the last minute.",
        "worker",
    ),
    _counter(
        "journal_entries_lost",
        "Entries of the journal that recordings or streams lack, since they came faster than they were taken.",
    ),
    _counter(
        "recording_failures", "Failed attempts to write recordings, for want of room on the disk or in the budget."
    ),
    Figure(
        "upstream_last_success",
        "turnstile_upstream_last_success_timestamp_seconds",
        "gauge",
        "When a process last opened an upstream link, in seconds since 1970; 0 for never.",
        merge="max",
    ),
    Figure(
        "upstream_last_failure",
        "turnstile_upstream_last_failure_timestamp_seconds",
        "gauge",
        "When a process last found upstream out of reach, or out of order (a status of 500 or more); 0 for never.",
        merge="max",
    ),
    Figure("process_cpu_seconds", "process_cpu_seconds_total", "counter", "CPU time used.", "worker"),
    _of_system("process_resident_memory_bytes", "Resident memory."),
    _of_system("process_virtual_memory_bytes", "Virtual memory."),
    _of_system("process_open_fds", "Open file descriptors."),
    _of_system("process_max_fds", "File descriptors that may be open."),
    _of_system("process_start_time_seconds", "When the process started, in seconds since 1970."),
)
"""What is counted and measured of a process."""

FIGURES: Final = (*SESSION_FIGURES, *PROCESS_FIGURES)
"""All figures, in the order of the metrics."""
