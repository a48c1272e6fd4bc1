"""Writes the transcripts anew: ``make transcripts``. What has changed in them is to be read before it is committed."""

from __future__ import annotations

import json
import sys
from collections import deque
from pathlib import Path

from conversations import CONVERSATIONS
from stage import Stage, Wire, readable

from turnstile.ports import LinkReady
from turnstile.protocol.frames import Closed
from turnstile.simulator.scenario_files import bundled_scenario
from turnstile.simulator.simulator import Simulator

HERE = Path(__file__).parent
# Longer than any wait in a conversation, in milliseconds.
_PATIENCE = 30_000


class _Far:
    """Where the simulator speaks: what it says waits until the stage has time for it."""

    def __init__(self, recording, name, inbox):
        self._recording = recording
        self._name = name
        self._inbox = inbox

    def tell(self, message):
        if isinstance(message, LinkReady):
            self._inbox.tell(LinkReady(_ToSimulator(self._name, self._recording, message.connection)))
        else:
            self._recording.heard.append((self._name, message))


class _ToSimulator(Wire):
    """The link to the simulator, written down."""

    def __init__(self, name, recording, connection):
        super().__init__(name, recording)
        self._connection = connection

    def send_text(self, data):
        super().send_text(data)
        self._connection.send_text(data)

    def flush(self):
        super().flush()
        self._connection.flush()

    def close(self, code, reason=""):
        super().close(code, reason)
        self._connection.close(code, reason)


class Recording(Stage):
    """A stage with the simulator as upstream, on the same made-up time.

    Args:
        profile: Which kind of client it has.
        functions: What functions with an endpoint return, by URL.
        policy: The session's.
        scenario: What the simulator answers; the bundled one by default.
        options: The simulator's.
    """

    def __init__(self, profile, functions=None, policy=None, scenario=None, **options):
        self.heard = deque()
        self._simulator = None
        self._make = lambda: Simulator(
            scenario or bundled_scenario(), clock=self.clock, timers=self.timers, wall_clock=lambda: 1.8e9, **options
        )
        super().__init__(profile, functions, policy)

    def connect(self, target, inbox):
        self._simulator = self._simulator or self._make()
        self._simulator.connect(target, _Far(self, self.begin_link(inbox), inbox))

    def settle(self):
        super().settle()
        while self.heard:
            link, message = self.heard.popleft()
            if isinstance(message, Closed):
                self.upstream_closes(message.code, message.reason, link)
            else:
                self.upstream_says(readable(json.loads(message.data)), link)

    def until(self, name, kind, count=1):
        """Let time pass until something of this type was sent to `name` so often."""
        for _ in range(_PATIENCE):
            passed = [line for line in self.lines if name in line.values() and line.get("text", {}).get("type") == kind]
            if len(passed) >= count:
                return passed[count - 1]["text"]
            self.tick()
        raise AssertionError(
            f"{kind} never came; there was {[line.get('text', {}).get('type') for line in self.lines]}"
        )

    def wait(self, milliseconds):
        self.advance_to(self.clock.now + milliseconds / 1000)


def main():
    for conversation in CONVERSATIONS:
        recording = Recording(
            conversation.profile, conversation.functions, conversation.policy, **conversation.simulator
        )
        conversation.tell(recording)
        recording.client_leaves()
        head = {
            "about": conversation.about,
            "profile": conversation.profile.name,
            "functions": conversation.functions,
            "turns": conversation.turns,
        }
        path = HERE / f"{conversation.name}.jsonl"
        lines = [json.dumps(line, ensure_ascii=False) for line in (head, *recording.lines)]
        path.write_text("\n".join([*lines, ""]), encoding="utf-8")
        sys.stdout.write(f"{path.name}: {len(recording.lines)} lines\n")


if __name__ == "__main__":
    main()
