"""Each role may do what is done with it, and nothing else; each function is told what it asks, and nothing else."""

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
    """What each function's main reaches, by folder name."""
    return {name: Reach(workspace, name) for name in workspace.functions()}


@pytest.fixture(scope="module")
def lambdas(account: Account) -> dict[str, Lambda]:
    """The functions of the account, by folder name."""
    return {name: Lambda(account, function) for name, function in account.outputs["functions"]["value"].items()}


def test_every_function_of_the_workspace_is_deployed(workspace: Workspace, lambdas: dict[str, Lambda]) -> None:
    assert set(lambdas) == set(workspace.functions())


def test_a_function_may_do_what_its_code_does_and_nothing_else(
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


def test_every_role_is_that_of_a_function_or_of_what_invokes_one(account: Account, lambdas: dict[str, Lambda]) -> None:
    others = set(of_roles(account)) - {function.role for function in lambdas.values()}
    # What operators may do from the host is not read from code: tests/host.tftest.hcl names all of it.
    kinds = ("-schedule", "-state-machine", "-job", "-host")
    assert {role for role in others if not any(kind in role for kind in kinds)} == set(), "no test looks at these"


def test_a_schedule_may_invoke_its_target_and_keep_what_failed(account: Account) -> None:
    scheduler, roles = account.client("scheduler"), of_roles(account)
    for listed in scheduler.list_schedules()["Schedules"]:
        target = scheduler.get_schedule(Name=listed["Name"])["Target"]
        action = "states:StartExecution" if ":states:" in target["Arn"] else "lambda:InvokeFunction"
        expected = {Use(action, target["Arn"])}
        if "DeadLetterConfig" in target:
            expected.add(Use("sqs:SendMessage", target["DeadLetterConfig"]["Arn"].rpartition(":")[2]))
        assert granted(roles[target["RoleArn"].rpartition("/")[2]]) == expected, listed["Name"]


def test_a_state_machine_may_do_the_work_of_its_states(account: Account) -> None:
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
    """What Step Functions needs to start a job, to follow it by events, and to stop it with its execution."""
    place = machine.replace(":states:", ":emr-serverless:").partition(":stateMachine:")[0]
    application = f"{place}:/applications/{arguments['ApplicationId']}"
    rule = place.replace(":emr-serverless:", ":events:") + ":rule/StepFunctionsGetEventsForEMRServerlessJobRule"
    return (
        {Use("emr-serverless:StartJobRun", application), Use("iam:PassRole", arguments["ExecutionRoleArn"])}
        | {Use(f"emr-serverless:{action}", f"{application}/jobruns/*") for action in ("GetJobRun", "CancelJobRun")}
        | {Use(f"events:{action}", rule) for action in ("PutTargets", "PutRule", "DescribeRule")}
    )


def test_the_spark_job_may_use_what_its_arguments_name(account: Account) -> None:
    client, roles = account.client("stepfunctions"), of_roles(account)
    (listed,) = client.list_state_machines()["stateMachines"]
    definition = json.loads(client.describe_state_machine(stateMachineArn=listed["stateMachineArn"])["definition"])
    job = definition["States"]["Spark"]["Arguments"]
    driver = job["JobDriver"]["SparkSubmit"]
    given = dict(zip(driver["EntryPointArguments"][::2], driver["EntryPointArguments"][1::2], strict=True))
    logs = job["ConfigurationOverrides"]["MonitoringConfiguration"]["S3MonitoringConfiguration"]["LogUri"]
    read, written = {"s3:GetObject"}, {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}
    # The job reads raw answers, and parks by writing and deleting; Delta reads, writes, deletes and aborts uploads.
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


# Read, and not set by any module: each has a default that is meant.
DEFAULTS = {
    "AWS_LAMBDA_FUNCTION_NAME": "Lambda sets it",
    "DATABASE_CA_FILE": "for a process with files; a function has DATABASE_CA_PEM",
    "FETCH_CA_PEM": "the public authorities",
    "JUDGED_DAYS": "7",
    "KEPT_DAYS": "400",
    "LARGEST_WINDOW": "2000000",
    "KAFKA_CLUSTER_ARN": "the other way to name the brokers: KAFKA_BOOTSTRAP_SERVERS is set",
    "MAX_EXPANDED_MB": "8192",
    "SETTLE_SECONDS": "5",
}
# Read, and set where it is needed: not by default.
SOMETIMES = {
    "DATABASE_CA_PEM": "database_ca_pem",
    "HEADWATER_PIPELINES": "a document that fits into the environment",
    "HEADWATER_PIPELINES_URI": "a document that does not",
}
# Set, and not read: the value replaces a function that runs when the document at the same address has changed.
UNREAD = {"HEADWATER_PIPELINES_SHA256"}


def test_a_function_is_told_what_it_reads_and_nothing_else(
    reached: dict[str, Reach], lambdas: dict[str, Lambda]
) -> None:
    for name, function in lambdas.items():
        read, told = reached[name].variables(), set(function.environment)
        assert told - read - UNREAD == set(), f"{name} does not read them"
        assert read - told - set(DEFAULTS) - set(SOMETIMES) == set(), f"no module sets them for {name}"
        assert reached[name].required() - told == set(), f"{name} does not start without them"


def test_no_module_sets_a_variable_that_the_function_does_not_read(reached: dict[str, Reach]) -> None:
    """Both environments have their functions from these files, which set more in one than in the other."""
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
def test_a_call_that_no_table_knows_is_not_passed_over(dependency: str, body: str) -> None:
    with pytest.raises(Unknown):
        permissions(function_of(f"new-{dependency}", {dependency}, body))


def test_what_only_some_callers_of_a_crate_use_is_told_apart(reached: dict[str, Reach]) -> None:
    bucket = {"PARKED_ROOT": "s3://b/parked"}
    deletes = {
        name for name, reach in reached.items() if Use("s3:DeleteObject", "b/parked") in reach.uses(bucket | SETTINGS)
    }
    assert {"bucket-ingester", "inbox-etl"} <= deletes
    assert not deletes & {"parquet-writer", "table-writer", "totals-upserter", "live-board"}


SETTINGS = {"FETCH_SOURCES": "[]"}


def variables_in_modules(function: str) -> set[str]:
    """The variables that the modules can set for a function, in whatever environment."""
    modules = ROOT / "terraform" / "modules"
    if function == "forecast-fetcher":
        text = (modules / "forecast" / "main.tf").read_text()
    else:
        # By its own name, or as a key where several functions have one module call.
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
