"""Reads the policy documents of the applied account, and decides what a document allows."""

import fnmatch
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Statement = dict[str, Any]


@dataclass(frozen=True)
class Policy:
    """A policy document, and the resource to which it belongs."""

    where: str
    text: str

    def statements(self) -> list[Statement]:
        """The statements. Their actions, resources and principals are always lists."""
        document = json.loads(self.text)
        return [
            statement
            | {
                "Action": listed(statement.get("Action")),
                "Resource": listed(statement.get("Resource")),
                "Principal": principals(statement.get("Principal")),
            }
            for statement in listed(document["Statement"])
        ]

    def allowed(self) -> list[Statement]:
        """The statements with the effect `Allow`."""
        return [statement for statement in self.statements() if statement["Effect"] == "Allow"]


def listed(value: Any) -> list[Any]:
    """The value as a list. IAM accepts a single value in place of a list."""
    return [] if value is None else value if isinstance(value, list) else [value]


def principals(value: Any) -> list[str]:
    """The principals of all kinds (`AWS`, `Service` and others) in one list."""
    return [one for kind in value.values() for one in listed(kind)] if isinstance(value, dict) else listed(value)


def allows(policies: list[Policy], action: str, resource: str) -> bool:
    """Whether the documents allow an action on a resource. Conditions count as fulfilled."""
    return any(
        any(matches(action, pattern) for pattern in statement["Action"])
        and any(matches(resource, pattern) for pattern in statement["Resource"])
        for policy in policies
        for statement in policy.allowed()
    )


def matches(text: str, pattern: str) -> bool:
    """Whether the text matches a pattern of IAM with `*` and `?`."""
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


def roles_of(account: Any) -> Iterator[dict[str, Any]]:
    """The roles of the deployment, without those of the GitHub workflow (test_bootstrap.py and test_deployer.py)."""
    for page in account.client("iam").get_paginator("list_roles").paginate():
        yield from (role for role in page["Roles"] if not role["RoleName"].startswith("github-"))


def of_roles(account: Any) -> dict[str, Policy]:
    """The inline policy of each role, by role. Fails if a role has an attached policy."""
    iam = account.client("iam")
    found = {}
    for role in roles_of(account):
        name = role["RoleName"]
        assert not iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"], name
        (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
        document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        found[name] = Policy(f"role {name}", json.dumps(document))
    return found


def of_account(account: Any) -> Iterator[Policy]:
    """Every policy document of the account: the policies and trust policies of roles, and the policies of resources."""
    yield from of_roles(account).values()
    for role in roles_of(account):
        yield Policy(f"trust of {role['RoleName']}", json.dumps(role["AssumeRolePolicyDocument"]))
    s3 = account.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        yield from found(f"bucket {bucket['Name']}", s3, "get_bucket_policy", "Policy", Bucket=bucket["Name"])
    sqs = account.client("sqs")
    for url in sqs.list_queues().get("QueueUrls", []):
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        if attributes.get("Policy"):
            yield Policy(f"queue {url.rpartition('/')[2]}", attributes["Policy"])
    sns = account.client("sns")
    for topic in sns.list_topics()["Topics"]:
        attributes = sns.get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"]
        yield Policy(f"topic {topic['TopicArn'].rpartition(':')[2]}", attributes["Policy"])
    kms = account.client("kms")
    for key in kms.list_keys()["Keys"]:
        if kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyManager"] == "CUSTOMER":
            yield from found("key", kms, "get_key_policy", "Policy", KeyId=key["KeyId"], PolicyName="default")
    secrets = account.client("secretsmanager")
    for secret in secrets.list_secrets()["SecretList"]:
        name = re.sub(r"-\w{6}$", "", secret["Name"])
        yield from found(f"secret {name}", secrets, "get_resource_policy", "ResourcePolicy", SecretId=secret["ARN"])
    served = account.client("lambda")
    for page in served.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            name = function["FunctionName"]
            for qualifier in ({}, {"Qualifier": "live"}):
                yield from found(f"function {name}", served, "get_policy", "Policy", FunctionName=name, **qualifier)


def found(where: str, client: Any, operation: str, key: str, **parameters: str) -> Iterator[Policy]:
    """The policy that an operation returns, if there is one."""
    try:
        answer = getattr(client, operation)(**parameters)
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchBucketPolicy", "ResourceNotFoundException"):
            return
        raise
    if answer.get(key):
        yield Policy(where, answer[key])
