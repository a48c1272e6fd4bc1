"""What came of each client, as a table and as an exit code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clients import CHECKS, LITELLM, PYTHON
from environments import version
from upstreams import UPSTREAMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clients import Client


@dataclass
class Row:
    """What came of one client.

    Args:
        client: Which.
        skipped: Why it was not run; "" when it was.
        holes: By check, why it failed.
        blind: By check, the upstream that is broken and in which it found nothing wrong.
        refused: What a simulator that is not broken refused.
    """

    client: Client
    skipped: str = ""
    holes: dict[str, str] = field(default_factory=dict)
    blind: dict[str, str] = field(default_factory=dict)
    refused: Sequence[str] = ()

    @property
    def faults(self) -> list[str]:
        """All that is wrong, in words."""
        return [
            *(f"{check}: {why}" for check, why in self.holes.items()),
            *(f"{check}: passes though upstream is broken ({upstream})" for check, upstream in self.blind.items()),
            *(f"upstream refused: {refusal}" for refusal in self.refused),
        ]

    @property
    def lines(self) -> list[str]:
        """What is said under the table."""
        said = [f"skipped: {self.skipped}"] if self.skipped else self.faults
        return [f"{self.client.name}: {one}" for one in said]

    def cells(self) -> list[str]:
        """Return the row of the table."""
        shown = LITELLM if self.client.litellm else self.client.environment
        title = f"{self.client.name} {version(shown, self.client.shows or PYTHON[shown].shows)}"
        if self.skipped:
            return [title, *("skipped" for _ in CHECKS), ""]
        found = ["HOLE" if check in self.holes else "BLIND" if check in self.blind else "yes" for check in CHECKS]
        return [title, *found, "HOLE" if self.refused else "no"]


def judged(
    client: Client,
    told: Mapping[tuple[str, str], str | None],
    refused: Sequence[str] = (),
    unheard: str = "it never ended",
) -> Row:
    """Judge what a client's script has told.

    Args:
        client: Whose script.
        told: By upstream and check, why the check failed; None when it passed.
        refused: What a simulator that is not broken refused.
        unheard: Why a check failed of which nothing was told.
    """
    row = Row(client, refused=refused)
    for name, upstream in UPSTREAMS.items():
        for check in upstream.checks:
            hole = told.get((name, check), unheard)
            if hole and not upstream.is_broken:
                row.holes[check] = hole
            elif not hole and upstream.is_broken:
                row.blind[check] = name
    return row


def table(rows: Sequence[Row]) -> str:
    """Return the table, in Markdown."""
    lines = [["client", *CHECKS, "refused"], *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines)


def counts(rows: Sequence[Row]) -> tuple[int, int, int]:
    """Return how many rows have passed, failed and been skipped."""
    skipped, failed = sum(bool(row.skipped) for row in rows), sum(bool(row.faults) for row in rows)
    return len(rows) - skipped - failed, failed, skipped


def exit_code(rows: Sequence[Row], *, is_ci: bool) -> int:
    """Return 1 when a row has failed, or was skipped where nothing may be."""
    _, failed, skipped = counts(rows)
    return int(bool(failed or (skipped and is_ci)))
