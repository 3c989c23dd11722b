"""scripts/bootstrap in an empty account, and in an account with the state bucket of an earlier scripts/deploy."""

import json
import shutil
import subprocess
from pathlib import Path

import boto3
import pytest

from deployment import ROOT, child_environment
from mock.server import ACCOUNT, Mock

pytestmark = pytest.mark.skipif(shutil.which("aws") is None, reason="needs the AWS command line (aws)")

GITHUB = 'github = {\n  repository = "acme/headwater"\n}\n'


class Checkout:
    """A copy of the files of the repository that scripts/bootstrap needs."""

    def __init__(self, folder: Path, mock: Mock) -> None:
        self.folder, self.mock = folder, mock
        for part in ("scripts", "terraform/deployer", "terraform/modules/tls_only", "terraform/environments/bootstrap"):
            shutil.copytree(
                ROOT / part, folder / part, ignore=shutil.ignore_patterns(".terraform", "*.tfstate", ".*_cache")
            )
        self.environment = folder / "terraform/environments/bootstrap"
        # The host names of buckets do not resolve, so their names are in the path of a URL.
        provider = 'provider "aws" {\n  s3_use_path_style = true\n  max_retries       = 2\n}\n'
        (self.environment / "mock_override.tf").write_text(provider)

    def run(self, region: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs scripts/bootstrap without questions. Its access key separates its calls from those of deployments."""
        environment = child_environment(self.folder / "data", self.mock.url) | {"AWS_ACCESS_KEY_ID": "bootstrap"}
        command = [self.folder / "scripts/bootstrap", "--region", region, "--yes", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def client(self, service: str, region: str):  # noqa: ANN201 # boto3 has no types
        """A boto3 client of the account."""
        keys = {"aws_access_key_id": "tests", "aws_secret_access_key": "tests"}
        return boto3.client(service, region, endpoint_url=self.mock.url, **keys)


@pytest.fixture
def checkout(mock: Mock, tmp_path: Path) -> Checkout:
    """A new checkout for each test."""
    return Checkout(tmp_path, mock)


def test_an_account_gets_its_bucket_and_the_roles_of_the_workflow(checkout: Checkout) -> None:
    settings = checkout.folder / "github.tfvars"
    settings.write_text(GITHUB)
    done = checkout.run("eu-central-1", "--tfvars", str(settings))
    assert done.returncode == 0, done.stdout + done.stderr

    bucket, files = f"headwater-state-{ACCOUNT}-eu-central-1", checkout.client("s3", "eu-central-1")
    assert files.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert all(files.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    assert files.get_object(Bucket=bucket, Key="bootstrap/headwater.tfstate")["ContentLength"] > 1000
    assert not list(checkout.environment.glob("*.tfstate*")), "the state lies in the bucket alone"

    roles = checkout.client("iam", "eu-central-1")
    for role in ("plan", "apply"):
        name = f"github-headwater-{role}-eucentral1"
        assert f"role/{name}" in done.stdout, "the workflow's variables are said"
        assert 1 < len(roles.list_attached_role_policies(RoleName=name)["AttachedPolicies"]) <= 10
    again = checkout.run("eu-central-1", "--tfvars", str(settings))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "No changes" in again.stdout


def test_the_bucket_of_an_earlier_deployment_is_adopted_with_its_states(checkout: Checkout) -> None:
    bucket, files = f"headwater-state-{ACCOUNT}-eu-west-1", checkout.client("s3", "eu-west-1")
    files.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    files.put_object(Bucket=bucket, Key="headwater/headwater-dev.tfstate", Body=json.dumps({"serial": 7}))
    planned = checkout.run("eu-west-1", "--plan")
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert not list(checkout.environment.glob("*.tfstate*")), "a plan leaves nothing behind"

    done = checkout.run("eu-west-1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(files.get_object(Bucket=bucket, Key="headwater/headwater-dev.tfstate")["Body"].read()) == {
        "serial": 7
    }
    assert files.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert "headwater-state" in done.stdout
