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

_WAYS: Final = ("in", "out")

SESSION_FIGURES: Final = (
    Figure("sessions_open", "turnstile_sessions_open", "gauge", "Open sessions."),
    Figure(
        "sessions_started",
        "turnstile_sessions_started_total",
        "counter",
        "Sessions begun, by the protocol of their client.",
        "dialect",
        ("deepgram", "component", "realtime"),
    ),
    Figure(
        "sessions_ended",
        "turnstile_sessions_ended_total",
        "counter",
        "Sessions ended, by who ended them.",
        "by",
        ("client", "upstream", "host", "operator", "proxy"),
    ),
    Figure("turns", "turnstile_turns_total", "counter", "Turns of users, spoken or written."),
    Figure(
        "responses",
        "turnstile_responses_total",
        "counter",
        "Responses ended, by the status that upstream gave, or lost with their link.",
        "outcome",
        ("completed", "failed", "incomplete", "cancelled", "lost"),
    ),
    Figure(
        "first_audio_seconds",
        "turnstile_first_audio_seconds",
        "histogram",
        "Time from the end of a user's turn to the first audio of the answer.",
        bounds=FIRST_AUDIO_BOUNDS,
    ),
    Figure(
        "updates_held",
        "turnstile_updates_held_total",
        "counter",
        "Updates of the configuration that had to wait.",
    ),
    Figure(
        "updates_merged",
        "turnstile_updates_merged_total",
        "counter",
        "Updates that went upstream together with others.",
    ),
    Figure(
        "updates_replayed",
        "turnstile_updates_replayed_total",
        "counter",
        "Held updates that were let go.",
    ),
    Figure(
        "held_seconds",
        "turnstile_update_held_seconds",
        "histogram",
        "Time that updates were held.",
        bounds=HELD_BOUNDS,
    ),
    Figure(
        "collisions",
        "turnstile_collisions_total",
        "counter",
        "Requests that lost a race against a response of upstream's.",
    ),
    Figure(
        "repairs",
        "turnstile_repairs_total",
        "counter",
        "Collisions after which what was asked for went again, and succeeded.",
    ),
    Figure("stalls", "turnstile_stalls_total", "counter", "Waits for an answer of upstream's that ended by a timeout."),
    Figure("function_calls", "turnstile_function_calls_total", "counter", "Functions that the model called."),
    Figure("links_opened", "turnstile_links_opened_total", "counter", "Upstream links that upstream accepted."),
    Figure("links_lost", "turnstile_links_lost_total", "counter", "Upstream links in use that ended unasked."),
    Figure(
        "links_restored",
        "turnstile_links_restored_total",
        "counter",
        "Upstream links that took over from a lost one.",
    ),
    Figure(
        "links_renewed",
        "turnstile_links_renewed_total",
        "counter",
        "Upstream links that took over from one whose session was about to end.",
    ),
    Figure(
        "link_failures",
        "turnstile_link_failures_total",
        "counter",
        "Upstream links that could not be opened, or ended before they were in use.",
    ),
    Figure(
        "client_bytes",
        "turnstile_client_bytes_total",
        "counter",
        "Bytes of messages received from clients, and sent to them.",
        "direction",
        _WAYS,
    ),
    Figure(
        "upstream_bytes",
        "turnstile_upstream_bytes_total",
        "counter",
        "Bytes of messages received from upstream, and sent to it.",
        "direction",
        _WAYS,
    ),
)
"""What is counted of sessions."""

PROCESS_FIGURES: Final = (
    Figure(
        "sessions_limit",
        "turnstile_sessions_limit",
        "gauge",
        "Sessions that all processes together may have open (server.max_sessions).",
        merge="max",
    ),
    Figure("handshakes_open", "turnstile_handshakes_open", "gauge", "Clients in their opening handshake."),
    Figure(
        "refusals",
        "turnstile_refusals_total",
        "counter",
        "Clients refused before a session began, by the reason that the log names.",
        "reason",
        ("max_sessions", "total_bytes", "draining", "origin", "unauthorized"),
    ),
    Figure(
        "full",
        "turnstile_full",
        "gauge",
        "1 in a process that has no room for another session, by server.max_sessions or limits.total_bytes.",
        "worker",
    ),
    Figure("draining", "turnstile_draining", "gauge", "1 in a process that ends and admits no clients.", "worker"),
    Figure("held_bytes", "turnstile_held_bytes", "gauge", "Bytes held or unsent for all sessions.", "worker"),
    Figure(
        "held_bytes_limit",
        "turnstile_held_bytes_limit",
        "gauge",
        "Bytes that may be held for all sessions of a process (limits.total_bytes).",
        "worker",
    ),
    Figure(
        "loop_lag_seconds",
        "turnstile_loop_lag_seconds",
        "gauge",
        "How late the latest timer of the I/O thread came, or how overdue it is.",
        "worker",
    ),
    Figure(
        "loop_lag_max_seconds",
        "turnstile_loop_lag_max_seconds",
        "gauge",
        "How late the latest of the I/O thread's timers came at worst within the last minute.",
        "worker",
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
        "When upstream was last unreachable or answered with a status of 500 or more; 0 for never.",
        merge="max",
    ),
    Figure("process_cpu_seconds", "process_cpu_seconds_total", "counter", "CPU time used.", "worker"),
    Figure("process_resident_memory_bytes", "process_resident_memory_bytes", "gauge", "Resident memory.", "worker"),
    Figure("process_virtual_memory_bytes", "process_virtual_memory_bytes", "gauge", "Virtual memory.", "worker"),
    Figure("process_open_fds", "process_open_fds", "gauge", "Open file descriptors.", "worker"),
    Figure("process_max_fds", "process_max_fds", "gauge", "File descriptors that may be open.", "worker"),
    Figure(
        "process_start_time_seconds",
        "process_start_time_seconds",
        "gauge",
        "When the process started, in seconds since 1970.",
        "worker",
    ),
)
"""What is counted and measured of a process."""

FIGURES: Final = (*SESSION_FIGURES, *PROCESS_FIGURES)
"""All figures, in the order of the metrics."""
