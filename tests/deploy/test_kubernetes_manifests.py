"""The manifests: Kubernetes takes them, and what they say of the program and of each other is true."""

from __future__ import annotations

import tomllib

import kubernetes_validate
import pytest
import yaml

import proxy_main
from turnstile.inspector.guard import FREE
from turnstile.terminal.command_line import command_line

VERSIONS = ("1.29", "1.34")  # an old one, and one of today's


@pytest.fixture(scope="module")
def manifests(deploy):
    return {found["kind"]: found for found in yaml.safe_load_all((deploy / "kubernetes.yaml").read_text())}


@pytest.fixture(scope="module")
def pod(manifests):
    return manifests["Deployment"]["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def proxy(pod):
    (container,) = pod["containers"]
    return container


@pytest.fixture
def config(manifests, proxy, loaded):
    environment = {variable["name"]: variable.get("value", "made-up-and-secret") for variable in proxy["env"]}
    return loaded(environment, manifests["ConfigMap"]["data"]["turnstile.toml"])


@pytest.mark.parametrize("version", VERSIONS)
def test_each_manifest_fits_the_schema(manifests, version):
    assert set(manifests) == {"ConfigMap", "Deployment", "Service", "PodDisruptionBudget"}
    for manifest in manifests.values():
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_pod_is_killed_only_when_its_drain_is_over(pod, proxy, config):
    sleep, seconds = proxy["lifecycle"]["preStop"]["exec"]["command"]
    assert sleep == "sleep"
    assert pod["terminationGracePeriodSeconds"] == int(seconds) + config.server.drain_timeout + 10


def test_a_pod_goes_only_when_its_successor_is_ready(manifests):
    rolling = manifests["Deployment"]["spec"]["strategy"]["rollingUpdate"]
    assert (rolling["maxUnavailable"], rolling["maxSurge"]) == (0, 1)


def test_the_ports_and_the_paths_of_the_probes_are_the_programs(manifests, proxy, config):
    ports = {port["name"]: port["containerPort"] for port in proxy["ports"]}
    assert ports == {"clients": config.server.port, "ops": config.ops.port}
    asked = {name: proxy[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {asked[name]["path"] for name in asked} == FREE
    assert {asked[name]["port"] for name in asked} == {"ops"}
    assert asked["readiness"]["path"] == "/readyz"
    (port,) = manifests["Service"]["spec"]["ports"]
    assert port["targetPort"] == "clients"


def test_the_service_and_the_budget_are_for_the_pods_of_the_deployment(manifests):
    labels = manifests["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert manifests["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert manifests["Service"]["spec"]["selector"] == labels
    assert manifests["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels


def test_it_names_settings_and_no_secrets(proxy, variables):
    assert {variable["name"] for variable in proxy["env"]} <= variables
    assert all("value" not in variable for variable in proxy["env"])


def test_the_program_takes_its_command_line_and_finds_its_files(manifests, proxy, pod, config):
    (file,) = command_line(proxy_main.COMMANDS).parse(proxy["args"]).config
    (mount,) = proxy["volumeMounts"]
    (volume,) = pod["volumes"]
    config_map, secret = volume["projected"]["sources"]
    assert config_map["configMap"]["name"] == manifests["ConfigMap"]["metadata"]["name"]
    there = {*manifests["ConfigMap"]["data"], *(item["path"] for item in secret["secret"]["items"])}
    assert {f"{mount['mountPath']}/{name}" for name in there} == {str(file), str(config.auth.keys_file)}
    assert tomllib.loads(manifests["ConfigMap"]["data"][file.name])["auth"]["mode"] == "keys"


def test_its_container_has_no_more_rights_than_it_needs(pod, proxy, deploy):
    user = pod["securityContext"]
    assert f"USER {user['runAsUser']}:{user['runAsGroup']}\n" in (deploy / "Dockerfile").read_text()
    assert (user["runAsNonRoot"], user["seccompProfile"]) == (True, {"type": "RuntimeDefault"})
    rights = proxy["securityContext"]
    assert (rights["readOnlyRootFilesystem"], rights["allowPrivilegeEscalation"]) == (True, False)
    assert rights["capabilities"] == {"drop": ["ALL"]}
    # Those of a Service named turnstile would be no settings, and the program would not start.
    assert (pod["enableServiceLinks"], pod["automountServiceAccountToken"]) == (False, False)


def test_its_image_is_a_place_for_your_own(proxy):
    assert proxy["image"].startswith("registry.invalid/put-your-image-here:")  # a name that never leads anywhere
