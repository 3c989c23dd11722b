"""A host in a folder. Stand-ins replace the commands that its scripts call, and a folder replaces the deployment
bucket."""

import hashlib
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FILES = REPOSITORY / "terraform/modules/host/files"

STAND_INS = {
    # aws s3 cp --only-show-errors s3://bucket/code/host/NAME TARGET
    "aws": """
echo "$*" >>"$CALLS"
cp "$BUCKET/$(basename "$4")" "$5"
""",
    # The file LOCKED contains how often it fails.
    "dnf": """
echo "dnf $*" >>"$CALLS"
left=$(cat "$LOCKED")
if [ "$left" -gt 0 ]; then echo $((left - 1)) >"$LOCKED"; exit 1; fi
shift
for package; do case $package in --*) ;; *) touch "$PACKAGES/$package" ;; esac; done
""",
    "rpm": """
shift 2
test -e "$PACKAGES/$1"
""",
}


class Host:
    """The files and commands that the scripts use, and the calls that they made."""

    def __init__(self, folder: Path) -> None:
        self.root, self.bucket, self.commands = folder / "root", folder / "bucket", folder / "commands"
        self.calls, self.locked, self.packages = folder / "calls", folder / "locked", folder / "packages"
        for path in (
            self.root / "etc/headwater",
            self.bucket,
            self.commands,
            self.packages,
            self.root / "etc/pki/tls/certs",
        ):
            path.mkdir(parents=True)
        self.locked.write_text("0")
        self.calls.touch()
        for name, body in STAND_INS.items():
            self.command(name, body)
        (self.root / "etc/headwater/source").write_text("HEADWATER_SOURCE=s3://bucket/code/host\nHEADWATER_REGION=eu-central-1\n")
        (self.root / "etc/pki/tls/certs/ca-bundle.crt").write_text("the system's authorities\n")
        self.script = self.root / "usr/local/sbin/headwater-update"
        self.script.parent.mkdir(parents=True)
        shutil.copy(FILES / "headwater-update", self.script)

    def command(self, name: str, body: str) -> None:
        path = self.commands / name
        path.write_text(f"#!/usr/bin/env bash\nset -euo pipefail\n{body}")
        path.chmod(0o755)

    def deploy(self, **files: str | bytes) -> None:
        """Writes files into the bucket (`_` in a name stands for `.`), and a manifest of all files in it."""
        for name, content in files.items():
            content = content.encode() if isinstance(content, str) else content
            (self.bucket / name.replace("_", ".")).write_bytes(content)
        names = sorted(path.name for path in self.bucket.iterdir() if path.name != "manifest")
        lines = [f"{hashlib.sha256((self.bucket / name).read_bytes()).hexdigest()} {name}\n" for name in names]
        (self.bucket / "manifest").write_text("".join(lines))

    def deploy_command(self, content: str) -> None:
        with zipfile.ZipFile(self.bucket / "headwater.zip", "w") as archive:
            archive.writestr("bootstrap", content)
        self.deploy()

    def run(self, program: str | Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        places = {"CALLS": self.calls, "LOCKED": self.locked, "PACKAGES": self.packages, "BUCKET": self.bucket}
        variables = {name: str(path) for name, path in places.items()} | {
            "HEADWATER_ROOT": str(self.root),
            "HEADWATER_PAUSE": "0",
        }
        path = f"{self.commands}:{os.environ['PATH']}"
        return subprocess.run(
            [str(program), *arguments],
            env={"PATH": path, "HOME": str(self.root), **variables, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def update(self) -> subprocess.CompletedProcess[str]:
        return self.run(self.script)

    def read(self, path: str) -> str:
        return (self.root / path).read_text()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)
