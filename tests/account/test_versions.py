"""Terraform and the steps of scripts/deploy in one account: new versions wait until they are tested, and a rollback
makes the old versions serve again."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from moto.awslambda.models import LambdaFunction

from conftest import Account
from deployment import ROOT
from test_deployment import changed

pytestmark = pytest.mark.skipif(shutil.which("aws") is None, reason="needs the AWS command line (aws)")

Step = Callable[..., subprocess.CompletedProcess[str]]

# Types that an apply changes if it only moves aliases. It also writes the stack file of the host.
MOVES = {"aws_lambda_alias", "aws_s3_object"}


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every function answer like one that works. The mock runs no code."""
    answer = {"statusCode": 200, "batchItemFailures": [], "failed_count": 0, "produced": 0}
    monkeypatch.setattr(LambdaFunction, "_invoke_lambda", lambda *_, **__: (json.dumps(answer), False, ""))


@pytest.fixture
def delivery(account: Account, tmp_path: Path) -> Iterator[Step]:
    """Runs a step as scripts/deploy does, with the current outputs."""
    # This uses `sys.executable`: the python3 of a version manager would put its own folder, with another aws, first.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "AWS_ENDPOINT_URL": account.mock.url,
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": "tests",
        "AWS_CONFIG_FILE": os.devnull,
        "PYTHONPATH": str(ROOT / "scripts"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HEADWATER_PAUSE": "0",
    }

    def step(name: str, *more: str) -> subprocess.CompletedProcess[str]:
        outputs = tmp_path / "stack.json"
        outputs.write_text(json.dumps(account.outputs))
        command = [sys.executable, "-m", "delivery", name, "--stack", str(outputs), *more]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    yield step
    # Deletes the records of releases, because the destroy cannot delete a bucket with objects.
    files = account.client("s3")
    bucket = account.outputs["deployment_bucket"]["value"]
    for version in files.list_object_versions(Bucket=bucket, Prefix="releases/").get("Versions", []):
        files.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])


def live(account: Account) -> dict[str, str]:
    """The version that the alias `live` of each function points to, by folder name."""
    client = account.client("lambda")
    names = account.outputs["functions"]["value"]
    return {
        folder: client.get_alias(FunctionName=name, Name="live")["FunctionVersion"] for folder, name in names.items()
    }


def next_versions(now: dict[str, str]) -> dict[str, str]:
    """The next version of each function."""
    return {folder: str(int(version) + 1) for folder, version in now.items()}


def test_new_versions_are_tested_then_serve_and_can_be_rolled_back(
    account: Account, delivery: Step, healthy: None, tmp_path: Path
) -> None:
    before = tmp_path / "before.json"
    old = live(account)
    noted = delivery("note", "--before", str(before))
    assert noted.returncode == 0, noted.stderr
    assert json.loads(noted.stdout) == old
    assert delivery("record").returncode == 0

    # The apply publishes new versions, but moves no alias.
    account.deployment.write_code("beside")
    account.apply(held_versions=json.loads(noted.stdout))
    assert live(account) == old
    tested = delivery("test")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    for folder, version in next_versions(old).items():
        said = "not tested: " if folder in ("forecast-fetcher", "reconciler") else "ok: "
        assert f"  {folder} {version}: {said}" in tested.stdout

    # The second plan only moves aliases.
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(account.plan(held_versions={})))
    guard = [ROOT / "scripts/plan-guard", "--only-aliases", plan]
    done = subprocess.run(guard, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    account.apply()
    assert live(account) == next_versions(old)
    assert delivery("record").returncode == 0

    # One command rolls back. The next plan of Terraform would move the aliases forward again.
    rolled = delivery("rollback", "--yes")
    assert rolled.returncode == 0, rolled.stdout + rolled.stderr
    assert live(account) == old
    forward = changed(account.plan())
    assert {address.split(".")[-2] for address in forward} - MOVES == set(), forward.keys()
    account.apply()
    assert live(account) == next_versions(old)


def test_after_a_failure_the_old_versions_serve_again(account: Account, delivery: Step, tmp_path: Path) -> None:
    before = tmp_path / "before.json"
    assert delivery("note", "--before", str(before)).returncode == 0
    old = live(account)
    account.deployment.write_code("broken")
    account.apply(held_versions=old)
    # Without `healthy`, every function answers null.
    tested = delivery("test")
    assert tested.returncode == 1 and "telemetry-gateway" in tested.stderr
    account.apply(held_versions={})
    assert live(account) == next_versions(old)
    restored = delivery("restore", "--before", str(before))
    assert restored.returncode == 0, restored.stderr
    assert live(account) == old and "as before the deployment" in restored.stderr
    account.apply()


def test_a_rollback_without_an_earlier_release_is_refused(account: Account, delivery: Step) -> None:
    rolled = delivery("rollback", "--yes")
    assert rolled.returncode == 1
    assert "there is no release before" in rolled.stderr and "fix: " in rolled.stderr
