"""scripts/plan-guard: refuses a plan that deletes or replaces resources with data, and lists them."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

# For each type of resource: the data that its deletion loses.
HOLDS = {
    "aws_db_instance": "the rows of Postgres",
    "aws_kms_key": "everything that is encrypted with it",
    "aws_lambda_function_url": "the address that vehicles and browsers know",
    "aws_msk_cluster": "the records of every topic",
    "aws_s3_bucket": "the objects in it",
    "aws_secretsmanager_secret": "the secret's value",
    "aws_sqs_queue": "the messages in it",
    "aws_vpc": "the network of Kafka and Postgres",
    "AWS::MSK::Topic": "the records of the topic",
    "AWS::SecretsManager::Secret": "the secret's value",
}


def removals(plan: dict[str, Any]) -> list[str]:
    """A line for each resource that holds data and that the plan deletes or replaces."""
    lines = []
    for resource in plan.get("resource_changes", []):
        change = resource["change"]
        if "delete" not in change["actions"]:
            continue
        # Terraform has one resource type for all types of Cloud Control; `type_name` has AWS's type.
        held = HOLDS.get(resource["type"]) or HOLDS.get((change.get("before") or {}).get("type_name", ""))
        if held:
            does = "replaces" if "create" in change["actions"] else "deletes"
            lines.append(f"{does} {resource['address']}: {held}")
    return lines


# Resource types that may change with the aliases. The host's stack file and its checksum are S3 objects.
MOVES = {"aws_lambda_alias", "aws_s3_object"}


def beside_aliases(plan: dict[str, Any]) -> list[str]:
    """A line for each change that does not belong to a move of the aliases."""
    changes = [one for one in plan.get("resource_changes", []) if one["change"]["actions"] not in (["no-op"], ["read"])]
    return [
        f"{'/'.join(one['change']['actions'])} {one['address']}"
        for one in changes
        if one["type"] not in MOVES or one["change"]["actions"] != ["update"]
    ]


def main() -> int:
    """Exits with 1 and the list if the plan removes data, with 2 if the file is not a plan."""
    parser = argparse.ArgumentParser(
        prog="scripts/plan-guard",
        description="Refuses a plan that deletes or replaces resources with data: topics, Postgres, buckets, …",
        epilog="example: terraform show -json plan >plan.json && scripts/plan-guard plan.json",
    )
    parser.add_argument("plan", type=Path, help="file with the output of `terraform show -json PLAN`")
    parser.add_argument("--only-aliases", action="store_true", help="refuse every change except a move of aliases")
    args = parser.parse_args()
    file: Path = args.plan
    try:
        plan = json.loads(file.read_text())
        if "format_version" not in plan:
            raise ValueError("it has no format_version")
        found = beside_aliases(plan) if args.only_aliases else removals(plan)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        print(f"error: {file} is not a plan: {error}\nfix: terraform show -json PLAN >{file}", file=sys.stderr)
        return 2
    if found and args.only_aliases:
        print("error: the plan changes more than the aliases:", file=sys.stderr)
        print("\n".join(f"  {line}" for line in found), file=sys.stderr)
        print(
            "fix: the settings or files have changed during the deployment; run scripts/deploy again",
            file=sys.stderr,
        )
        return 1
    if found:
        print("error: this plan removes resources with data:", file=sys.stderr)
        print("\n".join(f"  {line}" for line in found), file=sys.stderr)
        print(
            "fix: change the settings back; to lose the data intentionally, run scripts/deploy without --yes",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
