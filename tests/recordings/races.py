"""Records the races that the session's rules were mended for, a file each: ``make recordings``.

Each is a row or a schedule of tests/property, played with the rules as they are; what is undone in a mutant of them is
named in the head, so that a replay with that mutant must differ. What has changed in the files is to be read before it
is committed. ``python tests/recordings/races.py find MUTANT links``, or ``drains``, or ``limits``, looks for the seed
of the shortest schedule that differs under a mutant.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).parent
sys.path[:0] = [
    path for path in (str(HERE.parents[1]), str(HERE), str(HERE.parent / "property")) if path not in sys.path
]

import mutants  # noqa: E402 - the path is made for the command above
import rows  # noqa: E402
from mutants import Mutant, implementation  # noqa: E402
from schedule import Schedule  # noqa: E402
from world import Implementation  # noqa: E402

from turnstile.observability.journal_entries import DecisionEntry  # noqa: E402
from turnstile.observability.journal_lines import JournalLines, head  # noqa: E402
from turnstile.observability.recording_file import Recording  # noqa: E402
from turnstile.observability.replaying import verify  # noqa: E402
from turnstile.observability.session_facts import Client, SessionFacts  # noqa: E402
from turnstile.session.deadlines import Deadline  # noqa: E402
from turnstile.session.effects import SetDeadlines  # noqa: E402
from turnstile.session.machine import Session  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

ALL = {
    mutant.name: mutant
    for group in vars(mutants).values()
    if isinstance(group, tuple)
    for mutant in group
    if isinstance(mutant, Mutant)
}
"""The mutants by their names."""
# Seconds between two events.
_STEP = 0.01


@dataclass(frozen=True)
class Race:
    """One race.

    Args:
        name: Of the file.
        undone: The mutant in which its rule is undone.
        row: The row of tests/property that plays it.
        seed: Otherwise the seed of the schedule that does...
        options: ...and the schedule's options.
    """

    name: str
    undone: str
    row: Callable[[Implementation], None] | None = None
    seed: int = 0
    options: tuple[tuple[str, Any], ...] = ()

    def play(self, code: Implementation) -> None:
        """Play it with these rules."""
        if self.row:
            self.row(code)
        else:
            Schedule(self.seed, code, **dict(self.options)).run()


class Tape:
    """The decisions of the last session that was made."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        tape = self

        class Recorded(Session):
            """A session whose decisions are kept; those of its copies are not."""

            def __init__(self, *parts: Any) -> None:
                super().__init__(*parts)
                self.made = JournalLines("text")
                self.is_original = True
                tape.lines = []

            def __copy__(self) -> Recorded:
                other: Recorded = super().__copy__()
                other.is_original = False
                return other

            def handle(self, event: Any) -> list[Any]:
                if self.is_original and not tape.lines:
                    facts = SessionFacts("s1", "component", Client(), None, self.policy, *self.now)
                    tape.lines.append(head(facts, "text", datetime(2026, 1, 1, tzinfo=UTC)))
                effects = super().handle(event)
                if self.is_original:
                    at = len(tape.lines) * _STEP
                    tape.lines += self.made.lines(DecisionEntry(at, event, effects, self.held_elsewhere))
                return effects

        self.code = Implementation(session=Recorded)


def session_of(mutant: Mutant | None) -> type[Session]:
    """Return the session of the rules with a mutant in them; its deadlines are of the class that all know."""

    class Apart(implementation(mutant).session):  # type: ignore[misc]
        def handle(self, event: Any) -> list[Any]:
            return [
                SetDeadlines(tuple([Deadline(one.name, one.token, one.delay) for one in effect.deadlines]))
                if isinstance(effect, SetDeadlines)
                else effect
                for effect in super().handle(event)
            ]

    return Apart


def recorded(race: Race) -> list[dict[str, Any]]:
    """Return the lines of a race's recording."""
    tape = Tape()
    race.play(tape.code)
    first, *rest = tape.lines
    about = {"race": race.name.replace("_", " "), "undone": race.undone}
    end = {"at": round((len(rest) + 1) * _STEP, 6), "end": {"code": 1000, "reason": "", "by": "client"}, "counts": {}}
    return [about | first, *rest, end]


LINKS = (("troubles", 1),)
DRAINS = (("drains", True),)
LIMITS = (("limits", True),)
RACES = (
    Race(
        "an_update_loses_a_race",
        "an update that lost a race is answered by the refusal",
        rows.updates_that_lost_a_race_survive,
    ),
    Race("a_late_end_of_an_older_response", "a foreign response.done is taken", rows.only_its_own_end_ends_a_response),
    Race("a_create_loses_to_a_response_that_is_over", "a lost race is not repaired", rows.a_lost_race_is_repaired),
    Race(
        "a_refusal_names_the_response_that_runs",
        "a create that was refused for a running response goes again at once (D)",
        rows.a_create_waits_for_the_winner_that_a_refusal_names,
    ),
    Race(
        "a_turn_breaks_in_on_a_response",
        "the answer to a turn that interrupts a response is not waited for (A)",
        rows.an_interrupting_turn_is_answered_before_anything_else,
    ),
    Race(
        "a_result_of_an_interrupted_response",
        "a result of an interrupted response waits for another turn (B)",
        rows.a_result_of_an_interrupted_response_is_answered,
    ),
    Race(
        "the_end_of_an_interrupted_response",
        "the end of an interrupted response opens the gate (E)",
        rows.an_interrupting_turn_is_answered_before_anything_else,
    ),
    Race(
        "a_message_behind_a_forced_end_of_a_turn",
        "a create does not wait for a commit (F)",
        rows.a_create_waits_for_the_commit,
    ),
    Race(
        "a_turn_is_heard_while_a_create_is_out",
        "a turn heard while our create is out is forgotten when ours begins (G)",
        rows.a_turn_heard_while_a_create_is_out_is_answered_by_the_api,
    ),
    Race(
        "turn_detection_is_switched_off_in_mid_speech",
        "the user speaks on though turn detection is off (I)",
        rows.nobody_hears_the_user_where_turn_detection_is_off,
    ),
    Race("two_updates_wait_for_one_response", "the second update is dropped", rows.both_updates_go_and_are_answered),
    Race(
        "an_update_waits_for_a_response",
        "what was postponed is not offered again",
        rows.what_was_held_goes_when_the_response_ends,
    ),
    Race("a_lost_link_is_replaced", "the conversation is restored twice", rows.a_lost_link_is_replaced_in_order),
    Race("a_link_is_lost_under_an_update", "an update that was out is lost with its link", None, 23, LINKS),
    Race("a_link_is_lost_under_a_turn", "turn_lost is said twice", None, 23, LINKS),
    Race("a_link_is_lost_under_a_call", "open calls are void on another link", None, 74, LINKS),
    Race("a_link_ends_in_mid_speech", "another link takes over in mid-speech", None, 90, LINKS),
    Race(
        "a_turn_is_said_while_a_link_is_prepared",
        "what the conversation gains meanwhile is not restored",
        None,
        97,
        LINKS,
    ),
    Race("a_link_ends_before_a_transcript", "a turn without a transcript is left behind", None, 108, LINKS),
    Race("a_proxy_drains_under_a_call", "a drained session ends while a call is open", None, 35, DRAINS),
    Race("a_session_is_quiet_in_a_turn", "a session is idle in a turn", None, 103, LIMITS),
)


def main() -> None:
    """Record all races anew, or find a seed."""
    if sys.argv[1:2] == ["find"]:
        _find(sys.argv[2], {"links": LINKS, "drains": DRAINS, "limits": LIMITS}[sys.argv[3]])
        return
    for race in RACES:
        lines = recorded(race)
        text = "".join([f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines])
        (HERE / f"{race.name}.jsonl").write_text(text, encoding="utf-8")
        sys.stdout.write(f"{race.name}.jsonl: {len(lines)} lines\n")


def _find(name: str, options: tuple[tuple[str, Any], ...], seeds: int = 120) -> None:
    undone = session_of(ALL[name])
    best = 10**9
    for seed in range(seeds):
        lines = recorded(Race("x", name, None, seed, options))
        lines = json.loads(json.dumps(lines))
        recording = Recording(lines[0], tuple(lines[1:]))
        if len(lines) < best and verify(recording, undone).difference:
            if verify(recording).unverified or verify(recording).difference:
                continue
            best = len(lines)
            sys.stdout.write(f"{name}: seed {seed}, {len(lines)} lines\n")


if __name__ == "__main__":
    main()
