"""The first deployment in an empty account, and its upgrade. The tests are steps of one deployment, in this order."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from conftest import Account

# Resources that an upgrade may replace: code under a new name, and the call of the new schema-migrator. Neither
# contains data.
MADE_ANEW = {"aws_s3_object", "aws_lambda_invocation"}

# An upgrade to the profile prod replaces the NAT instance by interface endpoints. None of these resources contains
# data.
WAY_OUT = {
    "aws_eip.nat_instance[0]",
    "aws_instance.nat[0]",
    "aws_internet_gateway.this[0]",
    "aws_network_interface.nat[0]",
    "aws_route.nat[0]",
    "aws_route_table.public[0]",
    "aws_route_table_association.public[0]",
    "aws_security_group.nat_instance[0]",
    "aws_subnet.public[0]",
    "aws_vpc_security_group_egress_rule.nat_instance[0]",
    'aws_vpc_security_group_egress_rule.https["functions"]',
    'aws_vpc_security_group_egress_rule.https["kafka"]',
    "aws_vpc_security_group_ingress_rule.nat_instance[0]",
    "aws_cloudwatch_metric_alarm.nat_instance[0]",
}


def removed(plan: dict[str, Any]) -> set[str]:
    """The addresses that a plan deletes or replaces, without those that every release replaces."""
    changes = [change for change in plan["resource_changes"] if change["type"] not in MADE_ANEW]
    return {change["address"] for change in changes if "delete" in change["change"]["actions"]}


def resources(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The managed AWS resources in a module of the state and its child modules."""
    managed = [one for one in module.get("resources", []) if one["mode"] == "managed"]
    yield from (one for one in managed if one["type"].startswith("aws_"))
    for child in module.get("child_modules", []):
        yield from resources(child)


def name_in_aws(resource: dict[str, Any]) -> tuple[str, ...]:
    """What identifies a resource in AWS: its type and ARN, or its type, its owner and its id."""
    values = resource["values"]
    owner = [values[key] for key in ("function_name", "qualifier", "bucket") if values.get(key)]
    return (resource["type"], values["arn"]) if values.get("arn") else (resource["type"], *owner, values["id"])


def changed(plan: dict[str, Any]) -> dict[str, Any]:
    """The change of each address that a plan changes."""
    changes = {change["address"]: change["change"] for change in plan["resource_changes"]}
    return {address: change for address, change in changes.items() if change["actions"] not in (["no-op"], ["read"])}


def test_one_apply_creates_the_whole_deployment(account: Account) -> None:
    assert len(account.addresses()) > 200
    cluster = account.mock.msk.clusters[account.client("kafka").list_clusters()["ClusterInfoList"][0]["ClusterArn"]]
    assert cluster["State"] == "ACTIVE"
    topics = {topic["TopicName"] for topic in account.mock.msk.topics.values()}
    assert topics == {topic["name"] for topic in account.outputs["topics"]["value"]}


def test_a_second_plan_changes_nothing(account: Account) -> None:
    assert changed(account.plan()) == {}


def test_no_two_resources_are_the_same_in_aws(account: Account) -> None:
    # For example, the second of two alarms with the same name overwrites the first.
    names = Counter(name_in_aws(one) for one in resources(account.state()["values"]["root_module"]))
    assert {name: number for name, number in names.items() if number > 1} == {}


def test_a_destroy_without_permission_removes_nothing(account: Account) -> None:
    before, clusters = account.addresses(), set(account.mock.msk.clusters)
    done = account.run("destroy", "-auto-approve")
    assert done.returncode != 0
    assert "allow_destroy = true" in done.stdout + done.stderr
    assert account.addresses() == before
    assert set(account.mock.msk.clusters) == clusters


def test_an_upgrade_removes_no_resource_with_data(account: Account) -> None:
    account.deployment.write_code("second")
    rooms = (account.deployment.pipelines / "rooms-v1.yaml").read_text()
    (account.deployment.pipelines / "doors-v1.yaml").write_text(rooms.replace("room", "door"))
    # With six brokers, MSK returns three random ones as bootstrap brokers. Without apply_immediately, the new database
    # class waits for the maintenance window, and every plan shows it until then. `allow_destroy` is for the last test.
    plan = account.plan(
        profile="prod",
        kafka={"kafka_version": "3.9.x", "brokers": 6},
        database={"apply_immediately": True},
        allow_destroy=True,
    )
    assert removed(plan) == {f"module.network.{address}" for address in WAY_OUT}
    assert changed(plan)["module.kafka.aws_msk_cluster.this[0]"]["actions"] == ["update"]
    assert changed(plan)["module.warehouse.aws_db_instance.this[0]"]["actions"] == ["update"]


def test_an_upgrade_is_applied_in_place(account: Account) -> None:
    before = dict(account.mock.msk.clusters)
    account.apply()
    assert set(account.mock.msk.clusters) == set(before)
    (cluster,) = account.mock.msk.clusters.values()
    assert cluster["CurrentBrokerSoftwareInfo"]["KafkaVersion"] == "3.9.x"
    assert cluster["BrokerNodeGroupInfo"]["InstanceType"] == "kafka.m7g.large"
    assert cluster["NumberOfBrokerNodes"] == 6
    # To change the replication factor, AWS would delete the topic with its records.
    assert {topic["ReplicationFactor"] for topic in account.mock.msk.topics.values()} == {2}
    (database,) = account.client("rds").describe_db_instances()["DBInstances"]
    assert database["MultiAZ"]
    served = account.client("lambda")
    for name in account.outputs["functions"]["value"].values():
        assert served.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "2"


def test_a_plan_after_an_upgrade_changes_nothing(account: Account) -> None:
    assert changed(account.plan()) == {}
