"""The policy of a session: its limits and times."""

from __future__ import annotations

from typing import Literal

from turnstile.session.record import record


@record
class Policy:
    """The limits that a session keeps; times in seconds, audio in milliseconds.

    Args:
        turns: Who begins the response to a spoken turn: the API by itself, or the proxy when the turn is committed.
        is_transparent: The client is a Realtime client: its events pass as they are, and a response is begun
            only where it asks for one.
        is_shared: Others begin responses in the same upstream session too (``call_id``), so that one without our mark
            is never taken for ours.
        id_prefix: Begins every event and item id of ours; at most 16 characters, since the API takes 32.
        link_timeout: How long a new upstream link may take to say that it is up.
        link_silence: How long it may say nothing before it counts as up all the same; None where it always says so.
        update_timeout: How long a ``session.update`` may stay unanswered.
        create_timeout: How long a ``response.create`` may stay unanswered.
        expected_timeout: How long the API may take to begin the response that it owes a spoken turn.
        response_stall: How long a response may be silent before it counts as stalled.
        cancel_timeout: How long a cancelled response may take to end.
        item_timeout: How long a conversation item may stay unconfirmed.
        commit_timeout: How long a commit may stay unanswered.
        settings_timeout: How long a Voice Agent client may take for its first Settings; 0 for ever.
        idle_timeout: How long the session may be idle; 0 for ever.
        duration_setting: The setting that says...
        max_duration: ...how long it may last; 0 for ever...
        expiry_grace: ...and how long it may take from then on to its next moment of rest.
        retry_delay: The wait before the second repetition of a refused create; doubles with each further one.
        failure_delay: The wait before a failed response is repeated where the API names none; doubles likewise.
        failure_delay_limit: The longest wait of these.
        create_tries: How often one create, or one update that loses races, is tried in all.
        reconnect_for: How long another link is tried for after one is lost; 0: not at all.
        reconnect_ceiling: The longest wait between two tries, unless upstream asks for a longer one.
        recovery: How long a link lasts that ends an outage, if no response does; one that is lost sooner belongs to it.
        session_lifetime: How long an upstream session lasts at the most; 0: as long as it shows.
        renew_before: How long before its end another link is prepared, at the earliest...
        renew_latest: ...and how long before it that one takes over at the latest.
        switch_pause: How long input audio waits, so that speech is heard that begins before another link takes over.
        max_conversation_bytes: How many bytes of the conversation are kept for another link.
        restore_note: What another link's model is told behind the conversation; "": nothing.
        max_held: How many requests may wait.
        max_held_bytes: How many bytes may be held in the session's name, here and elsewhere (`Session.held_elsewhere`).
        max_open_calls: How many function calls may be open.
        max_call_rounds: How many responses in a row may call functions within a turn; the next must do without.
        prompt_limit: How many characters the instructions may have after an addition.
        commit_pause: The proxy commits this long after the last audio...
        commit_enough: ...or this long after there was enough, when audio keeps coming.
        commit_minimum: What is enough for a commit.
        commit_first: What is enough for the first commit of a session.
    """

    turns: Literal["server", "proxy"] = "server"
    is_transparent: bool = False
    is_shared: bool = False
    id_prefix: str = "ts_"
    link_timeout: float = 20.0
    link_silence: float | None = None
    update_timeout: float = 10.0
    create_timeout: float = 10.0
    expected_timeout: float = 5.0
    response_stall: float = 30.0
    cancel_timeout: float = 5.0
    item_timeout: float = 10.0
    commit_timeout: float = 5.0
    settings_timeout: float = 30.0
    idle_timeout: float = 0.0
    duration_setting: str = "session.max_duration"
    max_duration: float = 0.0
    expiry_grace: float = 10.0
    retry_delay: float = 0.25
    failure_delay: float = 1.0
    failure_delay_limit: float = 60.0
    create_tries: int = 4
    reconnect_for: float = 30.0
    reconnect_ceiling: float = 5.0
    recovery: float = 5.0
    session_lifetime: float = 0.0
    renew_before: float = 300.0
    renew_latest: float = 10.0
    switch_pause: float = 0.25
    max_conversation_bytes: int = 262_144
    restore_note: str = ""
    max_held: int = 256
    max_held_bytes: int = 33_554_432
    max_open_calls: int = 64
    max_call_rounds: int = 10
    prompt_limit: int = 25_000
    commit_pause: float = 0.4
    commit_enough: float = 0.6
    commit_minimum: float = 100.0
    commit_first: float = 1000.0
