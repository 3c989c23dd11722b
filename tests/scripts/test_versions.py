"""scripts/deploy from the apply on: new versions are tested before they serve, and after a failure the old versions
serve."""

import json

import pytest

from checkout import TERRAFORM, Checkout

pytestmark = pytest.mark.skipif(TERRAFORM is None, reason="needs Terraform, which reads the settings")

OLD = {"parquet-writer": "1", "schema-migrator": "1", "telemetry-gateway": "1", "totals-upserter": "1"}
NEW = dict.fromkeys(OLD, "2")


@pytest.fixture(scope="module")
def first_account(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The state of the account after a first deployment."""
    checkout = Checkout(tmp_path_factory.mktemp("first"))
    result = checkout.with_zips()
    assert result.returncode == 0, result.stderr
    assert checkout.account["live"] == OLD
    return checkout.account_file.read_text()


@pytest.fixture
def deployed(checkout: Checkout, first_account: str) -> Checkout:
    """A checkout with that account."""
    checkout.account_file.write_text(first_account)
    return checkout


def releases(checkout: Checkout) -> list[dict]:
    """The versions of each recorded release, the oldest first."""
    return [json.loads(text)["versions"] for _, text in sorted(checkout.account["objects"].items())]


def test_a_good_deployment_serves_the_new_versions(deployed: Checkout) -> None:
    result = deployed.with_zips()
    assert result.returncode == 0, result.stderr
    assert deployed.account["live"] == NEW
    assert releases(deployed) == [OLD, NEW]
    assert "is deployed" in result.stdout


def test_new_versions_are_tested_before_they_serve(deployed: Checkout) -> None:
    assert deployed.with_zips().returncode == 0
    assert sorted(deployed.calls("tested ")) == [f"tested {function} 2 not serving" for function in OLD]
    lines = deployed.calls()
    tested = max(place for place, line in enumerate(lines) if line.startswith("tested "))
    moved = next(
        place for place, line in enumerate(lines) if line.startswith("terraform") and line.endswith("/aliases")
    )
    assert tested < moved


@pytest.mark.parametrize("how", ["", "=503"])
def test_a_failed_smoke_test_leaves_the_old_versions_serving(deployed: Checkout, how: str) -> None:
    result = deployed.with_zips(SMOKE=f"telemetry-gateway{how}")
    assert result.returncode == 1
    assert deployed.account["live"] == OLD and deployed.account["newest"] == NEW
    assert not deployed.calls("update-alias"), "no version has served in between"
    assert "telemetry-gateway 2" in result.stderr and "the smoke test failed" in result.stderr
    assert "telemetry-gateway 1 (as before the deployment)" in result.stderr
    assert "fix: " in result.stderr
    assert releases(deployed) == [OLD]


def test_a_function_that_fails_once_is_tried_again(deployed: Checkout) -> None:
    assert deployed.with_zips(SMOKE="parquet-writer").returncode == 1
    assert len(deployed.calls("tested parquet-writer")) == 3
    assert len(deployed.calls("tested totals-upserter")) == 1


def test_an_apply_that_fails_leaves_the_old_versions_serving(deployed: Checkout) -> None:
    result = deployed.with_zips(APPLY_FAILS="plan")
    assert result.returncode == 1 and deployed.account["live"] == OLD
    assert "the previous versions still serve" in result.stderr
    assert not deployed.calls("tested ")


def test_if_the_aliases_cannot_be_applied_the_old_versions_serve(deployed: Checkout) -> None:
    result = deployed.with_zips(APPLY_FAILS="aliases")
    assert result.returncode == 1 and deployed.account["live"] == OLD
    assert "the aliases could not be moved" in result.stderr


def test_other_changes_in_the_plan_of_the_aliases_are_not_applied(deployed: Checkout) -> None:
    changed = [
        {
            "address": "module.kafka.aws_msk_cluster.this[0]",
            "type": "aws_msk_cluster",
            "change": {"actions": ["update"]},
        }
    ]
    result = deployed.with_zips(PLAN_OF_ALIASES=json.dumps(changed))
    assert result.returncode == 1 and deployed.account["live"] == OLD
    assert "update module.kafka.aws_msk_cluster.this[0]" in result.stderr


def test_a_new_alarm_moves_every_alias_back(deployed: Checkout) -> None:
    result = deployed.with_zips("--watch", "5s", RINGS="headwater-dev-parquet-writer-errors")
    assert result.returncode == 1
    assert deployed.account["live"] == OLD
    assert len(deployed.calls("update-alias")) == len(OLD)
    assert "headwater-dev-parquet-writer-errors: 3 of 3 minutes" in result.stderr
    assert releases(deployed) == [OLD]


def test_an_alarm_from_before_the_deployment_moves_nothing_back(deployed: Checkout) -> None:
    deployed.change_account(alarms=["headwater-dev-parquet-writer-errors"])
    assert deployed.with_zips("--watch", "1s").returncode == 0
    assert deployed.account["live"] == NEW


def test_an_alarm_about_a_broker_is_reported_and_moves_nothing_back(deployed: Checkout) -> None:
    """Older versions of the functions would not help."""
    result = deployed.with_zips("--watch", "1s", RINGS="headwater-dev-kafka-disk-1")
    assert result.returncode == 0 and deployed.account["live"] == NEW
    assert "headwater-dev-kafka-disk-1" in result.stdout


def test_a_failed_verify_moves_every_alias_back(deployed: Checkout) -> None:
    result = deployed.with_zips(HOST="Online", VERIFY="Failed")
    assert result.returncode == 1 and deployed.account["live"] == OLD
    assert "headwater verify on i-1: Failed" in result.stderr and "headwater verify found differences" in result.stderr


def test_the_result_of_verify_is_printed(deployed: Checkout) -> None:
    result = deployed.with_zips(HOST="Online")
    assert result.returncode == 0, result.stderr
    assert "rooms-v1: 10 of 10" in result.stdout
    (command,) = deployed.calls("send-command")
    assert "headwater-update" in command and 'headwater --stack \\"$HEADWATER_STACK\\" verify' in command


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "this deployment has no host"),
        ({"HOST": "ConnectionLost"}, "does not answer Systems Manager"),
        ({"HOST": "Online", "VERIFY": "Failed=75"}, "could not install"),
        ({"HOST": "Online", "VERIFY": "TimedOut", "DETAILS": "Delivery Timed Out"}, "did not accept the command"),
    ],
)
def test_if_the_host_cannot_verify_the_reason_is_printed(deployed: Checkout, settings: dict, reason: str) -> None:
    result = deployed.with_zips(**settings)
    assert result.returncode == 0 and deployed.account["live"] == NEW
    assert "left out" in result.stdout and reason in result.stdout


def test_verify_can_be_left_out(deployed: Checkout) -> None:
    assert deployed.with_zips("--no-verify", HOST="Online", VERIFY="Failed").returncode == 0
    assert not deployed.calls("send-command")


def test_a_failed_first_deployment_reports_new_versions_and_records_no_release(checkout: Checkout) -> None:
    result = checkout.with_zips(SMOKE="schema-migrator")
    assert result.returncode == 1
    assert "schema-migrator 1 (new)" in result.stderr and "the smoke test failed" in result.stderr
    assert releases(checkout) == []


def test_an_alias_that_cannot_be_moved_back_is_named(deployed: Checkout) -> None:
    result = deployed.with_zips("--watch", "5s", RINGS="headwater-dev-parquet-writer-errors", NO_MOVE="totals-upserter")
    assert result.returncode == 1
    assert deployed.account["live"] == OLD | {"totals-upserter": "2"}
    assert "totals-upserter 2 (version 1 served before)" in result.stderr
    assert "not every function was rolled back" in result.stderr and "scripts/rollback" in result.stderr


def test_a_function_with_a_held_version_is_not_tested(deployed: Checkout) -> None:
    deployed.settings('held_versions = { parquet-writer = "1" }')
    assert deployed.with_zips(SMOKE="parquet-writer").returncode == 0
    assert not deployed.calls("tested parquet-writer")


def test_a_plan_that_removes_data_is_not_applied_without_confirmation(deployed: Checkout) -> None:
    bucket = {
        "address": "module.lake.aws_s3_bucket.this",
        "type": "aws_s3_bucket",
        "change": {"actions": ["delete", "create"]},
    }
    result = deployed.with_zips(PLAN=json.dumps([bucket]))
    assert result.returncode == 1
    assert "replaces module.lake.aws_s3_bucket.this: the objects in it" in result.stderr
    assert not deployed.calls(" apply ")


def test_a_plan_alone_holds_nothing_and_locks_nothing(deployed: Checkout) -> None:
    report = deployed.folder / "report"
    assert deployed.with_zips("--plan", "--report", str(report)).returncode == 0
    (plan,) = deployed.calls(" plan ")
    assert "-lock=false" in plan and "held_versions" not in plan
    assert (report / "plan.txt").exists() and "resource_changes" in json.loads((report / "plan.json").read_text())


def test_a_malformed_duration_is_refused_before_any_call(checkout: Checkout) -> None:
    assert checkout.with_zips("--watch", "5 minutes").returncode == 2
    assert not checkout.calls("aws")
