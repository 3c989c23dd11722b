"""A copy of the files that scripts/deploy and scripts/rollback need, with a stand-in for `aws` and `terraform`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TERRAFORM = shutil.which("terraform")

CARGO_LAMBDA = """
echo "cargo-lambda $*" >>"$CALLS"
for word; do
  [ "$before" != --lambda-dir ] || folder=$word
  [ "$before" != -p ] || { mkdir -p "$folder/$word" && touch "$folder/$word/bootstrap.zip"; }
  before=$word
done
"""


class Checkout:
    """The copy, and empty zips of all functions."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.zips = folder, folder / "zips"
        self.calls_file, self.account_file = folder / "calls", folder / "account.json"
        self.environment = folder / "terraform/environments/aws"
        shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__", ".*"))
        shutil.copytree(
            ROOT / "terraform/environments/aws", self.environment, ignore=shutil.ignore_patterns(".terraform*")
        )
        shutil.copy(ROOT / "terraform/prices.json", folder / "terraform")
        self.zips.mkdir()
        for function in (ROOT / "functions").iterdir():
            (folder / "functions" / function.name).mkdir(parents=True)
            (self.zips / f"{function.name}.zip").touch()
        (folder / "bin").mkdir()
        for name in ("aws", "terraform"):
            shutil.copy(Path(__file__).parent / "fake_account.py", folder / "bin" / name)
            (folder / "bin" / name).chmod(0o755)
        # The python3 of a version manager would put its own folder, with another aws, before this one.
        (folder / "bin/python3").symlink_to(Path(sys.executable).resolve())
        self.settings()

    def write(self, name: str, text: str) -> Path:
        (self.folder / name).write_text(text)
        return self.folder / name

    def program(self, name: str, text: str) -> None:
        self.write(name, f"#!/bin/sh\n{text}").chmod(0o755)

    def settings(self, text: str = "", region: str = "eu-central-1") -> None:
        settings = f'region = "{region}"\nalarm_emails = ["a@b.example"]\n{text}\n'
        self.write("terraform/environments/aws/terraform.tfvars", settings)

    def can_build(self, targets: str = "aarch64-unknown-linux-gnu") -> None:
        """Adds stand-ins for a toolchain, and for cargo-lambda one that writes an empty zip for each package."""
        for name in ("cargo", "cc"):
            self.program(f"bin/{name}", "")
        self.program("bin/rustup", f"echo {targets}")
        self.program("scripts/cargo-lambda", CARGO_LAMBDA)
        self.program("scripts/host-tools", 'touch "$1/host-tools.tar.gz"')

    def run(self, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        """Runs a script with only these environment variables. They also contain the settings of the stand-in."""
        given = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": os.environ["HOME"],
            "CALLS": str(self.calls_file),
            "ACCOUNT": str(self.account_file),
            "TERRAFORM": str(TERRAFORM),
            "HEADWATER_PAUSE": "0",
            **{name: value for name, value in os.environ.items() if name.startswith("TF_CLI_")},
            **environment,
        }
        command = [self.folder / "scripts" / script, *arguments]
        return subprocess.run(command, env=given, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def deploy(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        """Runs scripts/deploy."""
        return self.run("deploy", *arguments, **environment)

    def with_zips(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        """Deploys the existing zips, without questions and without watching alarms."""
        return self.deploy("--artifacts", str(self.zips), "--yes", "--watch", "0", *arguments, **environment)

    @property
    def account(self) -> dict[str, Any]:
        """The state of the account."""
        return json.loads(self.account_file.read_text())

    def change_account(self, **changes: Any) -> None:
        """Changes the state of the account without the scripts."""
        self.account_file.write_text(json.dumps(self.account | changes))

    def calls(self, *words: str) -> list[str]:
        """The recorded calls that contain all these words."""
        lines = self.calls_file.read_text().splitlines() if self.calls_file.exists() else []
        return [line for line in lines if all(word in line for word in words)]


def refused(result: subprocess.CompletedProcess, *words: str) -> bool:
    """Whether the script failed with an error that contains all these words and a fix."""
    fix = result.stderr.rpartition("fix: ")[2]
    return result.returncode == 1 and all(word in result.stderr for word in words) and bool(fix.strip())
