"""`turnstile check` opens what `serve` would open, and says every fault."""

from __future__ import annotations

import re
import socket
from datetime import UTC, datetime, timedelta

import pytest
import trustme

import proxy_main

NOWHERE = ("--set", "server.port=0", "--set", "ops.port=0")
KEY = "sk-made-up-and-secret"


@pytest.fixture
def check(monkeypatch, capsys):
    """Run the command in this process; return its exit code, its output, and its complaints."""
    for name in ("OPENAI_API_KEY", "OPENAI_REALTIME_URL", "OPENAI_PROXY_PORT", "LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(proxy_main, "prepare_standard_streams", lambda: None)
    complaints = []
    monkeypatch.setattr(proxy_main, "complain", complaints.append)
    monkeypatch.setattr("actors.commands.check_command.complain", complaints.append)

    def run(*arguments):
        complaints.clear()
        return proxy_main.main(["check", *arguments]), capsys.readouterr().out, list(complaints)

    return run


@pytest.fixture
def taken():
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def sets(**settings):
    return [word for path, value in settings.items() for word in ("--set", f"{path.replace('__', '.')}={value}")]


def files_of(directory, name, certificate):
    certificate.cert_chain_pems[0].write_to_path(directory / f"{name}.pem")
    certificate.private_key_pem.write_to_path(directory / f"{name}.key")


def tls(directory, certificate, key):
    return sets(server__tls_cert_file=directory / f"{certificate}.pem", server__tls_key_file=directory / f"{key}.key")


def test_a_configuration_that_serve_could_start_with_is_said_to_be_one(check, tmp_path, authority):
    files_of(tmp_path, "mine", authority.issue_cert("localhost"))
    code, out, complaints = check(*NOWHERE, *tls(tmp_path, "mine", "mine"))
    assert (code, complaints) == (0, [])
    assert out.endswith("\nNothing hinders `turnstile serve` from starting\n")


def test_a_certificate_and_a_key_that_do_not_match_are_said(check, tmp_path, authority):
    files_of(tmp_path, "mine", authority.issue_cert("localhost"))
    files_of(tmp_path, "other", authority.issue_cert("localhost"))
    code, _, (complaint,) = check(*NOWHERE, *tls(tmp_path, "mine", "other"))
    assert code == 2
    assert re.search(
        r"server\.tls_cert_file: .*mine\.pem.*other\.key.*: the key is that of another certificate", complaint
    )


def test_a_file_that_is_no_certificate_is_said(check, tmp_path, authority):
    files_of(tmp_path, "mine", authority.issue_cert("localhost"))
    (tmp_path / "mine.pem").write_text("no certificate")
    code, _, (complaint,) = check(*NOWHERE, *tls(tmp_path, "mine", "mine"))
    assert (code, "one is no PEM file" in complaint) == (2, True)


@pytest.mark.parametrize(("days", "words"), [((-2, -1), "has expired"), ((1, 2), "is not valid yet")])
def test_a_certificate_that_is_not_valid_today_is_said(check, tmp_path, authority, days, words):
    begin, end = (datetime.now(UTC) + timedelta(days=day) for day in days)
    files_of(tmp_path, "mine", authority.issue_cert("localhost", not_before=begin, not_after=end))
    code, _, (complaint,) = check(*NOWHERE, *tls(tmp_path, "mine", "mine"))
    assert code == 2
    assert f"mine.pem' {words}: renew it" in complaint


def test_each_address_that_is_taken_is_said(check, taken):
    code, _, complaints = check(*sets(server__port=taken, ops__port=taken))
    words = f"port {taken} on 127.0.0.1 is taken: end what listens there, or choose another port"
    assert code == 2
    assert complaints == [
        f"server.host, server.port: {words}",
        f"ops.port: {words}; ops.port=0 turns the ops listener off.",
    ]


def test_one_port_for_clients_and_operators_is_said(check, reserve_port):
    port = reserve_port()
    code, _, (complaint,) = check(*sets(server__port=port, ops__port=port))
    assert (code, complaint.startswith(f"ops.port: port {port} on 127.0.0.1 is taken")) == (2, True)


def test_an_ops_host_of_another_machine_is_said_where_the_port_is_the_default(check):
    code, _, (complaint,) = check(*sets(server__port=0, ops__host="192.0.2.1"))
    assert (code, complaint.startswith("ops.host: 192.0.2.1 is no address of this machine")) == (2, True)


@pytest.mark.parametrize("file", ["none/token", "."])
def test_a_file_that_no_token_can_be_written_to_is_said(check, reserve_port, tmp_path, file):
    code, _, (complaint,) = check(*sets(server__port=0, ops__port=reserve_port(), ops__token_file=tmp_path / file))
    assert code == 2
    assert re.fullmatch(r"ops\.token_file: .* cannot be written: .*; name another file\.", complaint)


def test_the_token_of_a_running_proxy_stays_where_its_file_is_checked(check, reserve_port, tmp_path):
    (tmp_path / "token").write_text("of another process")
    code, _, complaints = check(*sets(server__port=0, ops__port=reserve_port(), ops__token_file=tmp_path / "token"))
    assert (code, complaints) == (0, [])
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("token", "of another process")]


def test_an_address_of_another_machine_is_said(check):
    code, _, (complaint,) = check(*NOWHERE, *sets(server__host="192.0.2.1"))
    assert (code, complaint.startswith("server.host, server.port: 192.0.2.1 is no address of this machine")) == (
        2,
        True,
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"auth__mode": "keys", "auth__keys_file": "none.txt"}, "auth.keys_file: none.txt"),
        ({"auth__mode": "keys"}, "auth.keys_file: is not set"),
        (
            {"auth__mode": "jwt", "auth__jwt_keys": "none.json", "auth__jwt_audience": "turnstile"},
            "auth.jwt_keys: none.json cannot be read",
        ),
        (
            {"upstream__url": "wss://127.0.0.1/x", "upstream__kind": "compatible", "upstream__ca_file": "none.pem"},
            "upstream.ca_file: ",
        ),
        (
            {"auth__mode": "ask", "auth__ask_url": "https://127.0.0.1/ask", "auth__ca_file": "none.pem"},
            "auth.ca_file: ",
        ),
        ({"simulator__scenario": "nonsense"}, "nonsense"),
        ({"functions__allowed_hosts": "a/b"}, "functions.allowed_hosts: "),
        ({"upstream__url": "wss://api.openai.com/v1/realtime"}, "upstream.api_key: is not set"),
    ],
)
def test_what_serve_could_not_open_is_said_once(check, settings, words):
    code, _, complaints = check(*NOWHERE, *sets(**settings))
    assert code == 2
    assert [words in complaint for complaint in complaints] == [True]


def test_several_faults_are_all_said(check, taken):
    code, _, complaints = check(*sets(server__port=taken, ops__port=0, auth__mode="keys", auth__keys_file="none.txt"))
    assert (code, len(complaints)) == (2, 2)


def served_by(api, *more):
    host, port = api.address
    return [*NOWHERE, *sets(upstream__url=f"ws://{host}:{port}/v1/realtime", upstream__api_key=KEY), *more]


def test_upstream_is_asked_with_the_configured_key_and_its_answer_is_said(check, start_api):
    code, out, _ = check(*served_by(start_api(api_key=KEY)), "--connect")
    assert code == 0
    assert re.search(r"\nUpstream: accepted; session\.created \(model gpt-realtime, id sess_\w+\)\n$", out)
    assert KEY not in out


def test_an_upstream_that_refuses_the_key_is_said_without_the_key(check, start_api):
    code, out, _ = check(*served_by(start_api(api_key="another")), "--connect")
    assert code == 1
    assert re.search(r"\nUpstream: .*(key|401).*\n$", out)
    assert KEY not in out


def test_nobody_is_asked_without_the_option(check, start_api):
    api = start_api(api_key="another")
    code, out, _ = check(*served_by(api))
    assert (code, "Upstream: " in out, api.simulator.sessions) == (0, False, [])


def test_an_upstream_that_nobody_runs_is_said(check):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{closed.getsockname()[1]}/v1/realtime"
        code, out, _ = check(*NOWHERE, *sets(upstream__url=url, upstream__api_key=KEY), "--connect")
    assert code == 1
    assert "\nUpstream: the upstream cannot be reached (Connection refused)" in out


def test_an_upstream_that_never_answers_is_waited_for_no_longer_than_its_timeout(check, taken):
    settings = sets(upstream__url=f"ws://127.0.0.1:{taken}/x", upstream__api_key=KEY, upstream__connect_timeout=0.1)
    code, out, _ = check(*NOWHERE, *settings, "--connect")
    assert code == 1
    assert "\nUpstream: the upstream did not answer within 0.1 s" in out


def test_the_simulator_is_not_asked(check):
    code, out, _ = check(*NOWHERE, "--connect")
    assert (code, out.splitlines()[-1]) == (0, "Upstream: the simulator in this process; nobody to ask")
