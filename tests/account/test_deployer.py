"""The deployer's policies allow all calls of Terraform, and every further permission in them has a reason."""

import json
import os
import subprocess
from collections.abc import Callable

import pytest

from conftest import Account
from deployer_reasons import BEYOND
from iam_actions import FREE, PREFIXES, TAGGING, action_of, is_known, kinds
from policies import Policy, allows, listed
from rust_source import ROOT

Render = Callable[..., list[Policy]]


@pytest.fixture(scope="module")
def render(tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Renders the policies with Terraform, as their users do."""
    folder = tmp_path_factory.mktemp("deployer")
    terraform = ["terraform", f"-chdir={ROOT / 'terraform' / 'deployer'}"]
    environment = os.environ | {"TF_DATA_DIR": str(folder / "data")}

    def rendered(output: str = "policies", **variables: str) -> list[Policy]:
        state = f"-state={folder / 'state'}"
        given = {"account": "123456789012", "region": "eu-central-1", "state_bucket": "states"} | variables
        applied = [
            *terraform,
            "apply",
            "-auto-approve",
            "-input=false",
            state,
            *(f"-var={k}={v}" for k, v in given.items()),
        ]
        subprocess.run(applied, env=environment, capture_output=True, check=True)
        shown = subprocess.run(
            [*terraform, "output", state, "-json", output], env=environment, capture_output=True, check=True
        )
        return [Policy(name, text) for name, text in json.loads(shown.stdout).items()]

    return rendered


@pytest.fixture(scope="module")
def documents(render: Render) -> list[Policy]:
    """The policies for an apply, with the default variables."""
    return render()


@pytest.fixture(scope="module")
def reading(render: Render) -> list[Policy]:
    """The policies for a plan."""
    return render("read_policies")


@pytest.fixture
def applied(account: Account) -> dict[str, list[str]]:
    """The ARNs of the applied resources, by type."""
    found: dict[str, list[str]] = {}
    modules = [account.state()["values"]["root_module"]]
    while modules:
        module = modules.pop()
        modules += module.get("child_modules", [])
        for resource in module.get("resources", []):
            if resource["mode"] == "managed" and resource["values"].get("arn"):
                found.setdefault(resource["type"], []).append(resource["values"]["arn"])
    return found


def actions(policies: list[Policy]) -> set[str]:
    """All actions that the policies allow."""
    return {action for policy in policies for statement in policy.allowed() for action in statement["Action"]}


def needed(account: Account) -> set[str]:
    """The actions that Terraform's calls need."""
    return {action_of(call) for call in account.calls()} - FREE


@pytest.mark.after_destroy
def test_the_policies_for_an_apply_allow_all_calls_of_terraform(account: Account, documents: list[Policy]) -> None:
    assert needed(account) - actions(documents) == set()


@pytest.mark.after_destroy
def test_the_policies_for_a_plan_allow_all_calls_of_a_plan(account: Account, reading: list[Policy]) -> None:
    calls = {f"{call['service']}:{call['operation']}" for call in account.mock.recorded if call["phase"] == "plan"}
    assert len(calls) > 50
    asked = {action_of(call) for call in calls} - FREE - actions(reading)
    # AWS's schema says that Cloud Control reads the value of a secret to describe it. `plan_reads_secrets` allows that.
    assert asked <= {"secretsmanager:GetSecretValue"}


def test_the_policies_for_a_plan_allow_neither_changes_nor_reading_data(
    reading: list[Policy], documents: list[Policy]
) -> None:
    assert actions(reading) < actions(documents) | {"s3:GetObject"}
    changing = {
        action for action in actions(reading) if action.partition(":")[2][:3] not in ("Des", "Get", "Lis", "Val", "Vie")
    }
    assert changing == {"kms:Decrypt", "kafka-cluster:Connect"}
    assert "secretsmanager:GetSecretValue" not in actions(reading)
    for bucket in ("headwater-dev-lake", "headwater-dev-parked", "headwater-dev-inbox"):
        assert not allows(reading, "s3:GetObject", f"arn:aws:s3:::{bucket}-123456789012-eu-central-1/some/object")


@pytest.mark.after_destroy
def test_the_policies_for_an_apply_allow_tagging_of_created_resources(
    account: Account, documents: list[Policy]
) -> None:
    makes = {
        PREFIXES.get(call.partition(":")[0], call.partition(":")[0]) for call in account.calls() if ":Create" in call
    }
    tags = {f"{service}:{TAGGING[service]}" for service in makes & set(TAGGING)}
    assert tags - actions(documents) == set()


@pytest.mark.after_destroy
def test_every_permission_that_no_call_needs_has_a_reason(account: Account, documents: list[Policy]) -> None:
    reasons = {action for listed in BEYOND.values() for action in listed.split()}
    tags = {f"{service}:{action}" for service, action in TAGGING.items()}
    without_host = [document for document in documents if document.where != "host"]
    assert actions(without_host) - needed(account) - reasons - tags == set()
    assert reasons - actions(documents) == set(), "reasons for what is not allowed"


def test_every_action_exists(documents: list[Policy]) -> None:
    assert {action for action in actions(documents) if not is_known(action)} == set()


def test_an_action_is_allowed_on_all_resources_only_if_aws_cannot_limit_it(documents: list[Policy]) -> None:
    finer = {
        (document.where, statement["Sid"], action)
        for document in documents
        for statement in document.allowed()
        if "*" in statement["Resource"]
        for action in statement["Action"]
        if kinds(action)
    }
    assert finer == {
        # A condition on the request's tag limits it to new keys.
        ("roles", "MakeKey", "kms:TagResource"),
        # Users report refusals "on resource: *" although AWS lists one (aws-controllers-k8s/community#2464).
        ("data", "KafkaWithoutResource", "kafka:CreateCluster"),
        ("data", "KafkaWithoutResource", "kafka:CreateConfiguration"),
    }
    assert not [action for action in actions(documents) if "*" in action]


# Actions on resources of each type. The policies must allow them on the ARN of every applied resource.
RESOURCES = {
    "aws_cloudwatch_log_group": ["logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:PutRetentionPolicy"],
    "aws_cloudwatch_metric_alarm": ["cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"],
    "aws_db_instance": ["rds:CreateDBInstance", "rds:DeleteDBInstance", "rds:ModifyDBInstance"],
    "aws_db_parameter_group": ["rds:CreateDBParameterGroup", "rds:DeleteDBParameterGroup"],
    "aws_db_subnet_group": ["rds:CreateDBSubnetGroup", "rds:DeleteDBSubnetGroup"],
    "aws_emrserverless_application": ["emr-serverless:DeleteApplication", "emr-serverless:GetApplication"],
    "aws_glue_catalog_database": ["glue:CreateDatabase", "glue:DeleteDatabase"],
    "aws_glue_catalog_table": ["glue:CreateTable", "glue:DeleteTable"],
    "aws_iam_role": ["iam:CreateRole", "iam:DeleteRole", "iam:PassRole", "iam:PutRolePolicy"],
    "aws_lambda_event_source_mapping": ["lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping"],
    "aws_lambda_function": ["lambda:CreateFunction", "lambda:DeleteFunction", "lambda:UpdateFunctionCode"],
    "aws_msk_cluster": [
        "kafka:CreateCluster",
        "kafka:DeleteCluster",
        "kafka:UpdateBrokerType",
        "kafka-cluster:Connect",
    ],
    "aws_msk_configuration": ["kafka:CreateConfiguration", "kafka:DeleteConfiguration"],
    "aws_s3_bucket": ["s3:CreateBucket", "s3:DeleteBucket", "s3:ListBucket"],
    "aws_s3_object": ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
    "aws_scheduler_schedule": ["scheduler:CreateSchedule", "scheduler:DeleteSchedule"],
    "aws_secretsmanager_secret": ["secretsmanager:CreateSecret", "secretsmanager:DeleteSecret"],
    "aws_security_group": ["ec2:CreateSecurityGroup", "ec2:DeleteSecurityGroup"],
    "aws_sfn_state_machine": ["states:CreateStateMachine", "states:DeleteStateMachine"],
    "aws_sns_topic": ["sns:CreateTopic", "sns:DeleteTopic"],
    "aws_sns_topic_subscription": ["sns:Subscribe"],
    "aws_sqs_queue": ["sqs:CreateQueue", "sqs:DeleteQueue"],
    "aws_subnet": ["ec2:CreateSubnet", "ec2:DeleteSubnet"],
    "aws_vpc": ["ec2:CreateVpc", "ec2:DeleteVpc"],
    "aws_vpc_endpoint": ["ec2:CreateVpcEndpoint", "ec2:DeleteVpcEndpoints"],
}


def test_the_policies_cover_the_names_of_all_applied_resources(
    applied: dict[str, list[str]], documents: list[Policy]
) -> None:
    outside = [
        f"{action} on {arn}"
        for type_, arns in applied.items()
        for arn in arns
        for action in RESOURCES.get(type_, [])
        if not allows(documents, action, arn)
    ]
    assert outside == []
    assert len(applied.keys() & RESOURCES.keys()) > 20


def test_the_policies_do_not_cover_resources_of_others(documents: list[Policy]) -> None:
    for action, resource in {
        "iam:PassRole": "arn:aws:iam::123456789012:role/Admin",
        "iam:PutRolePolicy": "arn:aws:iam::123456789012:role/Admin",
        "iam:CreateServiceLinkedRole": "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/A",
        "s3:GetObject": "arn:aws:s3:::somebody-elses/object",
        "s3:PutObject": "arn:aws:s3:::states/other/deployment.tfstate",
        "lambda:UpdateFunctionCode": "arn:aws:lambda:eu-central-1:123456789012:function:other",
        "rds:DeleteDBInstance": "arn:aws:rds:eu-central-1:123456789012:db:other",
        "kafka:DeleteCluster": "arn:aws:kafka:eu-central-1:123456789012:cluster/other/4c8b",
        "secretsmanager:GetSecretValue": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:other-AbCdEf",
        "lambda:InvokeFunction": "arn:aws:lambda:us-east-1:123456789012:function:headwater-dev-live-board",
    }.items():
        assert not allows(documents, action, resource), f"{action} on {resource}"
        assert action in actions(documents)


def test_roles_can_be_passed_only_to_the_services_that_use_them(documents: list[Policy]) -> None:
    services: set[str] = set()
    for document in documents:
        for statement in document.allowed():
            if "iam:PassRole" in statement["Action"]:
                services |= set(listed(statement["Condition"]["StringEquals"]["iam:PassedToService"]))
    assert services == {f"{name}.amazonaws.com" for name in ("ec2", "lambda", "scheduler", "states")}


def test_the_policies_allow_the_service_linked_roles_that_a_new_account_lacks(documents: list[Policy]) -> None:
    """Automatic growth of storage needs its own role, beside that of MSK. Users of another project found it missing
    (enterprise-installer#215)."""
    for service, role in {
        "kafka.amazonaws.com": "AWSServiceRoleForKafka",
        "kafka.application-autoscaling.amazonaws.com": "AWSServiceRoleForApplicationAutoScaling_KafkaCluster",
        "ops.emr-serverless.amazonaws.com": "AWSServiceRoleForAmazonEMRServerless",
        "rds.amazonaws.com": "AWSServiceRoleForRDS",
    }.items():
        arn = f"arn:aws:iam::123456789012:role/aws-service-role/{service}/{role}"
        assert allows(documents, "iam:CreateServiceLinkedRole", arn)


def test_a_boundary_is_required_where_one_is_named(render: Render) -> None:
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    for policy in render(permissions_boundary_arn=boundary):
        for statement in policy.allowed():
            if {"iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"} & set(statement["Action"]):
                assert statement["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": boundary}}
            assert "iam:DeleteRolePermissionsBoundary" not in statement["Action"]


def test_a_policy_with_the_longest_names_fits_into_a_managed_policy(render: Render) -> None:
    """A managed policy may have 6,144 characters. In another project, a region with a long name exceeded the limit
    (aws/aws-parallelcluster#6132)."""
    longest = {
        "partition": "aws-us-gov",
        "region": "us-gov-west-1",
        "name": "a-name-of-thirty-letters-abcde",
        "state_bucket": "s" * 63,
    }
    boundary = f"arn:aws-us-gov:iam::123456789012:policy/{'p' * 128}"
    for policy in render(**longest, permissions_boundary_arn=boundary):
        assert len(policy.text) <= 6144, policy.where
