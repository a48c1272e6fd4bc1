"""How long an answer took to come, by the events that show it; all times in seconds, to the millisecond."""

from __future__ import annotations

from typing import Final, Literal

Token = Literal["text", "tool"]
# What the time until the first piece of each kind is called.
_FIGURES: Final = (("text", "ttt_text_latency"), ("tool", "ttt_tool_latency"), ("audio", "total_latency"))


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
        total = _span(self._asked, now)
        if "text" not in self._first:
            return total, 0.0, total
        text = _span(self._asked, self._first["text"])
        return total, _span(text, total), min(text, total)

    def report(self, heard: float | None) -> dict[str, float]:
        """Return the figures that are known, by their names in `LatencyReport`.

        Args:
            heard: How long the user's words took to be transcribed, if that is known.
        """
        first = self._first
        if not first:
            return {}
        figures = {} if heard is None else {"stt_latency": round(heard, 3)}
        for kind, name in _FIGURES:
            if kind in first:
                figures[name] = _span(self._asked, first[kind])
                if kind != "audio":
                    figures["ttt_token_latency"] = min(figures.get("ttt_token_latency", figures[name]), figures[name])
        if "audio" in first and "text" in first:
            figures["tts_latency"] = _span(first["text"], first["audio"])
        return figures


def _span(begin: float, end: float) -> float:
    return round(end - begin, 3) if end > begin else 0.0
