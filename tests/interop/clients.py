"""Whose clients are run: what each needs installed, which script drives it, and where LiteLLM's proxy stands."""

from __future__ import annotations

from dataclasses import dataclass

CHECKS = (
    "connect",
    "configure",
    "text",
    "audio",
    "function call",
    "update",
    "second create",
    "interruption",
    "renewal",
    "loss",
)
"""What each client does; `update`, `second create` and `loss` are in mid-response."""

NODE = "node"
LITELLM = "litellm"


@dataclass(frozen=True, slots=True)
class Environment:
    """What is installed together.

    Args:
        requirements: What `NEWEST=1` asks for; the pins have what came of it, and of what it needs.
        shows: The package whose version the table shows.
    """

    requirements: tuple[str, ...]
    shows: str


PYTHON = {
    "deepgram": Environment(("deepgram-sdk",), "deepgram-sdk"),
    "openai": Environment(("openai[realtime]",), "openai"),
    # The first release with `client.realtime`; before it there was the beta only.
    "openai-oldest": Environment(("openai[realtime]==1.103.0",), "openai"),
    "openai-agents": Environment(("openai-agents",), "openai-agents"),
    "livekit": Environment(("livekit-agents", "livekit-plugins-openai"), "livekit-plugins-openai"),
    "pipecat": Environment(("pipecat-ai[openai]",), "pipecat-ai"),
    LITELLM: Environment(("litellm[proxy]",), "litellm"),
}


@dataclass(frozen=True, slots=True)
class Client:
    """A row of the table.

    Args:
        name: As the table shows it.
        environment: Where its script runs.
        script: The file in `rows/`.
        litellm: Where LiteLLM's proxy stands, seen from Turnstile: "in front", "behind", or "" for nowhere.
        shows: The npm package whose version the table shows; "" for that of the environment.
        has_tls: It connects by wss only.
    """

    name: str
    environment: str
    script: str
    litellm: str = ""
    shows: str = ""
    has_tls: bool = False

    @property
    def environments(self) -> set[str]:
        """All environments that the row needs."""
        return {self.environment, LITELLM} if self.litellm else {self.environment}


CLIENTS = (
    Client("deepgram-sdk", "deepgram", "deepgram_sdk.py"),
    Client("openai", "openai", "openai_sdk.py"),
    Client("openai, oldest", "openai-oldest", "openai_sdk.py"),
    Client("openai-agents", "openai-agents", "openai_agents.py"),
    Client("livekit", "livekit", "livekit_agents.py"),
    Client("pipecat", "pipecat", "pipecat_ai.py"),
    Client("@deepgram/sdk", NODE, "deepgram_sdk.mjs", shows="@deepgram/sdk"),
    Client("openai for Node", NODE, "openai_sdk.mjs", shows="openai", has_tls=True),
    Client("@openai/agents", NODE, "openai_agents.mjs", shows="@openai/agents"),
    Client("LiteLLM in front", "openai", "openai_sdk.py", litellm="in front"),
    Client("LiteLLM behind", "openai", "openai_sdk.py", litellm="behind"),
)
