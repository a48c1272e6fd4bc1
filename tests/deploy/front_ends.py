"""HAProxy and nginx by the configuration files that are delivered, in front of two proxies of this machine."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from turnstile.testing import patience

# Seconds for what happens under load: workers start beside clients that take all the time there is.
LONG = patience(90)
CONFIGURATIONS = Path(__file__).parents[2] / "config/deploy"
# With TLS at the front end, and passed through to the proxies.
AT_THE_FRONT_END = ("haproxy.cfg", "nginx.conf")
PASSED_THROUGH = ("haproxy-tcp.cfg", "nginx-stream.conf")
# Where the two are, instead of 10.0.0.11 and 10.0.0.12.
HOSTS = ("127.0.0.11", "127.0.0.12")
# Debian has it in a package of its own.
_STREAM_MODULE = Path("lib/nginx/modules/ngx_stream_module.so")


class Output:
    """What a process says, kept line by line.

    Args:
        process: Its standard output is a pipe of text.
    """

    def __init__(self, process):
        self.process = process
        self.lines = []
        self._said = threading.Condition()
        self._has_ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._said:
                self.lines.append(line)
                self._said.notify_all()
        with self._said:
            self._has_ended = True
            self._said.notify_all()

    def until(self, pattern, count=1, since=0):
        """Wait until so many lines fit, from the line of number `since` on; return the last match."""

        def found():
            return [match for line in self.lines[since:] if (match := re.search(pattern, line))]

        with self._said:
            self._said.wait_for(lambda: self._has_ended or len(found()) >= count, LONG)
            matches = found()
        assert len(matches) >= count, f"{pattern} was not said: {''.join(self.lines)}"
        return matches[count - 1]

    def close(self):
        """Kill the process if it runs; take the rest of what it has said."""
        self.process.kill()
        self.process.wait(patience())
        self._reader.join(patience())
        self.process.stdout.close()


class FrontEnd(Output):
    """A running HAProxy or nginx.

    Args:
        name: Of the configuration file.
        places: What stands in it, and what is meant here.
        port: That it listens on instead of 443.
        folder: For the file, and for nginx's own.
        program: The path of HAProxy or nginx.
    """

    def __init__(self, name, places, port, folder, program):
        self.port = port
        self.has_checks = program_of(name) == "haproxy"
        folder.mkdir()
        command = commands(name, places, folder, program)[1]
        super().__init__(
            subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        )
        self._wait_until_it_listens()

    def _wait_until_it_listens(self):
        deadline, never = time.monotonic() + patience(), threading.Event()
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=patience()).close()
            except ConnectionRefusedError:
                assert self.process.poll() is None, f"it has ended: {''.join(self.lines)}"
                assert time.monotonic() < deadline, "it does not listen"
                never.wait(0.01)
            else:
                return

    def close(self):
        """End it, and its own processes."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(patience())
        finally:
            super().close()


def places_for(entrance, port, ops_port, certificates):
    """Return what stands in the configuration files, and what is meant on this machine: addresses, ports, paths.

    Args:
        entrance: The port of the front end.
        port: Of both proxies, on their two addresses.
        ops_port: Of their ops listeners.
        certificates: The folder of the certificate.
    """
    return {
        r"bind :443": f"bind 127.0.0.1:{entrance}",
        r"listen 443": f"listen 127.0.0.1:{entrance}",
        r"10\.0\.0\.11:\d+": f"{HOSTS[0]}:{port}",
        r"10\.0\.0\.12:\d+": f"{HOSTS[1]}:{port}",
        r"check port \d+": f"check port {ops_port}",
        r"/etc/haproxy/site\.pem": str(certificates / "both.pem"),
        r"/etc/nginx/site\.pem": str(certificates / "cert.pem"),
        r"/etc/nginx/site\.key": str(certificates / "key.pem"),
    }


def commands(name, places, folder, program):
    """Write a configuration for this machine; return the command that checks it, and the one that runs it."""
    text = CONFIGURATIONS.joinpath(name).read_text()
    if name.startswith("nginx"):
        places = {
            r"/run/nginx\.pid": str(folder / "pid"),
            r"load_module modules/.*;": f"load_module {stream_module(program)};",
            r"user www-data;": "user root;" if os.getuid() == 0 else "",  # who may write into the test's folder
            r"\nhttp \{": "\nhttp {\n" + _temporary_folders(folder),
            **places,
        }
    for there, here in places.items():
        text = re.sub(there, here, text)
    file = folder / name
    file.write_text(text)
    if name.startswith("nginx"):
        command = [program, "-p", str(folder), "-c", str(file)]
        return [*command, "-t"], [*command, "-g", "daemon off;"]
    return [program, "-c", "-f", str(file)], [program, "-db", "-f", str(file)]


def _temporary_folders(folder):
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return "".join(f"    {kind}_temp_path {folder / kind};\n" for kind in kinds)


def stream_module(program):
    """Return the path of nginx's stream module, beside its program."""
    return Path(program).parents[1] / _STREAM_MODULE


def program_of(name):
    """Return the name of the program that a configuration file is for."""
    return "nginx" if name.startswith("nginx") else "haproxy"
