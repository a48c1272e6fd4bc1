"""A session driven by a program: Python is the client."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actors.system import ProxySystem
from turnstile.audio.convert import converted
from turnstile.audio.formats import AudioFormat
from turnstile.audio.wav_format import read_wav
from turnstile.config import SIMULATOR, load_config
from turnstile.embed.client_socket import HandshakeRefusedError
from turnstile.embed.function_schema import host_function
from turnstile.embed.voice_agent_client import VoiceAgentClient
from turnstile.errors import ConfigError, SessionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from actors.handle import SessionHandle
    from actors.messages import Snapshot
    from turnstile.config import Config
    from turnstile.simulator.scenario import Scenario

Json = dict[str, Any]

_SAMPLE_RATE = 16_000
_FRAME_MS = 100
# Bytes of the agent's audio that are kept; the oldest are dropped first.
_MOST_AUDIO = 64 * 1024 * 1024
# Seconds for each step of an end.
_GRACE = 5.0


class ScriptedSession(VoiceAgentClient):
    """A Voice Agent client for conversations that a program holds: tests, trials, batch work.

    By default the proxy is in this process, without a port, and the simulator is upstream, so that neither a key nor a
    network is needed. With a `url` the same script drives a proxy that runs elsewhere. A context manager.

    Every method that waits raises `TimeoutError` when time is up, naming what was waited for and what had come, and
    `SessionError` when the session has ended.

    Args:
        url: Of a running proxy's path for the component, such as ``ws://127.0.0.1:8080/openai``.
        config: Of the proxy in this process; by default the simulator is upstream.
        scenario: The simulator's scenario; by default that of `config`.
        proxy: The proxy to use, in this process; not stopped by `close`.
        key: The client's key, if the proxy at `url` asks for one.
        timeout: Seconds to wait for anything, where a call names no other.

    Raises:
        ConfigError: Two of `url`, `config`, `scenario` and `proxy` contradict each other.
        SessionError: The proxy cannot be reached, or has no place.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        config: Config | None = None,
        scenario: Scenario | None = None,
        proxy: ProxySystem | None = None,
        key: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        if sum(source is not None for source in (url, config or scenario, proxy)) > 1:
            raise ConfigError("invalid_script", "url, proxy: give one of them, and config and scenario with neither.")
        super().__init__(timeout=timeout, close_timeout=_GRACE, on_audio=self._keep_audio)
        self._audio = bytearray()
        self._audio_lock = threading.Lock()
        self._input = AudioFormat("linear16", _SAMPLE_RATE)
        self._handle: SessionHandle | None = None
        self._own_proxy: ProxySystem | None = None
        if url is not None:
            self._reach(url, key)
            return
        if proxy is None:
            config = config or load_config(flags={"upstream.url": SIMULATOR})
            self._own_proxy = proxy = ProxySystem(config, listens=False, scenario=scenario)
        self._join(proxy)

    def __repr__(self) -> str:
        return f"<ScriptedSession {self._feed.closed or 'open'}>"

    @property
    def audio(self) -> bytes:
        """The agent's audio so far: 16-bit PCM, one channel, 24 kHz."""
        with self._audio_lock:
            return bytes(self._audio)

    def configure(
        self,
        *,
        prompt: str = "",
        functions: Iterable[Callable[..., Any] | Mapping[str, Any]] = (),
        voice: str | None = None,
        sample_rate: int = _SAMPLE_RATE,
        text_only: bool = False,
        timeout: float | None = None,
        **agent: Any,
    ) -> None:
        """Send Settings, and wait until they are in force.

        Args:
            prompt: The agent's prompt.
            functions: The functions that it may call, to be answered by `answer`: Python functions, of which the
                signature and the docstring are taken, or the fields of a function in Settings.
            voice: Its voice.
            sample_rate: Of the audio that is sent, in hertz; 16-bit PCM, one channel.
            text_only: The agent answers in writing.
            timeout: Seconds to wait.
            agent: More fields of Settings' ``agent``, such as ``greeting``.

        Raises:
            SessionError: They are refused; holds the code and the description of the ``Error``.
            TimeoutError: They are not in force in time.
        """
        self._input = AudioFormat("linear16", sample_rate)
        think: Json = {"prompt": prompt, "functions": [_declared(function) for function in functions]}
        if text_only:
            think["outputModalities"] = ["text"]
        if voice is not None:
            agent = {"speak": {"provider": {"type": "open_ai", "voice": voice}}, **agent}
        audio = {"input": {"encoding": "linear16", "sample_rate": sample_rate}}
        before = self._feed.count
        self.send("Settings", audio=audio, agent={"think": think, **agent})
        kinds = ("SettingsApplied", "Error")
        answer = self._feed.wait_for_one_of(kinds, self._timeout if timeout is None else timeout, before)
        if answer["type"] == "Error":
            raise SessionError(answer["code"], answer["description"])

    def send_audio(self, audio: bytes | bytearray | memoryview | Path | str, *, silence: float = 0.5) -> None:
        """Send speech of the user, all of it at once.

        Args:
            audio: 16-bit PCM of one channel at the rate that `configure` was given; or the path of a WAV file of one
                channel, which is resampled.
            silence: Seconds of silence behind it, by which the API detects the end of the turn.

        Raises:
            ConfigError: The file is no such WAV file.
            OSError: It cannot be read.
        """
        data = _read_wav(Path(audio), self._input) if isinstance(audio, Path | str) else bytes(audio)
        data += self._input.silence(self._input.size(silence * 1000))
        step = self._input.size(_FRAME_MS)
        for start in range(0, len(data), step):
            self.send_binary(data[start : start + step])

    def wait_for(self, kind: str, timeout: float | None = None, **fields: Any) -> Json:
        """Return the first message of a type that no `wait_for` has returned yet.

        Args:
            kind: The ``type``.
            timeout: Seconds to wait for it.
            fields: Other fields that are to be equal, such as ``role="assistant"``.
        """
        return self._feed.wait_for(kind, self._timeout if timeout is None else timeout, **fields)

    def events(self, timeout: float | None = None) -> Iterator[Json]:
        """Yield every message since the beginning, and each that comes, until the session ends.

        Args:
            timeout: Seconds to wait for each.
        """
        return self._feed.events(self._timeout if timeout is None else timeout)

    def snapshot(self) -> Snapshot:
        """Return the session's state, the requests that are held, and the calls that are open.

        Raises:
            SessionError: The proxy runs elsewhere, in a process that does not share its state.
        """
        if self._handle is None:
            raise SessionError("not_here", "snapshot: the session is another process's, which alone knows its state.")
        return self._handle.snapshot(self._timeout)

    def close(self) -> None:
        """End the session, and the proxy in this process if it was begun for it."""
        super().close()
        if self._handle is not None:
            self._handle.wait(_GRACE)
        if self._own_proxy is not None:
            self._own_proxy.stop(_GRACE)

    def _reach(self, url: str, key: str | None) -> None:
        where = url.partition("?")[0]  # a query may hold a key
        try:
            self._connect(url, self._timeout, key)
        except HandshakeRefusedError as error:
            raise SessionError("refused", f"{where}: {error}") from None
        except OSError as error:
            words = error.strerror or str(error) or type(error).__name__
            raise SessionError("unreachable", f"{where}: {words}.") from None

    def _join(self, proxy: ProxySystem) -> None:
        try:
            self._connection, self._handle = proxy.connect(self._inbox())
        except BaseException:
            if self._own_proxy is not None:
                self._own_proxy.stop(_GRACE)
            raise

    def _keep_audio(self, data: bytes) -> None:
        with self._audio_lock:
            self._audio += data
            del self._audio[: max(0, len(self._audio) - _MOST_AUDIO)]


def _declared(function: Callable[..., Any] | Mapping[str, Any]) -> Json:
    """Return a function as Settings declare it."""
    if not isinstance(function, Mapping):
        return {name: value for name, value in host_function(function).tool.items() if name != "type"}
    return dict(function)


def _read_wav(path: Path, wanted: AudioFormat) -> bytes:
    rate, data = read_wav(path)
    return converted(data, AudioFormat("linear16", rate), wanted)
