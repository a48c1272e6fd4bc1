"""A session driven by a program: Python is the client."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import orjson

from actors.connection_limits import client_limits
from actors.system import ProxySystem
from turnstile.audio.convert import converted
from turnstile.audio.formats import AudioFormat
from turnstile.audio.wav_header import read_wav
from turnstile.config import SIMULATOR, load_config
from turnstile.embed.feed import EventFeed
from turnstile.embed.function_schema import host_function
from turnstile.errors import ConfigError, SessionError
from turnstile.ports import Inbox, LinkFailed, LinkInbox, LinkReady, UpstreamTarget
from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame
from turnstile.transports.connector import WebSocketConnector
from turnstile.transports.loop import IoLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from actors.handle import SessionHandle
    from actors.messages import Snapshot
    from turnstile.config import Config
    from turnstile.ports import Connection
    from turnstile.simulator.scenario import Scenario

Json = dict[str, Any]

_SAMPLE_RATE = 16_000
_FRAME_MS = 100
# How much of the agent's voice is kept, in bytes; the oldest goes first.
_MOST_AUDIO = 64 * 1024 * 1024
# How long, in seconds, what was asked to end may take.
_GRACE = 5.0


class ScriptedSession:
    """A Voice Agent client for conversations that a program holds: tests, trials, batch work.

    By default the proxy is in this process, without a port, and the simulator answers, so that it takes neither a key
    nor a network. With a `url` the same script drives a proxy that runs elsewhere. A context manager.

    Every method that waits raises `TimeoutError` when time is up, with what was waited for and what had come, and
    `SessionError` when the session has ended.

    Args:
        url: Of a running proxy's path for the component, such as ``ws://127.0.0.1:8080/openai``.
        config: Of the proxy in this process; by default the simulator is upstream.
        scenario: What the simulator answers; by default what `config` says.
        proxy: The proxy to use, in this process; not stopped by `close`.
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
        timeout: float = 10.0,
    ) -> None:
        if sum(source is not None for source in (url, config or scenario, proxy)) > 1:
            raise ConfigError("invalid_script", "url, proxy: give one of them, and config and scenario with neither.")
        self._timeout = timeout
        self._ear = _Ear()
        self._handle: SessionHandle | None = None
        self._road: _OverSocket | None = None
        self._own_proxy: ProxySystem | None = None
        self._input = AudioFormat("linear16", _SAMPLE_RATE)
        if url is not None:
            self._road = _OverSocket(url, self._ear, timeout)
            self._connection = self._road.connection
        else:
            if proxy is None:
                config = config or load_config(flags={"upstream.url": SIMULATOR})
                self._own_proxy = proxy = ProxySystem(config, listens=False, scenario=scenario)
            self._connection, self._handle = self._joined(proxy)
        self._ear.connection = self._connection

    def __repr__(self) -> str:
        return f"<ScriptedSession {self._ear.feed.closed or 'open'}>"

    def __enter__(self) -> Self:
        """Be open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    @property
    def audio(self) -> bytes:
        """What the agent was heard saying so far: 16-bit PCM, one channel, 24 kHz."""
        return self._ear.audio()

    def _joined(self, proxy: ProxySystem) -> tuple[Connection, SessionHandle]:
        try:
            return proxy.connect(self._ear)
        except BaseException:
            if self._own_proxy is not None:
                self._own_proxy.stop(_GRACE)
            raise

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
            prompt: What the agent is told.
            functions: What it may call, to be answered by `answer`: Python functions, of which the signature and the
                docstring are taken, or the fields of a function in Settings.
            voice: What it speaks with.
            sample_rate: Of the audio that is sent, in hertz; 16-bit PCM, one channel.
            text_only: The agent answers in writing.
            timeout: Seconds to wait.
            agent: More fields of Settings' ``agent``, such as ``greeting``.

        Raises:
            SessionError: They are refused; holds the code and the words of the ``Error``.
            TimeoutError: They are not in force in time.
        """
        self._input = AudioFormat("linear16", sample_rate)
        think: Json = {"prompt": prompt, "functions": [_declared(function) for function in functions]}
        if text_only:
            think["outputModalities"] = ["text"]
        if voice is not None:
            agent = {"speak": {"provider": {"type": "open_ai", "voice": voice}}, **agent}
        audio = {"input": {"encoding": "linear16", "sample_rate": sample_rate}}
        feed = self._ear.feed
        before = feed.count
        self.send("Settings", audio=audio, agent={"think": think, **agent})
        told = feed.wait_for_one_of(("SettingsApplied", "Error"), self._timeout if timeout is None else timeout, before)
        if told["type"] == "Error":
            raise SessionError(told["code"], told["description"])

    def say(self, text: str) -> None:
        """Say something in writing, as the user."""
        self.send("InjectUserMessage", content=text)

    def send_audio(self, audio: bytes | bytearray | memoryview | Path | str, *, silence: float = 0.5) -> None:
        """Say something aloud, as the user; all of it goes at once.

        Args:
            audio: 16-bit PCM of one channel at the rate that `configure` was given; or the path of a WAV file of one
                channel, which is resampled.
            silence: Seconds of silence behind it, by which the API hears that the turn has ended.

        Raises:
            ConfigError: The file is no such WAV file.
            OSError: It cannot be read.
        """
        data = _read_wav(Path(audio), self._input) if isinstance(audio, Path | str) else bytes(audio)
        data += self._input.silence(self._input.size(silence * 1000))
        step = self._input.size(_FRAME_MS)
        for start in range(0, len(data), step):
            self._connection.send_binary(data[start : start + step])
            self._connection.flush()

    def answer(self, call: Mapping[str, Any], result: Any) -> None:
        """Give the result of a function call.

        Args:
            call: A ``FunctionCallRequest`` of one call, or one of its ``functions``.
            result: Text, or anything that JSON has a form for.
        """
        calls = call.get("functions", [call])
        if len(calls) != 1:
            raise ConfigError("invalid_script", f"call: asks for {len(calls)} functions; answer each of them.")
        if not {"id", "name"} <= calls[0].keys():
            raise ConfigError("invalid_script", "call: is no function call: it has no id and name.")
        content = result if isinstance(result, str) else orjson.dumps(result).decode()
        self.send("FunctionCallResponse", id=calls[0]["id"], name=calls[0]["name"], content=content)

    def update(
        self,
        *,
        prompt: str | None = None,
        voice: str | None = None,
        speed: float | None = None,
        think: Mapping[str, Any] | None = None,
        listen: Mapping[str, Any] | None = None,
    ) -> None:
        """Change the configuration, in mid-response too; each part that is named is acknowledged by its own message.

        Args:
            prompt: Is added to the prompt (``PromptUpdated``).
            voice: What the agent speaks with (``SpeakUpdated``).
            speed: How fast it speaks, 1.0 is usual (``SpeakUpdated``).
            think: Replaces the whole of thinking: the fields of an UpdateThink's ``think`` (``ThinkUpdated``).
            listen: The fields of an UpdateListen's ``listen`` (``ListenUpdated``).
        """
        if think is not None:
            self.send("UpdateThink", think=dict(think))
        if prompt is not None:
            self.send("UpdatePrompt", prompt=prompt)
        spoken = {name: value for name, value in (("voice", voice), ("speed", speed)) if value is not None}
        if spoken:
            self.send("UpdateSpeak", speak={"provider": {"type": "open_ai", **spoken}})
        if listen is not None:
            self.send("UpdateListen", listen=dict(listen))

    def send(self, kind: str, **fields: Any) -> None:
        """Send any message of the Voice Agent protocol.

        Args:
            kind: Its ``type``.
            fields: The rest of it.
        """
        self._connection.send_text(orjson.dumps({"type": kind, **fields}))
        self._connection.flush()

    def wait_for(self, kind: str, timeout: float | None = None, **fields: Any) -> Json:
        """Return the first message of a type that no `wait_for` has returned yet.

        Args:
            kind: The ``type``.
            timeout: Seconds to wait for it.
            fields: What else is to be equal in it, such as ``role="assistant"``.
        """
        return self._ear.feed.wait_for(kind, self._timeout if timeout is None else timeout, **fields)

    def events(self, timeout: float | None = None) -> Iterator[Json]:
        """Yield every message since the beginning, and each that comes, until the session ends.

        Args:
            timeout: Seconds to wait for each.
        """
        return self._ear.feed.events(self._timeout if timeout is None else timeout)

    def snapshot(self) -> Snapshot:
        """Return where the session stands: its state, the updates that are held, the calls that are open.

        Raises:
            SessionError: The proxy runs elsewhere, and tells nobody.
        """
        if self._handle is None:
            raise SessionError("not_here", "snapshot: the session is another process's, which alone knows its state.")
        return self._handle.snapshot(self._timeout)

    def close(self) -> None:
        """End the session, and the proxy in this process if it was begun for it."""
        self._connection.close(1000)
        self._ear.ended.wait(_GRACE)
        if self._handle is not None:
            self._handle.wait(_GRACE)
        if self._road is not None:
            self._road.close()
        if self._own_proxy is not None:
            self._own_proxy.stop(_GRACE)


class _Ear(Inbox):
    """The `Inbox` of the client's end."""

    def __init__(self) -> None:
        self.feed = EventFeed()
        self.ended = threading.Event()
        self.connection: Connection | None = None
        self._lock = threading.Lock()
        self._audio = bytearray()

    def tell(self, message: object, /) -> None:
        """Keep what is heard."""
        match message:
            case TextFrame(data):
                self.feed.put(data)
                self._handled(data)
            case BinaryFrame(data):
                with self._lock:
                    self._audio += data
                    del self._audio[: max(0, len(self._audio) - _MOST_AUDIO)]
                self._handled(data)
            case Closed(code, reason):
                self.feed.close(f"the session was closed: {code} {reason}".strip())
                self.ended.set()

    def audio(self) -> bytes:
        """Return the audio so far."""
        with self._lock:
            return bytes(self._audio)

    def _handled(self, data: bytes) -> None:
        if self.connection is not None:
            self.connection.handled(len(data))


class _OverSocket(LinkInbox):
    """The road to a proxy that runs elsewhere.

    Raises:
        SessionError: It cannot be reached.
    """

    def __init__(self, url: str, ear: _Ear, timeout: float) -> None:
        self._url = url
        self._ear = ear
        self._opened: Future[Connection] = Future()
        self._loop = IoLoop()
        self._loop.start()
        limits = client_limits(load_config().limits, "component")
        self._connector = WebSocketConnector(self._loop, limits, timeout=timeout, threads=1)
        self._connector.connect(UpstreamTarget(url), self)
        try:
            self.connection = self._opened.result(2 * timeout)
        except (SessionError, TimeoutError):
            self.close()
            raise

    def tell(self, message: object, /) -> None:
        """Take the opening, and give the rest to the ear."""
        match message:
            case LinkReady(connection):
                self._ear.connection = connection
                self._opened.set_result(connection)
            case LinkFailed(problem):
                self._opened.set_exception(SessionError("unreachable", f"{self._url}: {problem.description}."))
            case _:
                self._ear.tell(message)

    def close(self) -> None:
        """Let go of the threads."""
        self._loop.stop(_GRACE)
        self._connector.close(_GRACE)


def _declared(function: Callable[..., Any] | Mapping[str, Any]) -> Json:
    """Return a function as Settings name it."""
    if not isinstance(function, Mapping):
        return {name: value for name, value in host_function(function).tool.items() if name != "type"}
    return dict(function)


def _read_wav(path: Path, wanted: AudioFormat) -> bytes:
    rate, data = read_wav(path)
    return converted(data, AudioFormat("linear16", rate), wanted)
