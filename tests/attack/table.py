"""The table: what each attack came to, and which of it is above its target."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

TOTAL_BYTES = 64 * 1024 * 1024
"""`limits.total_bytes` of the proxy under attack: small, so that the bound shows."""

MESSAGE_WAIT, FLOOD_WAIT = 0.050, 0.250
"""The longest that others may wait, in seconds, beyond what the machine itself makes them wait."""

_PEAK_BYTES = 2 * TOTAL_BYTES
_GROWTH = 1.10
_MB = 1024 * 1024


@dataclass
class Row:
    """What one attack came to.

    Args:
        name: Of the attack.
        target: The longest that others may wait, in seconds.
        got: What the attacker got, in words.
        wait: The longest that others waited, in seconds.
        machine: The longest that the machine made its own measure wait meanwhile.
        for_cores: For how long the proxy was ready to run and had no core, in the worst repetition; told, not judged.
        before: Resident memory before, in bytes.
        peaks: The most of it in each repetition.
        after: The resident memory afterwards.
        lost: Sessions of others that ended.
        held: Bytes that the proxy said to hold after the last session; None if it said nothing.
        faults: What else went wrong, in words.
    """

    name: str
    target: float
    got: str = ""
    wait: float = 0.0
    machine: float = 0.0
    for_cores: float = 0.0
    before: int = 0
    peaks: list[int] = field(default_factory=list)
    after: int = 0
    lost: int = 0
    held: int | None = None
    faults: list[str] = field(default_factory=list)


def misses(row: Row, noise: float) -> list[str]:
    """Return in words what of a row is above its target.

    Args:
        row: The row.
        noise: The longest wait of the row without an attack, in seconds. A wait counts only as far as it exceeds this,
            or the machine's own in the same row if that is longer.
    """
    found = list(row.faults)
    if is_late(row, noise):
        words = f"others waited {_ms(_beyond(row, noise))} ms beyond the noise; the target is {_ms(row.target)}"
        found.append(f"{words} (the proxy waited {_ms(row.for_cores)} ms for a core meanwhile)")
    if row.lost:
        found.append(f"{row.lost} sessions of others were lost")
    if row.peaks and (above := max(row.peaks) - row.before) > _PEAK_BYTES:
        found.append(f"memory rose by {above // _MB} MB; the target is {_PEAK_BYTES // _MB}")
    if row.peaks and row.peaks[-1] > row.peaks[0] * _GROWTH:
        found.append(f"memory grew from {row.peaks[0] // _MB} to {row.peaks[-1] // _MB} MB over the repetitions")
    if row.held is None:
        found.append("the proxy did not say how many bytes it holds")
    elif row.held:
        found.append(f"{row.held:,} bytes are held after the last session")
    return found


def is_late(row: Row, noise: float) -> bool:
    """Return whether others waited for longer than the target."""
    return _beyond(row, noise) > row.target


def _beyond(row: Row, noise: float) -> float:
    return row.wait - max(noise, row.machine)


def measured_again(first: Row, second: Row) -> Row:
    """Return the second measurement of an attack, with a word on the first one's wait."""
    return replace(second, got=f"{second.got} (measured again: the first time {_ms(first.wait)} ms)")


def heading() -> str:
    """Return the table's first lines."""
    return "\n".join(
        _columns(*words)
        for words in (
            ("", "attack", "wait", "noise", "before", "peak", "after", "lost", "the attacker got"),
            ("", "", "ms", "ms", "MB", "1st/last MB", "MB", "", ""),
        )
    )


def _columns(*cells: str) -> str:
    red, name, wait, noise, before, peaks, after, lost, got = cells
    return f"{red:4}{name:40} {wait:>6} {noise:>6} {before:>6} {peaks:>11} {after:>5} {lost:>4}  {got}".rstrip()


def line(row: Row, missed: list[str]) -> str:
    """Return a row's lines: its figures, and what is above its target."""
    peaks = f"{_mb(row.peaks[0])}/{_mb(row.peaks[-1])}" if row.peaks else "-"
    figures = _columns(
        "RED" if missed else "", row.name, _ms(row.wait), _ms(row.machine), _mb(row.before), peaks, _mb(row.after),
        str(row.lost), row.got,
    )  # fmt: skip
    return "\n".join((figures, *(f"{'':10}! {words}" for words in missed)))


def _mb(size: int) -> str:
    return str(size // _MB)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"
