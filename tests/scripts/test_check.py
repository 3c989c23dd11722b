"""scripts/check in a small checkout: once with a fault for each check, and once without faults."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = os.environ.get("HEADWATER_TOOLS_DIR", str(ROOT / ".tools"))
# These words are split, so that the checks of this repository do not find them in this file.
SKIP, IGNORE, DISABLE, MISSPELT = "checkov:" + "skip", "zizmor: " + "ignore", "shellcheck " + "disable", "rec" + "ieved"

WORKFLOW = """name: test
on: push
permissions: {}
jobs:
  test:
    name: test
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with:
          persist-credentials: false
      - run: echo "$HOME"
"""
BUCKET = """resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = "test"
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}
"""
# checkov: block_public_policy is off.
PUBLIC = "CKV_AWS_54"
CARGO = '[package]\nname = "small"\nversion = "0.1.0"\nedition = "2024"\nlicense = "MIT"\n'
LOCK = 'version = 4\n\n[[package]]\nname = "small"\nversion = "0.1.0"\n'
# Files without faults for the checks that need only this checkout. module-docs and compose are left out, because they
# read files of the whole repository.
GOOD = {
    ".github/workflows/test.yml": WORKFLOW,
    "Cargo.lock": LOCK,
    "Cargo.toml": CARGO,
    "README.md": "Received.\n",
    "page.py": '"""A page."""\n',
    "run.sh": '#!/bin/sh\necho "$1"\n',
    "skip.tf": f"# {SKIP}=CKV_AWS_18:the account decides\n",
    "src/lib.rs": "fn small() {}\n",
    "terraform/environments/small/main.tf": 'output "one" {\n  value = 1\n}\n',
    "terraform/modules/bucket/main.tf": BUCKET,
}


@dataclass
class Fault:
    """A file that makes one check fail, and a part of its message."""

    check: str
    file: str
    text: str
    says: str


FAULTS = [
    Fault("zizmor", ".github/workflows/pin.yml", re.sub("@[0-9a-f]{40} #", "@v7 #", WORKFLOW), "unpinned-uses"),
    Fault("actionlint", ".github/workflows/typo.yml", WORKFLOW.replace("runs-on", "run-on"), 'unexpected key "run-on"'),
    Fault("actionlint", ".github/workflows/quote.yml", WORKFLOW.replace('"$HOME"', "$HOME"), "SC2086"),
    Fault(
        "checkov", "terraform/modules/bucket/main.tf", BUCKET.replace("policy     = true", "policy     = false"), PUBLIC
    ),
    Fault(
        "terraform",
        "terraform/environments/small/main.tf",
        'output "one" {\n  value = var.two\n}\n',
        "undeclared input",
    ),
    Fault("cargo-deny", "Cargo.toml", CARGO.replace("MIT", "GPL-3.0-only"), "GPL-3.0-only"),
    Fault("rustfmt", "src/lib.rs", "fn small()  {}\n", "src/lib.rs:1"),
    Fault("shellcheck", "run.sh", "#!/bin/sh\necho $1\n", "SC2086"),
    Fault("ruff", "page.py", "import os\n", "F401"),
    Fault("ruff", "form.py", "x = 'single'\n", "form.py"),
    Fault("typos", "README.md", f"{MISSPELT.title()}.\n", "`Received`"),
    Fault("skips", "skip.tf", f"# {SKIP}=CKV_AWS_18\n", "skip.tf:1:"),
    Fault("skips", "colon.tf", f"# {SKIP}=CKV_AWS_18: \n", "colon.tf:1:"),
    Fault("skips", "word.yml", f"# {IGNORE}[unpinned-uses]\n", "word.yml:1:"),
    Fault("skips", "none.sh", f"# {DISABLE}=SC2086\n", "none.sh:1:"),
]
CHECKS = sorted({fault.check for fault in FAULTS})


def check(folder: Path, *names: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [folder / "scripts/check", *(word for name in names for word in ("--only", name))]
    environment = {**os.environ, "HEADWATER_TOOLS_DIR": TOOLS, **variables}
    environment.pop("GH_TOKEN", None)
    return subprocess.run(command, check=False, text=True, capture_output=True, env=environment)


def results(output: str) -> dict[str, str]:
    """The result of each check, from the table at the end of the output."""
    table = output.rsplit("\npart ", 1)[1].splitlines()[1:-1]
    return {row.split()[0]: row.split(maxsplit=2)[2] for row in table}


def checkout(folder: Path, faults: list[Fault]) -> Path:
    for name in ("scripts", "deny.toml", "ruff.toml", "rustfmt.toml", "typos.toml", "rust-toolchain.toml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    shutil.rmtree(folder / "scripts/__pycache__", ignore_errors=True)
    for name, text in {**GOOD, **{fault.file: fault.text for fault in faults}}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    return check(checkout(tmp_path_factory.mktemp("faulty"), FAULTS), *CHECKS)


def test_a_checkout_without_faults_passes_and_only_the_table_is_printed(tmp_path: Path) -> None:
    run = check(checkout(tmp_path, []), *CHECKS)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.startswith("\npart ")
    assert results(run.stdout) == dict.fromkeys(["tools", *CHECKS], "ok")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.check}-{fault.file}")
def test_each_fault_is_found(faulty: subprocess.CompletedProcess[str], fault: Fault) -> None:
    assert faulty.returncode == 1
    assert results(faulty.stdout)[fault.check].startswith("FAILED")
    section = faulty.stdout.split(f"\n== {fault.check}\n", 1)[1].split("\n== ", 1)[0]
    assert fault.says in section


def test_if_advisories_cannot_be_fetched_their_check_fails() -> None:
    unreachable = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "url.file:///nowhere/.insteadOf"}
    run = check(ROOT, "advisories", **unreachable, GIT_CONFIG_VALUE_0="https://github.com/")
    assert run.returncode == 1
    assert "NOT CHECKED for known vulnerabilities" in run.stdout


@pytest.mark.parametrize("arguments", [["--only"], ["--only", "everything"], ["--all"]])
def test_an_unknown_argument_is_refused_with_the_usage(arguments: list[str]) -> None:
    run = subprocess.run([ROOT / "scripts/check", *arguments], check=False, text=True, capture_output=True)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("Usage: scripts/check")


def test_every_check_is_explained_in_the_help() -> None:
    listed = re.search(r"^checks=\((.*)\)$", (ROOT / "scripts/check").read_text(), re.MULTILINE)
    assert listed
    usage = subprocess.run([ROOT / "scripts/check", "--help"], check=True, text=True, capture_output=True).stdout
    explained = re.findall(r"^    (\S+) {2,}\S", usage, re.MULTILINE)
    assert sorted(explained) == sorted(listed.group(1).split())
