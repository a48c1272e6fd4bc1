"""How long an answer took to come, by the events that show it; all times in seconds, to the millisecond."""

from __future__ import annotations

from typing import Literal

Token = Literal["text", "tool"]


class Latencies:
    """The moments of one response.

    Args:
        asked: When the turn that it answers ended; where nobody's turn was heard to end, when the response was created.
    """

    def __init__(self, asked: float) -> None:
        self._asked = asked
        self._first: dict[str, float] = {}

    def token(self, kind: Token, now: float) -> None:
        """A piece of text or of a function call's arguments came; the first of each kind counts."""
        self._first.setdefault(kind, now)

    def audio(self, now: float) -> None:
        """A piece of audio came; the first counts."""
        self._first.setdefault("audio", now)

    def started(self, now: float) -> tuple[float, float, float]:
        """Return what took how long until the agent began to speak, now: all in all, the voice, the text.

        Where no text was seen to come first, all of it counts as the text's: a model that speaks has no voice apart.
        """
        total = self._since_asked(now)
        text = self._since_asked(self._first.get("text", now))
        return total, _span(text, total), min(text, total)

    def report(self, heard: float | None) -> dict[str, float]:
        """Return the figures that are known, by their names in `LatencyReport`.

        Args:
            heard: How long the user's words took to be transcribed, if that is known.
        """
        first = {name: self._since_asked(moment) for name, moment in self._first.items()}
        tokens = [first[kind] for kind in ("text", "tool") if kind in first]
        figures = {
            "stt_latency": heard if heard is None else round(heard, 3),
            "ttt_token_latency": min(tokens, default=None),
            "ttt_text_latency": first.get("text"),
            "ttt_tool_latency": first.get("tool"),
            "total_latency": first.get("audio"),
        }
        if "audio" in first and "text" in first:
            figures["tts_latency"] = _span(first["text"], first["audio"])
        return {name: figure for name, figure in figures.items() if figure is not None} if first else {}

    def _since_asked(self, moment: float) -> float:
        return _span(self._asked, moment)


def _span(begin: float, end: float) -> float:
    return round(max(0.0, end - begin), 3)
