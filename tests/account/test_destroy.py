"""The destroy of the deployment. conftest.py makes it run after the other tests."""

import re

from conftest import Account
from policies import roles_of


def test_an_allowed_destroy_leaves_the_final_snapshot_only(account: Account) -> None:
    done = account.run("destroy", "-auto-approve")
    assert done.returncode == 0, done.stderr
    assert account.addresses() == set()
    assert leftovers(account) == {}
    (snapshot,) = account.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    # With a fixed name, a second destroy is refused, because the snapshot of the first one still exists.
    assert re.fullmatch(r"headwater-dev-final-[0-9a-f-]{36}", snapshot["DBSnapshotIdentifier"])


def leftovers(account: Account) -> dict[str, list[str]]:
    """The remaining resources of the account, by kind. The default VPC (from AWS) and the state buckets (from
    scripts/bootstrap) do not count."""
    default_vpc = [{"Name": "is-default", "Values": ["false"]}]
    ec2 = account.client("ec2")
    buckets = account.client("s3").list_buckets()["Buckets"]
    found = {
        "functions": account.client("lambda").list_functions()["Functions"],
        "mappings": account.client("lambda").list_event_source_mappings()["EventSourceMappings"],
        "buckets": [one for one in buckets if not one["Name"].startswith("headwater-state-")],
        "queues": account.client("sqs").list_queues().get("QueueUrls", []),
        "topics": account.client("sns").list_topics()["Topics"],
        "roles": list(roles_of(account)),
        # A deleted secret that can be recovered still owns its name, so the next deployment would be refused.
        "secrets": account.client("secretsmanager").list_secrets(IncludePlannedDeletion=True)["SecretList"],
        "schedules": account.client("scheduler").list_schedules()["Schedules"],
        "state machines": account.client("stepfunctions").list_state_machines()["stateMachines"],
        "log groups": account.client("logs").describe_log_groups()["logGroups"],
        "alarms": account.client("cloudwatch").describe_alarms()["MetricAlarms"],
        "dashboards": account.client("cloudwatch").list_dashboards()["DashboardEntries"],
        "databases": account.client("rds").describe_db_instances()["DBInstances"],
        "Glue databases": account.client("glue").get_databases()["DatabaseList"],
        "clusters": list(account.mock.msk.clusters),
        "configurations": list(account.mock.msk.configurations),
        "Kafka topics": list(account.mock.msk.topics),
        "VPCs": ec2.describe_vpcs(Filters=default_vpc)["Vpcs"],
        # moto still lists deleted endpoints.
        "endpoints": [one for one in ec2.describe_vpc_endpoints()["VpcEndpoints"] if one["State"] != "deleted"],
        "addresses": ec2.describe_addresses()["Addresses"],
    }
    return {kind: [str(one)[:150] for one in some] for kind, some in found.items() if some}
