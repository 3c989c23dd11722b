"""The permissions that the roles of the applied account grant, and those that AWS itself uses with these roles."""

import re
from collections.abc import Iterator
from typing import Any

from aws_calls import Use
from policies import Policy

LOG = ["logs:CreateLogStream", "logs:PutLogEvents"]
INTERFACES = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ec2:UnassignPrivateIpAddresses",
]
KAFKA_POLLER = [
    "kafka-cluster:AlterGroup",
    "kafka-cluster:Connect",
    "kafka-cluster:DescribeClusterDynamicConfiguration",
    "kafka-cluster:DescribeGroup",
    "kafka-cluster:DescribeTopic",
    "kafka-cluster:ReadData",
    "kafka:DescribeCluster",
    "kafka:DescribeClusterV2",
    "kafka:GetBootstrapBrokers",
]
QUEUE_POLLER = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]


def granted(policy: Policy) -> set[Use]:
    """The permissions that a role's policy allows."""
    return {
        Use(action, name_of(action, resource))
        for statement in policy.allowed()
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


def name_of(action: str, resource: str) -> str:
    """The name of a resource in the form in which a function's variables contain it."""
    service = action.partition(":")[0]
    if service == "s3":
        return resource.partition(":::")[2].removesuffix("/*")
    if service in ("kafka", "kafka-cluster", "ec2", "kms") or action in LOG:
        return ""
    if service == "rds-db":
        return resource.rpartition("/")[2]
    if service == "logs":
        return resource.partition(":log-group:")[2].removesuffix(":*")
    if service == "sqs":
        return resource.rpartition(":")[2]
    return resource


class Lambda:
    """A function of the account: its configuration, role, variables, mappings and destinations."""

    def __init__(self, account: Any, name: str) -> None:
        client = account.client("lambda")
        self.name = name
        self.configuration = client.get_function_configuration(FunctionName=name)
        self.role = self.configuration["Role"].rpartition("/")[2]
        self.environment: dict[str, str] = self.configuration["Environment"]["Variables"]
        mine = re.compile(rf":function:{re.escape(name)}(:|$)")
        mappings = client.list_event_source_mappings()["EventSourceMappings"]
        self.mappings = [mapping for mapping in mappings if mine.search(mapping["FunctionArn"])]
        self.destinations = list(self._destinations(client))

    def _destinations(self, client: Any) -> Iterator[str]:
        for qualifier in ({}, {"Qualifier": "live"}):
            try:
                found = client.get_function_event_invoke_config(FunctionName=self.name, **qualifier)
            except client.exceptions.ResourceNotFoundException:
                continue
            yield found["DestinationConfig"]["OnFailure"]["Destination"]

    def used_by_aws(self, label: str) -> dict[Use, str]:
        """The permissions that AWS uses with the function's role, each with the reason."""
        used = dict.fromkeys(uses(LOG), "Lambda writes what the function prints")
        if self.configuration.get("VpcConfig", {}).get("SubnetIds"):
            used |= dict.fromkeys(uses(INTERFACES), "Lambda makes the interfaces of a function in a VPC")
        for mapping in self.mappings:
            service = mapping["EventSourceArn"].split(":")[2]
            if service == "sqs":
                queue = mapping["EventSourceArn"].rpartition(":")[2]
                used |= dict.fromkeys(uses(QUEUE_POLLER, queue), "Lambda polls the queue")
            else:
                used |= dict.fromkeys(uses(KAFKA_POLLER), "Lambda polls the topics")
            bucket = (
                mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", "").partition(":::")[2]
            )
            if bucket:
                used[Use("s3:ListBucket", bucket)] = "Lambda checks the bucket for batches that are given up"
                used[Use("s3:PutObject", f"{bucket}/aws/lambda")] = "Lambda stores batches that are given up"
                used[Use("s3:PutObject", f"{bucket}/failed/{label}")] = "the local stack stores such batches here"
        for destination in self.destinations:
            used[Use("sqs:SendMessage", destination.rpartition(":")[2])] = "Lambda stores events that are given up"
        if "KMSKeyArn" in self.configuration:
            used[Use("kms:Decrypt", "")] = "the function's variables and its input are encrypted with the key"
            used[Use("kms:GenerateDataKey", "", optional=True)] = "its output is encrypted with the key"
        return used


def uses(actions: list[str], name: str = "") -> list[Use]:
    """The actions on one resource."""
    return [Use(action, name) for action in actions]


def explains(use: Use, grant: Use) -> bool:
    """Whether this use justifies a grant: for the same name, or for a name below it."""
    return grant.action == use.action and (grant.name == use.name or grant.name.startswith(f"{use.name}/"))
