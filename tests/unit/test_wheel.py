from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

import turnstile

ROOT = Path(__file__).parents[2]


def packed_from(root, directory):
    (file,) = WheelBuilder(str(root)).build(directory=str(directory), versions=["standard"])
    return zipfile.ZipFile(file)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    with packed_from(ROOT, tmp_path_factory.mktemp("wheel")) as packed:
        yield packed


def test_the_wheel_says_that_both_of_its_packages_are_typed(wheel):
    names = wheel.namelist()
    packages = {name.split("/")[0] for name in names if name.endswith("/__init__.py")}
    assert packages == {"actors", "turnstile"}
    assert {name for name in names if name.endswith("py.typed")} == {f"{package}/py.typed" for package in packages}


def test_the_wheel_has_the_example_configurations(wheel):
    folder, prefix = ROOT / "config", "turnstile/examples/"
    packed = {name.removeprefix(prefix): wheel.read(name).decode() for name in wheel.namelist() if prefix in name}
    files = (file for file in folder.rglob("[!.]*") if file.is_file())
    assert packed == {file.relative_to(folder).as_posix(): file.read_text() for file in files}


def test_the_wheel_has_none_of_the_secrets_that_compose_reads_from_a_file_beside_its_own(tmp_path):
    for name in ("pyproject.toml", "README.md", "LICENSE", "turnstile/__init__.py", "config/deploy/compose.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "config/deploy/.env").write_text("OPENAI_API_KEY=made-up-and-secret")
    with packed_from(tmp_path, tmp_path / "dist") as packed:
        examples = [name for name in packed.namelist() if name.startswith("turnstile/examples/")]
    assert examples == ["turnstile/examples/deploy/compose.yaml"]


def test_the_wheels_version_is_the_packages(wheel):
    (metadata,) = (wheel.read(name).decode() for name in wheel.namelist() if name.endswith("/METADATA"))
    assert f"\nVersion: {turnstile.__version__}\n" in metadata


def test_the_metadata_name_the_licence_and_where_the_package_was_run_and_no_address(wheel):
    (metadata,) = (wheel.read(name).decode() for name in wheel.namelist() if name.endswith("/METADATA"))
    head = metadata.partition("\n\n")[0].splitlines()
    fields = [line.partition(": ")[::2] for line in head]
    assert [value for name, value in fields if name == "License-Expression"] == ["MIT"]
    classifiers = {value for name, value in fields if name == "Classifier"}
    versions = set(re.findall(r"Python :: (3\.\d+)", " ".join(classifiers)))
    page = (ROOT / "docs" / "reference" / "systems.md").read_text()
    assert versions == set(re.findall(r"^\| Linux, Python (3\.\d+)", page, re.MULTILINE))
    systems = [name.rpartition(" ")[2] for name in classifiers if name.startswith("Operating System")]
    assert systems == ["Linux"]
    assert not [line for line in head if "://" in line or "@" in line]
