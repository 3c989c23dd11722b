"""scripts/deploy with a stand-in for AWS and Terraform, which records its calls (fake_account.py). The real Terraform
reads the settings. test_versions.py tests the versions of the functions."""

import itertools
import re

import pytest

from checkout import ROOT, TERRAFORM, Checkout, refused

pytestmark = pytest.mark.skipif(TERRAFORM is None, reason="needs Terraform, which reads the settings")


def test_help_has_examples_that_a_newcomer_can_copy(checkout: Checkout) -> None:
    result = checkout.deploy("--help")
    assert result.returncode == 0
    assert "AWS_PROFILE=dev scripts/deploy --plan" in result.stdout


def test_an_unknown_option_is_refused(checkout: Checkout) -> None:
    assert checkout.deploy("--plam").returncode == 2
    assert checkout.deploy("--tfvars").returncode == 2


def test_one_command_plans_applies_and_prints_the_urls(checkout: Checkout) -> None:
    result = checkout.with_zips()
    assert result.returncode == 0, result.stderr
    verbs = [call.split()[2] for call in checkout.calls("terraform -chdir")]
    assert verbs[:6] == ["init", "output", "plan", "show", "apply", "output"]
    assert "is deployed" in result.stdout and "live-board: https://board.example" in result.stdout


def test_resources_time_and_cost_are_printed_before_any_call_of_aws(checkout: Checkout) -> None:
    result = checkout.deploy("--artifacts", str(checkout.zips))
    assert refused(result, "there is no terminal", "--yes")
    for words in ("an MSK cluster", "most of an hour", "a month without records"):
        assert words in result.stdout
    assert not checkout.calls("s3api") and not checkout.calls("terraform -chdir")


def test_if_the_command_is_built_it_itemises_the_costs_of_the_profile_and_of_the_plan(checkout: Checkout) -> None:
    checkout.program("bin/headwater", 'echo "headwater $*" >>"$CALLS"')
    assert checkout.with_zips(HEADWATER_BIN=str(checkout.folder / "bin/headwater")).returncode == 0
    profile, plan = checkout.calls("headwater cost")
    assert profile == "headwater cost dev" and plan.startswith("headwater cost --plan ")


@pytest.mark.parametrize("profile", ["dev", "prod"])
def test_without_the_command_the_cost_of_a_profile_comes_from_the_price_list(checkout: Checkout, profile: str) -> None:
    checkout.settings(f'profile = "{profile}"')
    for zipped in ("headwater.zip", "host-tools.tar.gz"):
        (checkout.zips / zipped).touch()
    sums = re.search(r"^\| \*\*a month\*\* .*$", (ROOT / "terraform/README.md").read_text(), re.MULTILINE)
    amount = re.findall(r"\*\*(\$\d+)\*\*", sums[0])[profile == "prod"]
    said = checkout.with_zips("--plan", BUCKET="404").stdout
    assert f"Profile {profile}: {amount} a month without records" in said
    assert f"scripts/headwater cost {profile}" in said


def test_missing_settings_are_refused_with_the_command_that_creates_them(checkout: Checkout) -> None:
    (checkout.environment / "terraform.tfvars").unlink()
    assert refused(checkout.deploy(), "there is no settings file", "cp ")


def test_a_setting_that_does_not_exist_is_refused(checkout: Checkout) -> None:
    """Terraform only warns about it and uses the default."""
    checkout.settings('alarm_email = ["a@b.example"]')
    assert refused(checkout.with_zips(), "alarm_email")


def test_a_value_that_terraform_refuses_is_refused_before_anything_is_built(checkout: Checkout) -> None:
    checkout.settings('environment = "production"')
    assert refused(checkout.with_zips(), "environment must have 1 to 8")


def test_settings_without_a_region_are_refused(checkout: Checkout) -> None:
    checkout.write("terraform/environments/aws/terraform.tfvars", 'alarm_emails = ["a@b.example"]\n')
    assert refused(checkout.with_zips(), "region")


def test_settings_of_two_deployments_are_not_mixed(checkout: Checkout) -> None:
    """Terraform always reads terraform.tfvars in its folder, also if another file is given."""
    other = checkout.write("prod.tfvars", 'region = "eu-central-1"\n')
    assert refused(checkout.with_zips("--tfvars", str(other)), "Terraform would mix the settings of both")


def test_expired_credentials_are_refused_with_the_way_to_sign_in(checkout: Checkout) -> None:
    assert refused(checkout.with_zips(NO_CREDENTIALS="yes"), "the token has expired", "aws sso login")


def test_zips_that_are_missing_are_named(checkout: Checkout) -> None:
    (checkout.zips / "parquet-writer.zip").unlink()
    assert refused(checkout.with_zips(), "lacks parquet-writer.zip")


def test_the_build_names_every_function_and_nothing_else(checkout: Checkout) -> None:
    """Without names, cargo-lambda would pack the command as a function too."""
    checkout.can_build()
    result = checkout.deploy("--yes", "--watch", "0")
    assert result.returncode == 0, result.stderr
    (build,) = checkout.calls("cargo-lambda build")
    packages = [name for option, name in itertools.pairwise(build.split()) if option == "-p"]
    assert packages == sorted(function.name for function in (ROOT / "functions").iterdir())
    assert "--arm64" in build
    assert checkout.calls(" plan ", f"artifacts_dir={checkout.folder / 'target/zips'}")


def test_a_build_alone_needs_no_credentials(checkout: Checkout) -> None:
    checkout.can_build()
    result = checkout.deploy("build", NO_CREDENTIALS="yes")
    assert result.returncode == 0, result.stderr
    assert len(list((checkout.folder / "target/zips").glob("*.zip"))) == len(list((ROOT / "functions").iterdir()))
    assert not checkout.calls("aws") and not checkout.calls("terraform -chdir", " plan ")


def test_for_a_deployment_with_a_host_the_build_has_the_command_and_its_tools(checkout: Checkout) -> None:
    checkout.can_build()
    host = 'variable "host" {\n  type = object({ enabled = optional(bool) })\n  default = {}\n}\n'
    checkout.write("terraform/environments/aws/variables_host.tf", host)
    checkout.settings('environment = "prod"')
    result = checkout.deploy("--yes", "--watch", "0")
    assert result.returncode == 0, result.stderr
    assert checkout.calls("cargo-lambda build", "-p headwater ")
    assert {"headwater.zip", "host-tools.tar.gz"} <= {file.name for file in (checkout.folder / "target/zips").iterdir()}


def test_a_toolchain_that_cannot_build_for_arm64_is_refused(checkout: Checkout) -> None:
    checkout.can_build(targets="x86_64-unknown-linux-gnu")
    assert refused(checkout.deploy("--yes", "--watch", "0"), "rustup target add aarch64-unknown-linux-gnu")


def test_without_a_state_bucket_the_command_that_creates_it_is_named(checkout: Checkout) -> None:
    assert refused(
        checkout.with_zips(BUCKET="404"), "no bucket headwater-state-111122223333-eu-central-1", "scripts/bootstrap"
    )
    assert not checkout.calls("create-bucket") and not checkout.calls("terraform -chdir")


def test_a_state_bucket_of_another_account_is_refused(checkout: Checkout) -> None:
    assert refused(checkout.with_zips(BUCKET="403"), "headwater-state-111122223333-eu-central-1", "--backend-config")
    assert not checkout.calls("create-bucket") and not checkout.calls("terraform -chdir")


def test_each_environment_has_its_own_state(checkout: Checkout) -> None:
    """Terraform stores the last backend of a folder. Without -reconfigure, it would offer to move the state."""
    for environment in ("dev", "prod"):
        checkout.settings(f'environment = "{environment}"')
        if environment == "prod":
            (checkout.zips / "headwater.zip").touch()
            (checkout.zips / "host-tools.tar.gz").touch()
        assert checkout.with_zips().returncode == 0
        assert checkout.calls(" init -reconfigure", f"key=headwater/headwater-{environment}.tfstate")


def test_a_given_backend_is_used_and_no_bucket_is_checked(checkout: Checkout) -> None:
    backend = checkout.write("mine.tfbackend", 'bucket = "mine"\n')
    assert checkout.with_zips("--backend-config", str(backend)).returncode == 0
    assert checkout.calls(" init ", f"-backend-config={backend}")
    assert not checkout.calls("head-bucket")


def test_a_plan_changes_nothing(checkout: Checkout) -> None:
    result = checkout.deploy("--plan", "--artifacts", str(checkout.zips), BUCKET="404")
    assert result.returncode == 0, result.stderr  # without a terminal, a question would be an error
    assert not checkout.calls("create-bucket") and not checkout.calls("put-") and not checkout.calls(" apply ")
    assert checkout.calls("local state") and not (checkout.environment / "backend_override.tf").exists()


def test_a_plan_of_an_existing_deployment_reads_its_state(checkout: Checkout) -> None:
    assert checkout.with_zips("--plan").returncode == 0
    assert checkout.calls(" init ", "bucket=headwater-state-111122223333-eu-central-1")
    assert not checkout.calls("local state") and not checkout.calls("put-")


def test_a_low_quota_is_reported_with_the_command_that_raises_it(checkout: Checkout) -> None:
    result = checkout.with_zips(QUOTA="10")
    assert "only 10 invocations at once" in result.stdout
    assert "--quota-code L-B99A9384" in result.stdout
    assert "invocations at once" not in checkout.with_zips().stdout


def test_destroy_prints_the_steps_and_removes_nothing(checkout: Checkout) -> None:
    result = checkout.deploy("destroy")
    assert result.returncode == 0
    assert "allow_destroy = true" in result.stdout and "terraform -chdir=" in result.stdout
    assert not checkout.calls("aws") and not checkout.calls("terraform")
