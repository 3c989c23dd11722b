"""Each role has exactly the permissions that its code needs, and each function gets exactly the variables that it
reads."""

import json
import re

import pytest

from aws_calls import Reach, Unknown, Use, permissions, place_of
from conftest import Account
from grants import Lambda, explains, granted
from policies import of_roles
from rust_source import ROOT, Crate, Function, Workspace


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    """The sources of all functions."""
    return Workspace()


@pytest.fixture(scope="module")
def reached(workspace: Workspace) -> dict[str, Reach]:
    """The functions that `main` of each Lambda function reaches, by folder name."""
    return {name: Reach(workspace, name) for name in workspace.functions()}


@pytest.fixture(scope="module")
def lambdas(account: Account) -> dict[str, Lambda]:
    """The functions of the account, by folder name."""
    return {name: Lambda(account, function) for name, function in account.outputs["functions"]["value"].items()}


def test_every_function_of_the_workspace_is_deployed(workspace: Workspace, lambdas: dict[str, Lambda]) -> None:
    assert set(lambdas) == set(workspace.functions())


def test_a_role_has_exactly_the_permissions_that_the_functions_code_needs(
    account: Account, reached: dict[str, Reach], lambdas: dict[str, Lambda]
) -> None:
    roles = of_roles(account)
    problems = []
    for name, function in lambdas.items():
        used = reached[name].uses(function.environment) | function.used_by_aws(name)
        grants = granted(roles[function.role])
        for use, why in used.items():
            if not use.optional and not any(explains(use, grant) for grant in grants):
                problems.append(f"{name} needs {use.action} on {use.name or 'its resource'}: {why}")
        for grant in grants:
            if not any(explains(use, grant) for use in used):
                problems.append(f"{name} is granted {grant.action} on {grant.name}, and nothing in it uses that")
    assert not problems, "\n".join(sorted(problems))


def test_every_role_belongs_to_a_function_or_to_a_known_kind(account: Account, lambdas: dict[str, Lambda]) -> None:
    others = set(of_roles(account)) - {function.role for function in lambdas.values()}
    # The host's permissions are not derived from code. tests/host.tftest.hcl lists all of them.
    kinds = ("-schedule", "-state-machine", "-job", "-host")
    assert {role for role in others if not any(kind in role for kind in kinds)} == set(), "no test looks at these"


def test_a_schedules_role_may_only_invoke_its_target_and_send_failed_events_to_its_queue(account: Account) -> None:
    scheduler, roles = account.client("scheduler"), of_roles(account)
    for listed in scheduler.list_schedules()["Schedules"]:
        target = scheduler.get_schedule(Name=listed["Name"])["Target"]
        action = "states:StartExecution" if ":states:" in target["Arn"] else "lambda:InvokeFunction"
        expected = {Use(action, target["Arn"])}
        if "DeadLetterConfig" in target:
            expected.add(Use("sqs:SendMessage", target["DeadLetterConfig"]["Arn"].rpartition(":")[2]))
        assert granted(roles[target["RoleArn"].rpartition("/")[2]]) == expected, listed["Name"]


def test_a_state_machines_role_has_exactly_the_permissions_of_its_states(account: Account) -> None:
    client, roles = account.client("stepfunctions"), of_roles(account)
    for listed in client.list_state_machines()["stateMachines"]:
        machine = client.describe_state_machine(stateMachineArn=listed["stateMachineArn"])
        expected = set()
        for state in json.loads(machine["definition"])["States"].values():
            arguments = state.get("Arguments", {})
            match state.get("Resource", "").partition(":states:::")[2]:
                case "aws-sdk:sfn:listExecutions":
                    expected.add(Use("states:ListExecutions", machine["stateMachineArn"]))
                case "lambda:invoke":
                    expected.add(Use("lambda:InvokeFunction", arguments["FunctionName"]))
                case "emr-serverless:startJobRun.sync":
                    expected |= started_job(machine["stateMachineArn"], arguments)
                case "":
                    assert state["Type"] != "Task", "an activity, or a service that this test does not know"
                case other:
                    pytest.fail(f"{other}: say here which permissions this step needs")
        assert granted(roles[machine["roleArn"].rpartition("/")[2]]) == expected


def started_job(machine: str, arguments: dict[str, str]) -> set[Use]:
    """The permissions that Step Functions needs to start a job, to follow it with events, and to stop it."""
    place = machine.replace(":states:", ":emr-serverless:").partition(":stateMachine:")[0]
    application = f"{place}:/applications/{arguments['ApplicationId']}"
    rule = place.replace(":emr-serverless:", ":events:") + ":rule/StepFunctionsGetEventsForEMRServerlessJobRule"
    return (
        {Use("emr-serverless:StartJobRun", application), Use("iam:PassRole", arguments["ExecutionRoleArn"])}
        | {Use(f"emr-serverless:{action}", f"{application}/jobruns/*") for action in ("GetJobRun", "CancelJobRun")}
        | {Use(f"events:{action}", rule) for action in ("PutTargets", "PutRule", "DescribeRule")}
    )


def test_the_spark_jobs_role_has_exactly_the_permissions_for_its_arguments(account: Account) -> None:
    client, roles = account.client("stepfunctions"), of_roles(account)
    (listed,) = client.list_state_machines()["stateMachines"]
    definition = json.loads(client.describe_state_machine(stateMachineArn=listed["stateMachineArn"])["definition"])
    job = definition["States"]["Spark"]["Arguments"]
    driver = job["JobDriver"]["SparkSubmit"]
    given = dict(zip(driver["EntryPointArguments"][::2], driver["EntryPointArguments"][1::2], strict=True))
    logs = job["ConfigurationOverrides"]["MonitoringConfiguration"]["S3MonitoringConfiguration"]["LogUri"]
    read, written = {"s3:GetObject"}, {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}
    # The job reads raw answers, and writes and deletes parked objects. Delta reads, writes, deletes and aborts uploads.
    places = {
        given["--raw"]: read,
        driver["EntryPoint"].rpartition("/")[0]: read,
        given["--table"]: written | {"s3:AbortMultipartUpload"},
        given["--parked"]: written,
        logs: {"s3:PutObject"},
    }
    expected = set()
    for address, actions in places.items():
        place = place_of(address)
        expected |= {Use(action, place) for action in actions} | {Use("s3:ListBucket", place.partition("/")[0])}
    found = {
        Use(use.action, use.name.rstrip("/*")) for use in granted(roles[job["ExecutionRoleArn"].rpartition("/")[2]])
    }
    assert found == expected


# Variables that functions read and no module sets, with their default or the reason.
DEFAULTS = {
    "AWS_LAMBDA_FUNCTION_NAME": "Lambda sets it",
    "DATABASE_CA_FILE": "for a process with files; a function has DATABASE_CA_PEM",
    "FETCH_CA_PEM": "the public certificate authorities",
    "JUDGED_DAYS": "7",
    "KEPT_DAYS": "400",
    "LARGEST_WINDOW": "2000000",
    "KAFKA_CLUSTER_ARN": "an alternative to KAFKA_BOOTSTRAP_SERVERS, which is set",
    "MAX_EXPANDED_MB": "8192",
    "SETTLE_SECONDS": "5",
}
# Variables that functions read and that modules set only if they are needed.
SOMETIMES = {
    "DATABASE_CA_PEM": "database_ca_pem",
    "HEADWATER_PIPELINES": "the pipelines, if they fit into the environment",
    "HEADWATER_PIPELINES_URI": "the address of the pipelines, if they do not fit",
}
# Variables that modules set and no function reads. The hash makes Lambda start new environments when the document at
# the address has changed.
UNREAD = {"HEADWATER_PIPELINES_SHA256"}


def test_a_function_has_exactly_the_variables_that_it_reads(
    reached: dict[str, Reach], lambdas: dict[str, Lambda]
) -> None:
    for name, function in lambdas.items():
        read, told = reached[name].variables(), set(function.environment)
        assert told - read - UNREAD == set(), f"{name} does not read them"
        assert read - told - set(DEFAULTS) - set(SOMETIMES) == set(), f"no module sets them for {name}"
        assert reached[name].required() - told == set(), f"{name} does not start without them"


def test_no_module_sets_a_variable_that_the_function_does_not_read(reached: dict[str, Reach]) -> None:
    """The local and the AWS environment create functions with the same modules, which set more variables in one of
    them."""
    for name, reach in reached.items():
        told = variables_in_modules(name)
        assert told - reach.variables() - UNREAD == set(), f"{name} does not read them"
        assert reach.required() - told == set(), f"{name} does not start without them"
        assert told & set(DEFAULTS) == set(), "not a default only"


# ---- The test itself -------------------------------------------------------------------------------------------------


def function_of(crate: str, dependencies: set[str], body: str) -> Function:
    """A function in a crate."""
    return Function(Crate(crate, ROOT, dependencies), "file", None, None, "ask", body, body)


@pytest.mark.parametrize(
    ("dependency", "body"),
    [
        ("aws-sdk-s3", "(client: &Client) { client.copy_object().bucket(b).send().await }"),
        ("aws-sdk-sqs", "(request: SendMessageFluentBuilder) { request.send().await }"),
        ("aws-sdk-dynamodb", "(client: &Client) { client.get_item().send().await }"),
        ("krafka", "(kafka: &Kafka) { kafka.admin().delete_topics(names).await }"),
    ],
)
def test_a_call_that_is_missing_in_the_tables_is_an_error(dependency: str, body: str) -> None:
    with pytest.raises(Unknown):
        permissions(function_of(f"new-{dependency}", {dependency}, body))


def test_a_permission_that_only_some_callers_of_a_crate_need_is_not_given_to_the_others(
    reached: dict[str, Reach],
) -> None:
    bucket = {"PARKED_ROOT": "s3://b/parked"}
    deletes = {
        name for name, reach in reached.items() if Use("s3:DeleteObject", "b/parked") in reach.uses(bucket | SETTINGS)
    }
    assert {"bucket-ingester", "inbox-etl"} <= deletes
    assert not deletes & {"parquet-writer", "table-writer", "totals-upserter", "live-board"}


SETTINGS = {"FETCH_SOURCES": "[]"}


def variables_in_modules(function: str) -> set[str]:
    """The variables that the modules can set for a function, in any environment."""
    modules = ROOT / "terraform" / "modules"
    if function == "forecast-fetcher":
        text = (modules / "forecast" / "main.tf").read_text()
    else:
        # The function has its own module call, or is a key in a module call for several functions.
        its_own = re.compile(rf'local\.function\["{function}"\]|^    {function} = \{{$', re.MULTILINE)
        (text,) = (text for file in (modules / "lanes").glob("*.tf") if its_own.search(text := file.read_text()))
    settings = (modules / "lanes" / "settings.tf").read_text()
    for name in re.findall(r"local\.(pipelines_\w+|\w+_environment)\b", text):
        names = ["pipelines_inline", "pipelines_by_address"] if name == "pipelines_environment" else [name]
        for local in names:
            text += re.search(rf"\n  {local}\s*=.*?(?=\n  \w+\s*=|\n\}})", settings, re.DOTALL)[0]
    found = set(re.findall(r"\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\s+=[^=]", text)) | set(
        re.findall(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"\s*=>', text)
    )
    return found | {"LOG_LEVEL"} | ({"PARTIAL_BATCH_RESPONSE"} if "../kafka_function" in text else set())
