"""A copy of environments/aws in its own folder, with a local state and the endpoint of the mock."""

import io
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-central-1"

# Settings that are no variables. The state is in a local file. The names of buckets are in the path of a URL, because
# their host names do not resolve. The default of 25 attempts is lowered, so that a call that the mock does not know
# fails soon.
OVERRIDE = """
terraform {
  backend "local" {}
}

provider "aws" {
  s3_use_path_style = true
  max_retries       = 2
}
"""


class Deployment:
    """A copy of the files of a deployment. Calling it runs Terraform."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.folder = folder
        self.environment = folder / "terraform" / "environments" / "aws"
        self.pipelines = folder / "pipelines"
        self.artifacts = folder / "zips"
        self._environment = child_environment(folder / "data", endpoint)

        ours = ROOT / "terraform" / "environments" / "aws"
        shutil.copytree(ours, self.environment, ignore=shutil.ignore_patterns(".terraform"))
        (self.environment / "mock_override.tf").write_text(OVERRIDE)
        shutil.copytree(ROOT / "pipelines", self.pipelines)
        (folder / "terraform" / "modules").symlink_to(ROOT / "terraform" / "modules")
        for beside in ("emr", "crates"):
            (folder / beside).symlink_to(ROOT / beside)
        self.write_code("first")
        done = self("init", "-input=false", "-no-color")
        assert done.returncode == 0, done.stderr

    def write_code(self, text: str) -> None:
        """Writes a zip for every function and for the host. A different text makes different zips."""
        self.artifacts.mkdir(exist_ok=True)
        for function in sorted((ROOT / "functions").iterdir()):
            if (function / "Cargo.toml").is_file():
                content = io.BytesIO()
                with zipfile.ZipFile(content, "w") as archive:
                    archive.writestr(zipfile.ZipInfo("bootstrap"), f"{function.name}: {text}")
                (self.artifacts / f"{function.name}.zip").write_bytes(content.getvalue())
        for of_the_host in ("headwater.zip", "host-tools.tar.gz"):
            (self.artifacts / of_the_host).write_text(f"{of_the_host}: {text}")

    def __call__(self, verb: str, *arguments: str, phase: str = "plan") -> subprocess.CompletedProcess[str]:
        """Runs Terraform. The mock records its calls under the phase."""
        command = ["terraform", f"-chdir={self.environment}", verb, *arguments]
        environment = self._environment | {"AWS_ACCESS_KEY_ID": phase}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def arguments(variables: dict[str, Any]) -> list[str]:
    """The values of variables as arguments of Terraform."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in variables.items()}
    return [f"-var={name}={text}" for name, text in texts.items()]


def child_environment(data: Path, endpoint: str) -> dict[str, str]:
    """The environment of Terraform, without the credentials and settings of the user who runs the tests."""
    theirs = ("AWS_", "TF_VAR_", "TF_CLI_ARGS", "TF_WORKSPACE")
    return {name: value for name, value in os.environ.items() if not name.startswith(theirs)} | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "TF_DATA_DIR": str(data),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
    }
