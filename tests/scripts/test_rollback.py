"""scripts/rollback: makes the versions of an earlier release serve again."""

import json
import subprocess

import pytest

from checkout import TERRAFORM, Checkout, refused

pytestmark = pytest.mark.skipif(TERRAFORM is None, reason="needs Terraform, which reads the settings")

FUNCTIONS = ("parquet-writer", "schema-migrator", "telemetry-gateway", "totals-upserter")


def versions(number: int, **others: str) -> dict[str, str]:
    """Versions by function: `number` for each, except those in `others`."""
    return {function: str(number) for function in FUNCTIONS} | {name.replace("_", "-"): v for name, v in others.items()}


@pytest.fixture(scope="module")
def account_of_third(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The account after three releases. The third one changed one function."""
    checkout = Checkout(tmp_path_factory.mktemp("third"))
    for changed in ("", "", "parquet-writer"):
        result = checkout.with_zips(CHANGED=changed)
        assert result.returncode == 0, result.stderr
    assert checkout.account["live"] == versions(2, parquet_writer="3")
    return checkout.account_file.read_text()


@pytest.fixture
def third(checkout: Checkout, account_of_third: str) -> Checkout:
    """A checkout with that account."""
    checkout.account_file.write_text(account_of_third)
    return checkout


def rollback(checkout: Checkout, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Runs the script without questions."""
    return checkout.run("rollback", "--yes", *arguments, **environment)


def test_the_previous_release_serves_again(third: Checkout) -> None:
    result = rollback(third)
    assert result.returncode == 0, result.stderr
    assert third.account["live"] == versions(2)
    assert [call.split()[-1] for call in third.calls("update-alias")] == ["2"], "only what differs is moved"


def test_the_versions_before_and_after_are_shown(third: Checkout) -> None:
    lines = [line.split() for line in rollback(third).stdout.splitlines()]
    assert ["parquet-writer", "3", "2"] in lines
    assert ["totals-upserter", "2", "stays"] in lines


def test_two_rollbacks_go_back_two_releases(third: Checkout) -> None:
    """The second rollback must not return to the newest release."""
    assert rollback(third).returncode == 0
    assert rollback(third).returncode == 0
    assert third.account["live"] == versions(1)


def test_a_rollback_of_the_first_release_is_refused(checkout: Checkout) -> None:
    assert checkout.with_zips().returncode == 0
    result = rollback(checkout)
    assert refused(result, "there is no release before the one that serves", "--to-release FILE")
    assert checkout.account["live"] == versions(1)


def test_a_rollback_without_a_deployment_is_refused(checkout: Checkout) -> None:
    assert refused(rollback(checkout), "there is no deployment with versions to roll back", "scripts/deploy")


def test_a_release_can_be_chosen_by_its_name(third: Checkout) -> None:
    listed = rollback(third, "--list").stdout.split("\n")
    assert listed[2].endswith("serves") and not third.calls("update-alias")
    assert rollback(third, "--to-release", listed[0].split()[0]).returncode == 0
    assert third.account["live"] == versions(1)


def test_a_file_can_name_the_versions(third: Checkout) -> None:
    file = third.write("mine.json", json.dumps({"versions": {"totals-upserter": "1", "removed-function": "4"}}))
    result = rollback(third, "--to-release", str(file))
    assert result.returncode == 0, result.stderr
    assert third.account["live"] == versions(2, parquet_writer="3", totals_upserter="1")
    assert "is not deployed any more" in result.stdout


@pytest.mark.parametrize("text", ["[]", "{}", '{"versions": {"parquet-writer": "$LATEST"}}', "versions"])
def test_a_file_that_is_no_release_is_refused(third: Checkout, text: str) -> None:
    file = third.write("mine.json", text)
    assert refused(rollback(third, "--to-release", str(file)), "is not the record of a release")


def test_a_release_that_does_not_exist_is_refused(third: Checkout) -> None:
    assert refused(rollback(third, "--to-release", "yesterday"), "neither a release nor a file", "--list")


def test_versions_that_were_deleted_are_named_and_nothing_moves(third: Checkout) -> None:
    third.change_account(gone=["parquet-writer 2"])
    assert refused(rollback(third), "parquet-writer 2", "git checkout COMMIT")
    assert not third.calls("update-alias")


def test_a_release_that_fails_its_smoke_test_is_an_error(third: Checkout) -> None:
    result = rollback(third, SMOKE="parquet-writer")
    assert result.returncode == 1 and "parquet-writer 2: it failed" in result.stderr
    assert third.account["live"] == versions(2)


def test_without_a_terminal_nothing_moves(third: Checkout) -> None:
    assert refused(third.run("rollback"), "no terminal", "--yes")
    assert not third.calls("update-alias")


def test_a_stack_file_needs_no_terraform(third: Checkout) -> None:
    outputs = {"name": "headwater-dev", "region": "eu-central-1", "deployment_bucket": "b", "functions": {}}
    outputs["functions"] = {function: f"headwater-dev-{function}" for function in FUNCTIONS}
    file = third.write("stack.json", json.dumps({name: {"value": value} for name, value in outputs.items()}))
    assert rollback(third, "--stack", str(file)).returncode == 0
    assert third.account["live"] == versions(2) and not third.calls("terraform ")


def test_after_a_rollback_the_next_deployment_serves_new_versions(third: Checkout) -> None:
    result = rollback(third)
    assert 'held_versions = {"parquet-writer" = "2"}' in result.stdout
    assert third.with_zips(CHANGED="schema-migrator").returncode == 0
    assert third.account["live"] == versions(2, parquet_writer="3", schema_migrator="3")
    assert rollback(third).returncode == 0
    assert third.account["live"] == versions(2), (
        "what served before the deployment was the release that had been gone back to"
    )


def test_a_deployment_without_a_recorded_release_can_be_rolled_back_to(third: Checkout) -> None:
    third.change_account(objects={})
    assert third.with_zips().returncode == 0
    assert rollback(third).returncode == 0
    assert third.account["live"] == versions(2, parquet_writer="3")
