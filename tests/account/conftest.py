"""Applies environments/aws once, with the real provider, to a mock of AWS's control plane. All tests use this
deployment."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest

from deployment import REGION, ROOT, Deployment, arguments
from mock.server import Mock

# An apply mostly waits: for the database, for queues, for lifecycle rules.
PARALLEL = "-parallelism=40"

EXAMPLES = sorted((ROOT / "terraform" / "examples").glob("*.tfvars"))


class Account:
    """The deployment of all tests. The tests run in the order of their files, and the destroy runs last."""

    def __init__(self, mock: Mock, folder: Path) -> None:
        self.mock = mock
        self.deployment = Deployment(folder, mock.url)
        self.variables: dict[str, Any] = {
            "region": REGION,
            "artifacts_dir": str(self.deployment.artifacts),
            "alarm_emails": ["operator@example.com"],
            "forecast": {"base_url": "https://api.example.com", "items": ["3477", "3478"]},
            # Not the newest version, so that an upgrade is possible.
            "kafka": {"kafka_version": "3.8.x"},
        }

    def run(self, verb: str, *more: str, phase: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a Terraform command that takes variables. The mock records its calls under `phase`."""
        given = arguments(self.variables)
        return self.deployment(verb, "-no-color", "-input=false", PARALLEL, *more, *given, phase=phase or verb)

    def apply(self, **changes: Any) -> None:
        """Changes variables, also for later commands, and applies."""
        self.variables |= changes
        done = self.run("apply", "-auto-approve")
        assert done.returncode == 0, done.stderr

    def plan(self, **changes: Any) -> dict[str, Any]:
        """Changes variables, also for later commands. Returns the plan as JSON."""
        self.variables |= changes
        file = self.deployment.folder / "plan"
        done = self.run("plan", f"-out={file}")
        assert done.returncode == 0, done.stderr
        return json.loads(self.deployment("show", "-json", str(file)).stdout)

    def client(self, service: str) -> Any:
        """A boto3 client of the account."""
        return boto3.client(
            service, REGION, endpoint_url=self.mock.url, aws_access_key_id="tests", aws_secret_access_key="tests"
        )

    @property
    def outputs(self) -> dict[str, Any]:
        """The outputs in the form of `terraform output -json`: each has `value`, `type` and `sensitive`."""
        return json.loads(self.deployment("output", "-json").stdout)

    def state(self) -> dict[str, Any]:
        """The state in the form of `terraform show -json`."""
        return json.loads(self.deployment("show", "-json").stdout)

    def addresses(self) -> set[str]:
        """The addresses of the resources in the state."""
        return set(self.deployment("state", "list").stdout.split())

    def calls(self) -> set[str]:
        """The calls that Terraform has made so far, as SERVICE:Operation with boto3's names.

        Handlers of Cloud Control make calls with the caller's permissions. These calls have the names of IAM actions,
        as in the handler's schema.
        """
        # The bootstrap is left out: an administrator runs it before the first deployment.
        recorded = [call for call in self.mock.recorded if call["phase"] != "bootstrap"]
        return {f"{call['service']}:{call['operation']}" for call in recorded}


@pytest.fixture(scope="session")
def mock() -> Iterator[Mock]:
    """The API of the account. If HEADWATER_ACCOUNT_CALLS is set, the calls of Terraform are written to this file."""
    server = Mock(REGION)
    yield server
    server.stop()
    if "HEADWATER_ACCOUNT_CALLS" in os.environ:
        Path(os.environ["HEADWATER_ACCOUNT_CALLS"]).write_text(json.dumps(server.recorded, indent=1))


@pytest.fixture(scope="session")
def example_plans(mock: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Path, Future]]:
    """A plan of each example for an empty account. They are made one after the other in the background, while the
    deployment waits for AWS."""

    def plan(example: Path) -> subprocess.CompletedProcess[str]:
        # The example uses clusters that exist already.
        for cluster in re.findall(r'arn:aws:kafka:[^"]+:cluster/[^"]+', example.read_text()):
            mock.msk.there_is(cluster)
        deployment = Deployment(tmp_path_factory.mktemp(example.stem), mock.url)
        given = arguments({"artifacts_dir": str(deployment.artifacts)})
        return deployment("plan", "-no-color", "-input=false", f"-var-file={example}", *given)

    with ThreadPoolExecutor(1) as pool:
        yield {example: pool.submit(plan, example) for example in EXAMPLES}


@pytest.fixture(scope="session")
def profile_plans(mock: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future]]:
    """The plan of the smallest example in each profile, for an empty account. Each result is a file with the plan as
    JSON."""
    least = ROOT / "terraform" / "examples" / "minimal.tfvars"

    def plan(profile: str) -> Path:
        deployment = Deployment(tmp_path_factory.mktemp(profile), mock.url)
        file = deployment.folder / "plan"
        given = arguments({"artifacts_dir": str(deployment.artifacts), "profile": profile})
        done = deployment("plan", "-no-color", "-input=false", f"-var-file={least}", f"-out={file}", *given)
        assert done.returncode == 0, done.stderr
        shown = deployment.folder / "plan.json"
        shown.write_text(deployment("show", "-json", str(file)).stdout)
        return shown

    with ThreadPoolExecutor(1) as pool:
        yield {profile: pool.submit(plan, profile) for profile in ("dev", "prod")}


@pytest.fixture(scope="session")
def account(mock: Mock, example_plans: dict[Path, Future], tmp_path_factory: pytest.TempPathFactory) -> Account:
    """The deployment, created in an empty account by a single apply."""
    applied = Account(mock, tmp_path_factory.mktemp("account"))
    applied.apply()
    return applied


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker of tests that also check the calls of the destroy."""
    config.addinivalue_line("markers", "after_destroy: runs after the destroy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Moves the destroy behind all tests that need the deployment, and tests with the marker behind the destroy."""
    items.sort(key=lambda item: 2 if item.get_closest_marker("after_destroy") else item.path.name == "test_destroy.py")
