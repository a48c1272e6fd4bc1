"""The command `turnstile talk`: talks to a proxy, in writing or aloud."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from turnstile.server.exit_codes import FAILED, OK
from turnstile.terminal.audio_io import open_audio
from turnstile.terminal.connection_faults import KEY_VARIABLE
from turnstile.terminal.talk import talk

if TYPE_CHECKING:
    import argparse

    from turnstile.terminal.arguments import ArgumentParser


def define_talk(parser: ArgumentParser) -> None:
    """Define its options and its help."""
    parser.describe(
        "Talk to a proxy as a Voice Agent client does: lines go to the agent, and what it says is printed, or heard "
        f"with --audio. The key for a proxy that asks for one is read from the environment: {KEY_VARIABLE}.",
        "talk",
        "talk wss://proxy.example.com/openai --prompt 'Answer in rhymes.'",
        "talk --wav question.wav --save answer.wav",
    )
    parser.add_argument("url", nargs="?", default="ws://127.0.0.1:8080/openai", help="default: %(default)s")
    parser.add_argument("--prompt", default="You are a helpful assistant.", help="the agent's instructions")
    aloud = parser.add_mutually_exclusive_group()
    aloud.add_argument("--audio", action="store_true", help='microphone and speaker; needs the extra "audio"')
    aloud.add_argument("--wav", type=Path, metavar="FILE", help="send this file as speech, and end when it is answered")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the agent's speech to this file, as WAV")
    parser.set_defaults(command=_talk)


def _talk(arguments: argparse.Namespace) -> int:
    with open_audio(audio=arguments.audio, wav=arguments.wav, save=arguments.save) as audio:
        lines = None if arguments.wav else sys.stdin
        return OK if talk(arguments.url, arguments.prompt, lines, sys.stdout, audio=audio) else FAILED
