"""The compose file and what it mounts: the parts fit each other and the program. Its schema: `make deploy-check`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import proxy_main
from turnstile.terminal.command_line import command_line
from turnstile.testing import patience


@pytest.fixture(scope="module")
def project(deploy):
    return yaml.safe_load((deploy / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def services(project):
    return project["services"]


def test_its_environment_is_of_settings_and_its_secrets_come_from_outside(services, variables):
    environment = services["proxy"]["environment"]
    assert environment.keys() <= variables
    secret = {name for name in environment if name.endswith(("_KEY", "__TOKEN"))}
    assert all(environment[name].startswith("${" + name + ":?") for name in secret)
    assert len(secret) == 2


def test_it_waits_ten_seconds_longer_than_the_drain(services, loaded):
    given = {name: value for name, value in services["proxy"]["environment"].items() if "$" not in value}
    drain = loaded(given).server.drain_timeout
    assert int(re.fullmatch(r"(\d+)s", services["proxy"]["stop_grace_period"])[1]) == drain + 10


def test_the_program_takes_its_command_line_and_finds_the_file_where_it_is_mounted(services):
    (file,) = command_line(proxy_main.COMMANDS).parse(services["proxy"]["command"]).config
    (volume,) = services["proxy"]["volumes"]
    assert str(file.parent) == volume["target"]
    assert volume["read_only"]


def test_no_service_may_write_where_it_need_not_or_gain_rights(project):
    for service in project["services"].values():
        # compose refuses a secret of the environment for a service that is read-only: it has to write it there.
        gets_a_secret = any("environment" in project["secrets"][name] for name in service.get("secrets", []))
        assert service.get("read_only", False) is not gets_a_secret
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_the_files_that_it_builds_from_and_mounts_are_there(services, deploy):
    build = services["proxy"]["build"]
    assert (deploy / build["context"] / build["dockerfile"]).samefile(deploy / "Dockerfile")
    mounted = [volume["source"] for volume in services["prometheus"]["volumes"] if volume["type"] == "bind"]
    assert mounted
    assert all((deploy / source).is_file() for source in mounted)


def test_prometheus_scrapes_the_proxy_by_a_name_that_its_ops_listener_knows(services, deploy, loaded):
    (job,) = yaml.safe_load((deploy / "prometheus.yml").read_text())["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    name, port = target.split(":")
    given = {name: value for name, value in services["proxy"]["environment"].items() if "$" not in value}
    ops = loaded(given).ops
    assert (name in services, ops.hosts, ops.port) == (True, (name,), int(port))
    (secret,) = services["prometheus"]["secrets"]
    assert job["authorization"]["credentials_file"] == f"/run/secrets/{secret}"
    assert job["job_name"] == "turnstile"
    assert 'job="turnstile"' in (deploy.parent / "alerts.yml").read_text()


@pytest.mark.slow
def test_the_compose_specification_has_all_that_it_says(deploy, tmp_path, monkeypatch):
    pins = Path(__file__).parent / "pins" / "compose-spec.txt"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    subprocess.run([*pip, "--target", str(tmp_path), "--requirement", str(pins)], check=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    from compose_spec import PyCompose  # noqa: PLC0415 - installed here

    text = (deploy / "compose.yaml").read_text()
    given = re.sub(r"\$\{(\w+):\?[^}]*\}", r"/\1", text)  # as compose fills it in before it reads it
    assert PyCompose.from_yaml(given).to_dict()["services"].keys() == yaml.safe_load(text)["services"].keys()
    with pytest.raises(ValueError, match="cap_dorp"):
        PyCompose.from_yaml(given.replace("cap_drop", "cap_dorp"))


def test_prometheus_takes_its_configuration(required, deploy, tmp_path):
    token = tmp_path / "token"
    token.write_text("a token")
    text = (deploy / "prometheus.yml").read_text().replace("/run/secrets/ops_token", str(token))
    (tmp_path / "prometheus.yml").write_text(text)
    (tmp_path / "alerts.yml").write_text((deploy.parent / "alerts.yml").read_text())
    command = [required("promtool"), "check", "config", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=patience(), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
