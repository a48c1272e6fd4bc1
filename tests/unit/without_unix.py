"""Does what Turnstile does in a Python without what Windows lacks, and prints what came of it, as JSON.

This is as near to Windows as a Unix machine comes: the modules, functions and constants are missing here as they are
there, once the libraries in use are imported. How its sockets, files and signals behave is not seen.
"""
# ruff: noqa: PLC0415, T201 - imports of what is looked at come after what is taken away; it prints what came of it

from __future__ import annotations

import asyncio
import importlib
import json
import logging.config
import multiprocessing.synchronize
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path

import httpcore2
import numpy as np
import prometheus_client
import pydantic_settings
import pykka
import waitress.server
import websockets.sync.client
import werkzeug.serving

# What libraries import while they work: they know what system they are on, and expect what it has.
LIBRARIES = (asyncio, httpcore2, np, logging.config, prometheus_client, pydantic_settings, pykka, subprocess, uuid)
SERVERS = (multiprocessing.synchronize, waitress.server, websockets.sync.client, werkzeug.serving)
MODULES = ("fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog")
NAMES = {
    os: "fork register_at_fork getuid geteuid getpgrp tcgetpgrp fchmod fchown memfd_create O_CLOEXEC "
    "O_NOFOLLOW O_NONBLOCK O_NOCTTY sched_getaffinity",
    signal: "SIGHUP SIGKILL SIGUSR1 SIGUSR2 pthread_sigmask",
    select: "epoll poll",
    socket: "AF_UNIX MSG_DONTWAIT send_fds recv_fds",
}


def socketpair() -> tuple[socket.socket, socket.socket]:
    """Return what Windows has for a pair of sockets: a connection of this machine with itself."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        return client, server.accept()[0]


def take_away() -> None:
    """Take away what Windows lacks."""
    socket.socketpair = socketpair
    sys.modules.update(dict.fromkeys(MODULES))
    for module, names in NAMES.items():
        for name in names.split():
            with suppress(AttributeError):
                delattr(module, name)


def imported() -> list[str]:
    """Import every module; return those that cannot be, with the reason."""
    faults = []
    for package in ("turnstile", "actors"):
        for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if found.name.endswith(("__main__", "embed.django", "embed.flask", "testing.fixtures")):
                continue
            try:
                importlib.import_module(found.name)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                faults.append(f"{found.name}: {error!r}")
    return faults


def conversation(folder: Path) -> dict[str, object]:
    """Talk through a socket to a proxy that records and has an ops listener; return what it says and leaves."""
    from actors import ProxySystem, ScriptedSession
    from actors.ops_listener import start_ops
    from turnstile.config import load_config
    from turnstile.inspector.token_file import read_token

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    flags = {"upstream.url": "simulator:", "server.port": "0", "ops.port": str(port), "journal.directory": str(folder)}
    config = load_config(flags=flags)
    with ProxySystem(config) as proxy, start_ops(config, proxy.view, proxy.is_alive) as ops:
        token = read_token(ops.token_path)
        with ScriptedSession(f"ws://127.0.0.1:{proxy.address[1]}/openai", timeout=60) as session:
            session.configure(prompt="Be brief.")
            session.say("Hello")
            answer = session.wait_for("ConversationText", role="assistant")["content"]
    return {"answer": answer, "has_token": len(token) > 16, "recordings": len(list(folder.glob("*.jsonl")))}


def pruned(folder: Path) -> int:
    """Delete the recordings that are too old; return how many bytes are left."""
    from turnstile.observability.recording_files import Budgets, RecordingFiles

    return RecordingFiles(folder, lambda: 1e12).prune(Budgets(1 << 20, 1 << 20, 1.0))


def keys(file: Path) -> list[str]:
    """Add two keys, and remove one; return whose are left, and what is said of the file's exposure."""
    from turnstile.auth.key_file import add_key, exposure_of, read_keys, remove_keys

    add_key(file, "ada")
    add_key(file, "grace")
    remove_keys(file, "ada")
    file.chmod(0o666)
    return [entry.name for entry in read_keys(file)] + [str(exposure_of(file))]


def words_of(call: object, *arguments: object) -> str:
    """Return the error that an unsupported call raises, in its words."""
    from turnstile.errors import ConfigError

    try:
        call(*arguments)
    except ConfigError as error:
        return error.problem.description
    return "nothing"


def refusals() -> list[str]:
    """Return what is said where workers, or a host's socket, are asked for."""
    from actors.commands.startup_checks import startup_faults
    from actors.serving import serve_by_workers
    from turnstile.config import load_config
    from turnstile.embed.upgrade import _socket_of

    config = load_config(flags={"upstream.url": "simulator:", "server.workers": "4", "server.port": "0"})
    return [words_of(serve_by_workers, config, [], {}), *startup_faults(config), words_of(_socket_of, {})]


def signals() -> bool:
    """Interrupt this process; return whether that began a drain."""
    from turnstile.server.signals import ProcessSignals

    set_blocking, set_wakeup_fd = os.set_blocking, signal.set_wakeup_fd

    def set_wakeup_fd_of_windows(descriptor: int, **options: bool) -> int:
        if descriptor != -1:
            set_blocking(descriptor, False)  # which Unix requires, and Windows does not
        return set_wakeup_fd(descriptor, **options)

    del os.set_blocking  # Windows has it from Python 3.12 on; libraries use it here
    signal.set_wakeup_fd = set_wakeup_fd_of_windows
    with ProcessSignals(reloads=True) as caught:
        signal.raise_signal(signal.SIGINT)
        return caught.drain.wait(60)


def limits() -> list[object]:
    """Return the limit of open files, raised and not, and what is said of too many sessions."""
    from turnstile.server.open_files import open_files_limit, raise_open_files_limit, sessions_notice

    return [open_files_limit(), raise_open_files_limit(), sessions_notice(512, 1000, 1, 128, 2)]


def main(folder: Path) -> None:
    """Do all of it in a folder."""
    os.environ["XDG_RUNTIME_DIR"] = ""
    tempfile.tempdir = str(folder)  # where the token is written
    recordings = folder / "recordings"
    recordings.mkdir()
    take_away()
    told = {"imported": imported(), "conversation": conversation(recordings), "pruned": pruned(recordings)}
    told |= {"keys": keys(folder / "keys.txt"), "refusals": refusals(), "signals": signals(), "limits": limits()}
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
