"""scripts/deploy, up to where AWS and Terraform begin: both are played by small programs that note how they are called.
Terraform itself reads the settings."""

import itertools
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TERRAFORM = shutil.which("terraform")
pytestmark = pytest.mark.skipif(TERRAFORM is None, reason="needs Terraform, which reads the settings")

AWS = """
echo "aws $*" >>"$CALLS"
case "$*" in
  *get-caller-identity*) [ -z "$NO_CREDENTIALS" ] || { echo "the token has expired" >&2; exit 1; }; echo 111122223333 ;;
  *get-account-settings*) echo "${QUOTA:-1000}" ;;
  *head-bucket*) [ -z "$BUCKET" ] || { echo "An error occurred ($BUCKET) when calling HeadBucket" >&2; exit 1; } ;;
  *get-bucket-versioning*) echo "${VERSIONING:-None}" ;;
esac
"""
# `show` prints the plan for `headwater cost`, `output` a value.
TERRAFORM_STUB = """
case "$*" in
  *console* | version*) exec "$TERRAFORM" "$@" ;;
esac
echo "terraform $*" >>"$CALLS"
[ ! -f "$ENVIRONMENT/backend_override.tf" ] || echo "local state" >>"$CALLS"
case "$*" in
  *show*) echo '{"planned_values": {"root_module": {}}}' ;;
  *output*urls*) echo '{"live-board": "https://board.example"}' ;;
  *output*) echo '"something"' ;;
esac
"""
CARGO_LAMBDA = """
echo "cargo-lambda $*" >>"$CALLS"
for word; do
  [ "$before" != --lambda-dir ] || folder=$word
  [ "$before" != -p ] || { mkdir -p "$folder/$word" && touch "$folder/$word/bootstrap.zip"; }
  before=$word
done
"""


class Checkout:
    """A copy of what scripts/deploy needs, and the zips."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls_file, self.zips = folder, folder / "calls", folder / "zips"
        self.environment = folder / "terraform/environments/aws"
        shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__", ".*"))
        shutil.copytree(
            ROOT / "terraform/environments/aws", self.environment, ignore=shutil.ignore_patterns(".terraform*")
        )
        shutil.copy(ROOT / "terraform/README.md", folder / "terraform")
        self.zips.mkdir()
        for function in (ROOT / "functions").iterdir():
            (folder / "functions" / function.name).mkdir(parents=True)
            (self.zips / f"{function.name}.zip").touch()
        (folder / "bin").mkdir()
        self.program("bin/aws", AWS)
        self.program("bin/terraform", TERRAFORM_STUB)
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
        """A toolchain, and in the place of cargo-lambda something that makes a zip for each package."""
        for name in ("cargo", "cc"):
            self.program(f"bin/{name}", "")
        self.program("bin/rustup", f"echo {targets}")
        self.program("scripts/cargo-lambda", CARGO_LAMBDA)
        self.program("scripts/host-tools", 'touch "$1/host-tools.tar.gz"')

    def deploy(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        given = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": os.environ["HOME"],
            "CALLS": str(self.calls_file),
            "ENVIRONMENT": str(self.environment),
            "TERRAFORM": str(TERRAFORM),
            **environment,
        }
        command = [self.folder / "scripts/deploy", *arguments]
        return subprocess.run(command, env=given, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def with_zips(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        return self.deploy("--artifacts", str(self.zips), "--yes", *arguments, **environment)

    def calls(self, *words: str) -> list[str]:
        lines = self.calls_file.read_text().splitlines() if self.calls_file.exists() else []
        return [line for line in lines if all(word in line for word in words)]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def refused(result: subprocess.CompletedProcess, *words: str) -> bool:
    fix = result.stderr.rpartition("fix: ")[2]
    return result.returncode == 1 and all(word in result.stderr for word in words) and bool(fix.strip())


def test_help_has_examples_that_a_newcomer_can_copy(checkout: Checkout) -> None:
    result = checkout.deploy("--help")
    assert result.returncode == 0
    assert "AWS_PROFILE=dev scripts/deploy --plan" in result.stdout


def test_an_unknown_option_is_refused(checkout: Checkout) -> None:
    assert checkout.deploy("--plam").returncode == 2
    assert checkout.deploy("--tfvars").returncode == 2


def test_everything_goes_through_in_one_go(checkout: Checkout) -> None:
    result = checkout.with_zips(BUCKET="404")
    assert result.returncode == 0, result.stderr
    assert [call.split()[2] for call in checkout.calls("terraform -chdir")][:4] == ["init", "plan", "show", "apply"]
    assert "is deployed" in result.stdout and "live-board: https://board.example" in result.stdout


def test_what_is_made_its_time_and_its_cost_are_said_before_anything_is_asked_of_aws(checkout: Checkout) -> None:
    result = checkout.deploy("--artifacts", str(checkout.zips))
    assert refused(result, "there is no terminal", "--yes")
    for words in ("an MSK cluster", "most of an hour", "a month while nothing flows"):
        assert words in result.stdout
    assert not checkout.calls("s3api") and not checkout.calls("terraform -chdir")


def test_the_command_itemises_the_costs_of_the_profile_and_of_the_plan_where_it_is_built(checkout: Checkout) -> None:
    checkout.program("bin/headwater", 'echo "headwater $*" >>"$CALLS"')
    assert checkout.with_zips(HEADWATER_BIN=str(checkout.folder / "bin/headwater")).returncode == 0
    profile, plan = checkout.calls("headwater cost")
    assert profile == "headwater cost dev" and plan.startswith("headwater cost --plan ")


@pytest.mark.parametrize("profile", ["dev", "prod"])
def test_without_the_command_the_page_says_what_a_profile_costs(checkout: Checkout, profile: str) -> None:
    checkout.settings(f'profile = "{profile}"')
    for zipped in ("headwater.zip", "host-tools.tar.gz"):
        (checkout.zips / zipped).touch()
    sums = re.search(r"^\| \*\*a month\*\* .*$", (ROOT / "terraform/README.md").read_text(), re.MULTILINE)
    amount = re.findall(r"\*\*(\$\d+)\*\*", sums[0])[profile == "prod"]
    said = checkout.with_zips("--plan", BUCKET="404").stdout
    assert f"Profile {profile}: {amount} a month while nothing flows" in said
    assert f"scripts/headwater cost {profile}" in said


def test_missing_settings_are_refused_with_the_command_that_makes_them(checkout: Checkout) -> None:
    (checkout.environment / "terraform.tfvars").unlink()
    assert refused(checkout.deploy(), "there is no settings file", "cp ")


def test_a_setting_that_does_not_exist_is_refused(checkout: Checkout) -> None:
    """Terraform only warns of it, and the default stays in place."""
    checkout.settings('alarm_email = ["a@b.example"]')
    assert refused(checkout.with_zips(), "alarm_email")


def test_a_value_that_terraform_refuses_is_refused_before_anything_is_built(checkout: Checkout) -> None:
    checkout.settings('environment = "production"')
    assert refused(checkout.with_zips(), "environment has 1 to 8")


def test_a_region_is_asked_for(checkout: Checkout) -> None:
    checkout.write("terraform/environments/aws/terraform.tfvars", 'alarm_emails = ["a@b.example"]\n')
    assert refused(checkout.with_zips(), "region")


def test_settings_of_two_deployments_are_not_mixed(checkout: Checkout) -> None:
    """Terraform reads terraform.tfvars of its folder whatever other file is named."""
    other = checkout.write("prod.tfvars", 'region = "eu-central-1"\n')
    assert refused(checkout.with_zips("--tfvars", str(other)), "settings of both would be mixed")


def test_expired_credentials_are_refused_with_the_way_to_sign_in(checkout: Checkout) -> None:
    assert refused(checkout.with_zips(NO_CREDENTIALS="yes"), "the token has expired", "aws sso login")


def test_zips_that_are_missing_are_named(checkout: Checkout) -> None:
    (checkout.zips / "parquet-writer.zip").unlink()
    assert refused(checkout.with_zips(), "lacks parquet-writer.zip")


def test_the_build_names_every_function_and_nothing_else(checkout: Checkout) -> None:
    """Without names cargo-lambda packs the command as a function too."""
    checkout.can_build()
    result = checkout.deploy("--yes")
    assert result.returncode == 0, result.stderr
    (build,) = checkout.calls("cargo-lambda build")
    packages = [name for option, name in itertools.pairwise(build.split()) if option == "-p"]
    assert packages == sorted(function.name for function in (ROOT / "functions").iterdir())
    assert "--arm64" in build
    assert checkout.calls(" plan ", f"artifacts_dir={checkout.folder / 'target/zips'}")


def test_the_build_has_the_command_and_its_tools_where_there_is_a_host(checkout: Checkout) -> None:
    checkout.can_build()
    host = 'variable "host" {\n  type = object({ enabled = optional(bool) })\n  default = {}\n}\n'
    checkout.write("terraform/environments/aws/variables_host.tf", host)
    checkout.settings('environment = "prod"')
    result = checkout.deploy("--yes")
    assert result.returncode == 0, result.stderr
    assert checkout.calls("cargo-lambda build", "-p headwater ")
    assert {"headwater.zip", "host-tools.tar.gz"} <= {file.name for file in (checkout.folder / "target/zips").iterdir()}


def test_a_toolchain_that_cannot_build_for_arm64_is_refused(checkout: Checkout) -> None:
    checkout.can_build(targets="x86_64-unknown-linux-gnu")
    assert refused(checkout.deploy("--yes"), "rustup target add aarch64-unknown-linux-gnu")


@pytest.mark.parametrize(("region", "location"), [("us-east-1", False), ("eu-central-1", True)])
def test_the_state_bucket_is_made_in_every_region(checkout: Checkout, region: str, location: bool) -> None:
    """S3 refuses us-east-1 as a location, and every other region without one."""
    checkout.settings(region=region)
    assert checkout.with_zips(BUCKET="404").returncode == 0
    (made,) = checkout.calls("create-bucket")
    assert f"--bucket headwater-state-111122223333-{region}" in made
    assert (f"LocationConstraint={region}" in made) == location


def test_a_state_bucket_that_was_left_half_made_is_finished(checkout: Checkout) -> None:
    assert checkout.with_zips().returncode == 0
    assert not checkout.calls("create-bucket")
    protection = [call.split()[2] for call in checkout.calls("s3api put-")]
    assert protection == ["put-public-access-block", "put-bucket-encryption", "put-bucket-versioning"]


def test_a_state_bucket_that_is_there_is_left_alone(checkout: Checkout) -> None:
    assert checkout.with_zips(VERSIONING="Enabled").returncode == 0
    assert not checkout.calls("s3api put-") and not checkout.calls("create-bucket")


def test_a_bucket_of_somebody_else_is_refused(checkout: Checkout) -> None:
    assert refused(checkout.with_zips(BUCKET="403"), "headwater-state-111122223333-eu-central-1", "--backend-config")
    assert not checkout.calls("create-bucket") and not checkout.calls("terraform -chdir")


def test_each_environment_has_a_state_of_its_own(checkout: Checkout) -> None:
    """Terraform remembers the last backend of a folder, and would offer to move its state."""
    for environment in ("dev", "prod"):
        checkout.settings(f'environment = "{environment}"')
        if environment == "prod":
            (checkout.zips / "headwater.zip").touch()
            (checkout.zips / "host-tools.tar.gz").touch()
        assert checkout.with_zips().returncode == 0
        assert checkout.calls(" init -reconfigure", f"key=headwater/headwater-{environment}.tfstate")


def test_a_backend_of_ones_own_is_used_and_no_bucket_is_looked_at(checkout: Checkout) -> None:
    backend = checkout.write("mine.tfbackend", 'bucket = "mine"\n')
    assert checkout.with_zips("--backend-config", str(backend)).returncode == 0
    assert checkout.calls(" init ", f"-backend-config={backend}")
    assert not checkout.calls("s3api")


def test_a_plan_changes_nothing(checkout: Checkout) -> None:
    result = checkout.deploy("--plan", "--artifacts", str(checkout.zips), BUCKET="404")
    assert result.returncode == 0, result.stderr  # and so it asks nothing either
    assert not checkout.calls("create-bucket") and not checkout.calls("put-") and not checkout.calls(" apply ")
    assert checkout.calls("local state") and not (checkout.environment / "backend_override.tf").exists()


def test_a_plan_of_what_is_deployed_reads_its_state(checkout: Checkout) -> None:
    assert checkout.with_zips("--plan").returncode == 0
    assert checkout.calls(" init ", "bucket=headwater-state-111122223333-eu-central-1")
    assert not checkout.calls("local state") and not checkout.calls("put-")


def test_the_quota_of_a_new_account_is_said_with_the_way_to_raise_it(checkout: Checkout) -> None:
    result = checkout.with_zips(QUOTA="10")
    assert "only 10 invocations at once" in result.stdout
    assert "--quota-code L-B99A9384" in result.stdout
    assert "invocations at once" not in checkout.with_zips().stdout


def test_destroy_explains_and_removes_nothing(checkout: Checkout) -> None:
    result = checkout.deploy("destroy")
    assert result.returncode == 0
    assert "allow_destroy = true" in result.stdout and "terraform -chdir=" in result.stdout
    assert not checkout.calls("aws") and not checkout.calls("terraform")
