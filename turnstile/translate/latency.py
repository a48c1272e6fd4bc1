"""The latencies of a response, in seconds to the millisecond, from the events that show them."""

from __future__ import annotations

from typing import Final, Literal

Token = Literal["text", "tool"]
# The name in `LatencyReport` of the time to the first piece of each kind.
_FIGURES: Final = (("text", "ttt_text_latency"), ("tool", "ttt_tool_latency"), ("audio", "total_latency"))


class ResponseLatency:
    """The latencies of one response.

    Args:
        start: When the turn or request that it answers ended; when it was created, where upstream reported neither.
    """

    def __init__(self, start: float) -> None:
        self._start = start
        self._first: dict[str, float] = {}

    def token(self, kind: Token, now: float) -> None:
        """Record a piece of text or of a function call's arguments; the first of each kind counts."""
        self._first.setdefault(kind, now)

    def audio(self, now: float) -> None:
        """Record a piece of audio; the first counts."""
        self._first.setdefault("audio", now)

    def at_start(self, now: float) -> tuple[float, float, float]:
        """Return the latencies of `AgentStartedSpeaking`, sent now: total, of the voice, of the text.

        Where no text came before, all of it counts as the text's: a speech-to-speech model has no separate voice.
        """
        total = _span(self._start, now)
        if "text" not in self._first:
            return total, 0.0, total
        text = _span(self._start, self._first["text"])
        return total, _span(text, total), min(text, total)

    def report(self, transcription: float | None) -> dict[str, float]:
        """Return the known figures by their names in `LatencyReport`.

        Args:
            transcription: How long the user's turn took to be transcribed, if that is known.
        """
        first = self._first
        if not first:
            return {}
        figures = {} if transcription is None else {"stt_latency": round(transcription, 3)}
        for kind, name in _FIGURES:
            if kind in first:
                figures[name] = _span(self._start, first[kind])
                if kind != "audio":
                    figures["ttt_token_latency"] = min(figures.get("ttt_token_latency", figures[name]), figures[name])
        if "audio" in first and "text" in first:
            figures["tts_latency"] = _span(first["text"], first["audio"])
        return figures


def _span(begin: float, end: float) -> float:
    return round(end - begin, 3) if end > begin else 0.0
