"""scripts/plan-guard: refuses a plan that deletes or replaces a resource with data."""

import json
import subprocess
from pathlib import Path

import pytest

from checkout import ROOT


def guarded(folder: Path, *changes: dict, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
    """Runs the script on a plan with these changes."""
    file = folder / "plan.json"
    file.write_text(json.dumps({"format_version": "1.2", "resource_changes": changes}))
    command = [ROOT / "scripts/plan-guard", *options, file]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def change(kind: str, *actions: str, type_name: str | None = None) -> dict:
    """A change of a resource, in the form of `terraform show -json`."""
    before = {"type_name": type_name} if type_name else {}
    return {"address": f"{kind}.this", "type": kind, "change": {"actions": list(actions), "before": before}}


@pytest.mark.parametrize(
    "kind",
    ["aws_msk_cluster", "aws_db_instance", "aws_s3_bucket", "aws_sqs_queue", "aws_kms_key", "aws_lambda_function_url"],
)
@pytest.mark.parametrize("actions", [("delete",), ("delete", "create"), ("create", "delete")])
def test_the_removal_of_a_resource_with_data_is_refused(tmp_path: Path, kind: str, actions: tuple[str, ...]) -> None:
    result = guarded(tmp_path, change(kind, *actions))
    does = "deletes" if actions == ("delete",) else "replaces"
    assert result.returncode == 1
    assert f"{does} {kind}.this" in result.stderr and "fix: " in result.stderr


def test_of_the_types_of_cloud_control_only_topics_hold_data(tmp_path: Path) -> None:
    topic = change("aws_cloudcontrolapi_resource", "delete", type_name="AWS::MSK::Topic")
    permission = change("aws_cloudcontrolapi_resource", "delete", type_name="AWS::Lambda::Permission")
    assert guarded(tmp_path, topic).returncode == 1
    assert guarded(tmp_path, permission).returncode == 0


def test_all_removals_are_listed(tmp_path: Path) -> None:
    result = guarded(tmp_path, change("aws_s3_bucket", "delete"), change("aws_msk_cluster", "delete", "create"))
    assert "aws_s3_bucket.this" in result.stderr and "aws_msk_cluster.this" in result.stderr


def test_other_changes_pass(tmp_path: Path) -> None:
    code = change("aws_s3_object", "create", "delete")
    assert (
        guarded(tmp_path, code, change("aws_msk_cluster", "update"), change("aws_s3_bucket", "create")).returncode == 0
    )


def test_a_file_that_is_no_plan_is_refused(tmp_path: Path) -> None:
    """An empty file must not be treated as a plan without removals."""
    for text in ("", "{}", "[]", '{"format_version": "1.2", "resource_changes": [{}]}'):
        (tmp_path / "file").write_text(text)
        command = [ROOT / "scripts/plan-guard", tmp_path / "file"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 2 and "fix: terraform show -json" in result.stderr, text


def test_only_aliases_may_move_after_the_smoke_test(tmp_path: Path) -> None:
    only = ("--only-aliases",)
    moves = (change("aws_lambda_alias", "update"), change("aws_s3_object", "update"), change("aws_iam_role", "no-op"))
    assert guarded(tmp_path, *moves, options=only).returncode == 0
    for more in (
        change("aws_lambda_function", "update"),
        change("aws_lambda_alias", "delete"),
        change("aws_s3_object", "delete"),
    ):
        result = guarded(tmp_path, *moves, more, options=only)
        assert result.returncode == 1 and more["address"] in result.stderr
