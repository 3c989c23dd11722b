"""The end of the deployment. Runs last, whatever the order of the files."""

from conftest import Account


def test_a_destroy_without_permission_removes_nothing(account: Account) -> None:
    before = account.addresses()
    done = account.run("destroy", "-auto-approve")
    assert done.returncode != 0
    assert "allow_destroy = true" in done.stdout + done.stderr
    assert {address for address in before - account.addresses() if not address.startswith("module.guard.")} == set()


def test_a_destroy_with_permission_leaves_the_final_snapshot_only(account: Account) -> None:
    account.apply(allow_destroy=True)
    done = account.run("destroy", "-auto-approve")
    assert done.returncode == 0, done.stderr
    assert account.addresses() == set()
    assert leftovers(account) == {}
    (snapshot,) = account.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    assert snapshot["DBSnapshotIdentifier"].startswith("headwater-dev-final-")


def leftovers(account: Account) -> dict[str, list[str]]:
    """What the account still has, by kind. The default VPC is AWS's own."""
    default_vpc = [{"Name": "is-default", "Values": ["false"]}]
    ec2 = account.client("ec2")
    found = {
        "functions": account.client("lambda").list_functions()["Functions"],
        "mappings": account.client("lambda").list_event_source_mappings()["EventSourceMappings"],
        "buckets": account.client("s3").list_buckets()["Buckets"],
        "queues": account.client("sqs").list_queues().get("QueueUrls", []),
        "topics": account.client("sns").list_topics()["Topics"],
        "roles": account.client("iam").list_roles()["Roles"],
        "secrets": account.client("secretsmanager").list_secrets()["SecretList"],
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
        "endpoints": ec2.describe_vpc_endpoints()["VpcEndpoints"],
        "addresses": ec2.describe_addresses()["Addresses"],
    }
    return {kind: [str(one) for one in some] for kind, some in found.items() if some}
