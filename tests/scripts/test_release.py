"""scripts/release: the files of a release. Stand-ins replace cargo, cargo-lambda and Maven."""

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from checkout import ROOT, Checkout, refused

# Stand-in for cargo-lambda: it writes a zip with an executable for each package.
CARGO_LAMBDA = """
echo "cargo-lambda $*" >>"$CALLS"
for word; do
  [ "$before" != --lambda-dir ] || folder=$word
  if [ "$before" = -p ]; then
    mkdir -p "$folder/$word"
    python3 -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1], "w").writestr("bootstrap", sys.argv[2])' \
      "$folder/$word/bootstrap.zip" "$word in $folder"
  fi
  before=$word
done
"""
# Stand-in for cargo: `cargo install` installs a stand-in for cargo-cyclonedx, which writes a file beside each
# Cargo.toml.
CARGO = """
echo "cargo $*" >>"$CALLS"
while [ $# -gt 0 ]; do
  [ "$1" != --root ] || { mkdir -p "$2/bin" && cp "$(dirname "$0")/cyclonedx" "$2/bin/cargo-cyclonedx"; }
  shift
done
"""
CYCLONEDX = """
case "$*" in *--version*) echo "cargo-cyclonedx-cyclonedx 0.5.9" && exit ;; esac
echo "cyclonedx $*" >>"$CALLS"
for folder in functions/* cli; do
  name=${folder#functions/}
  [ "$name" != cli ] || name=headwater
  echo "{\\"bomFormat\\": \\"CycloneDX\\", \\"path\\": \\"path+file://$PWD/$folder\\"}" >"$folder/$name.cdx.json"
done
"""
CHANGELOG = """# Changelog

## [Unreleased]

## [0.2.0] - 2026-11-26

### Added

- Rollback.

## [0.1.0] - 2026-10-01

- The first.

[0.2.0]: https://example.com
"""


class Releasing(Checkout):
    """A checkout from which version 0.2.0 can be released."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.can_build()
        self.program("scripts/cargo-lambda", CARGO_LAMBDA)
        self.program("bin/cargo", CARGO)
        self.program("bin/cyclonedx", CYCLONEDX)
        (folder / "cli").mkdir()
        for other in ("crates", "tests"):
            (folder / other).mkdir(exist_ok=True)
        shutil.copy(ROOT / "LICENSE", folder)
        self.write("Cargo.toml", '[workspace.package]\nversion = "0.2.0"\n\n[workspace.dependencies]\nx = "9"\n')
        self.write("CHANGELOG.md", CHANGELOG)
        self.files = folder / "target/release-files"

    def release(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.run("release", *arguments, HEADWATER_TOOLS_DIR=str(self.folder / "tools"))


@pytest.fixture
def releasing(tmp_path: Path) -> Releasing:
    return Releasing(tmp_path)


@pytest.fixture
def released(releasing: Releasing) -> Releasing:
    result = releasing.release("0.2.0")
    assert result.returncode == 0, result.stderr
    return releasing


FUNCTIONS = sorted(function.name for function in (ROOT / "functions").iterdir())


def test_a_release_has_all_functions_the_command_and_a_bill_of_materials_for_each(released: Releasing) -> None:
    command = {f"headwater-0.2.0-linux-{architecture}.tar.gz" for architecture in ("arm64", "x86_64")}
    bills = {f"{name}.cdx.json" for name in [*FUNCTIONS, "headwater-arm64", "headwater-x86_64"]}
    zips = {f"{function}.zip" for function in FUNCTIONS}
    host = {"headwater.zip", "host-tools.tar.gz"}
    assert {file.name for file in released.files.iterdir()} == zips | host | command | bills | {"SHA256SUMS"}


def test_every_file_has_its_checksum(released: Releasing) -> None:
    sums = dict(reversed(line.split()) for line in (released.files / "SHA256SUMS").read_text().splitlines())
    files = {file.name: file for file in released.files.iterdir() if file.name != "SHA256SUMS"}
    assert sums == {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()}


def test_the_command_is_built_for_each_architecture(released: Releasing) -> None:
    for architecture, folder in {"arm64": "lambda", "x86_64": "lambda-x86_64"}.items():
        with tarfile.open(released.files / f"headwater-0.2.0-linux-{architecture}.tar.gz") as archive:
            binary = archive.getmember("headwater")
            assert binary.mode & 0o111
            text = archive.extractfile(binary).read().decode()
        assert text == f"headwater in {released.folder / 'target' / folder}"
    builds = released.calls("cargo-lambda build")
    assert "--arm64" in builds[0] and "--x86-64" in builds[1]


def test_the_files_of_a_release_can_be_deployed(released: Releasing) -> None:
    result = released.deploy("--plan", "--artifacts", str(released.files))
    assert result.returncode == 0, result.stderr


def test_a_bill_of_materials_contains_no_path_of_the_machine(released: Releasing) -> None:
    bill = json.loads((released.files / "parquet-writer.cdx.json").read_text())
    assert bill["path"] == "path+file:///functions/parquet-writer"
    assert not list((released.folder / "functions").rglob("*.cdx.json")), "the checkout stays clean"


def test_the_notes_are_the_section_of_the_changelog(released: Releasing) -> None:
    assert (released.folder / "target/release-files.md").read_text() == "### Added\n\n- Rollback.\n"


def test_a_version_that_differs_from_the_code_is_refused(releasing: Releasing) -> None:
    assert refused(releasing.release("0.3.0"), "Cargo.toml has version 0.2.0")
    assert not releasing.calls("cargo-lambda")


def test_a_version_without_a_section_in_the_changelog_is_refused(releasing: Releasing) -> None:
    releasing.write("CHANGELOG.md", CHANGELOG.replace("[0.2.0] -", "[0.2.1] -"))
    result = releasing.release("0.2.0")
    assert result.returncode == 1 and "CHANGELOG.md has no section for 0.2.0" in result.stderr
    assert not releasing.calls("cargo-lambda")


def test_a_missing_or_malformed_version_is_refused_with_the_usage(releasing: Releasing) -> None:
    assert releasing.release().returncode == 2
    assert releasing.release("v0.2.0").returncode == 2
    assert "0.1.0" in releasing.release("--help").stdout
    assert os.access(ROOT / "scripts/release", os.X_OK)
