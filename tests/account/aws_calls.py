"""The permissions that the code of each function needs: those of the AWS calls that its `main` can reach.

A call of an AWS SDK is found by its name, which is that of an operation in the service's published model. The tests
fail if the code calls an operation that is not in the tables here, or uses a bucket that no variable names. The error
says what is missing.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from botocore import xform_name
from botocore.loaders import Loader

from rust_source import Crate, Function, Workspace

# boto's name of the service of each SDK crate.
SDKS = {
    "aws-sdk-cloudwatchlogs": "logs",
    "aws-sdk-kafka": "kafka",
    "aws-sdk-lambda": "lambda",
    "aws-sdk-s3": "s3",
    "aws-sdk-secretsmanager": "secretsmanager",
    "aws-sdk-sqs": "sqs",
    "aws-sdk-sts": "sts",
}

# The permissions that a call needs. Those with "?" are optional: without s3:ListBucket, S3 answers 403 instead of 404
# if the object does not exist.
OPERATIONS = {
    ("kafka", "get_bootstrap_brokers"): ["kafka:GetBootstrapBrokers"],
    ("lambda", "invoke"): ["lambda:InvokeFunction"],
    ("logs", "filter_log_events"): ["logs:FilterLogEvents"],
    ("s3", "delete_object"): ["s3:DeleteObject"],
    ("s3", "delete_objects"): ["s3:DeleteObject"],
    ("s3", "get_object"): ["s3:GetObject", "s3:ListBucket?"],
    ("s3", "head_object"): ["s3:GetObject", "s3:ListBucket?"],
    ("s3", "list_objects_v2"): ["s3:ListBucket"],
    ("s3", "put_object"): ["s3:PutObject"],
    ("secretsmanager", "get_secret_value"): ["secretsmanager:GetSecretValue"],
    ("sqs", "get_queue_attributes"): ["sqs:GetQueueAttributes"],
}

# The permissions that MSK requires for the requests of the Kafka client library, for which there is no SDK.
KAFKA = {
    "alter_consumer_group_offsets": ["kafka-cluster:AlterGroup", "kafka-cluster:ReadData"],
    "consumer_without_group": ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"],
    "describe_configs": ["kafka-cluster:DescribeTopicDynamicConfiguration"],
    "describe_topics": ["kafka-cluster:DescribeTopic"],
    "list_consumer_group_offsets": ["kafka-cluster:DescribeGroup", "kafka-cluster:DescribeTopic"],
    "list_offsets": ["kafka-cluster:DescribeTopic"],
    # Only an idempotent producer needs `WriteDataIdempotently`.
    "producer": ["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"],
    "idempotent": ["kafka-cluster:WriteDataIdempotently"],
}
KAFKA_REQUEST = re.compile(
    r"(?<=admin\(\))\s*\.\s*(\w+)\s*\(|\b(?:admin|kafka)\s*\.\s*(\w+)\s*\(|\.\s*(idempotent|transactional_id)\s*\("
)
NO_REQUEST = {"admin", "clone", "close"}

# Permissions of functions that make no SDK call or whose call does not show them: they sign tokens, or a parameter
# changes the permission.
FUNCTIONS = {
    "kafka::token::msk_token": ["kafka-cluster:Connect"],
    "warehouse::login::iam_token": ["rds-db:connect"],
    "s3::store::ObjectStore::get_version": ["s3:GetObjectVersion"],
}

# Crates that call AWS for other crates (`CARRIERS`). The caller decides the bucket or secret: `PLACES` says which
# variable names it, by the caller's crate or file.
CARRIERS = {"object-reader", "s3", "secrets"}
PLACES = {
    "bucket-ingester": "MEDIA_SOURCE",
    "dead-letters": "PARKED_ROOT",
    "forecast-fetcher": "FETCH_SOURCES",
    "function-kit::pipelines": "HEADWATER_PIPELINES_URI",
    "inbox-etl": "INBOX_ROOT",
    "lake": "LAKE_ROOT",
    "lake-upkeep": "LAKE_ROOT",
    "telemetry-gateway::token": "GATEWAY_TOKEN_SECRET",
    "warehouse::login": "DATABASE_AUTH",
}

REQUIRED = re.compile(r'environment\s*\.required\(\s*"(\w+)"')
VARIABLE = re.compile(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"')


class Unknown(Exception):
    """A call that is missing in the tables of this file."""


@dataclass(frozen=True)
class Use:
    """A permission on a resource: a folder of a bucket, a secret, a user of the database, and so on. The name is empty
    if the action needs none."""

    action: str
    name: str
    optional: bool = False


class Reach:
    """The functions that `main` of one Lambda function reaches."""

    def __init__(self, workspace: Workspace, root: str) -> None:
        self.workspace, self.root = workspace, root
        closure = workspace.closure(root)
        mains = [function for function in workspace.crates[root].functions if function.name == "main"]
        # Each reached function, with the variable that names the place if it is in a carrier. The value is the caller.
        self.found: dict[tuple[Function, str], tuple[Function, str] | None] = {}
        waiting: list[tuple[tuple[Function, str], tuple[Function, str] | None]] = [((main, ""), None) for main in mains]
        while waiting:
            node, by = waiting.pop()
            if node in self.found:
                continue
            self.found[node] = by
            function, place = node
            for called in workspace.calls(function, closure, root):
                waiting.append(((called, self._place(function, called, place)), node))

    def _place(self, caller: Function, called: Function, place: str) -> str:
        if called.crate.name not in CARRIERS:
            return ""
        if caller.crate.name in CARRIERS:
            return place
        name = caller.crate.name
        return PLACES.get(f"{name}::{caller.module}") or PLACES.get(name) or f"?{caller}"

    def variables(self) -> set[str]:
        """The environment variables that the function reads."""
        readers = (function for function, _ in self.found if re.search(r"\benvironment\b|\benv::var", function.body))
        return {name for function in readers for name in VARIABLE.findall(function.written)}

    def required(self) -> set[str]:
        """The environment variables without which the function never starts."""
        readers = {function for function, _ in self.found}
        found = {name for function in readers for name in REQUIRED.findall(function.written)}
        # Leaves out variables that the code reads with `required` only after `text` has found them.
        return found - {
            name for function in readers for name in re.findall(r'environment\.text\("(\w+)"\)', function.written)
        }

    def uses(self, environment: dict[str, str]) -> dict[Use, str]:
        """The permissions that the function needs with these variables, each with a path of calls from `main`."""
        uses: dict[Use, str] = {}
        for function, place in self.found:
            for action in permissions(function):
                optional = action.endswith("?")
                for name in names(action.rstrip("?"), place, environment):
                    use = Use(action.rstrip("?"), name, optional)
                    if name.startswith("?"):
                        raise Unknown(f"{use.action} of {name[1:]}: PLACES does not say which variable names the place")
                    uses.setdefault(use, self.path(function, place))
        return {use: path for use, path in uses.items() if not use.optional or Use(use.action, use.name) not in uses}

    def path(self, function: Function, place: str) -> str:
        """The path of calls from `main` to a function, the function first."""
        path, node = [], (function, place)
        while node:
            path.append(str(node[0]))
            node = self.found[node]
        return " < ".join(path)


def operations(crate: Crate) -> dict[str, str]:
    """The operations of the SDKs on which the crate depends: the service of each, by the name of the method."""
    found = {}
    for dependency in sorted(crate.dependencies):
        if dependency.startswith("aws-sdk-"):
            if dependency not in SDKS:
                raise Unknown(f"{crate.name} uses {dependency}: SDKS does not know its service")
            model = Loader().load_service_model(SDKS[dependency], "service-2")
            found |= {xform_name(operation): SDKS[dependency] for operation in model["operations"]}
    return found


def permissions(function: Function) -> list[str]:
    """The IAM actions of the AWS calls in a function."""
    return [*FUNCTIONS.get(str(function), []), *_of_sdks(function), *_of_kafka(function)]


def _of_sdks(function: Function) -> Iterator[str]:
    known = cached_operations(function.crate)
    # An operation starts with a call of the client's method, which has no arguments.
    called = [name for name in re.findall(r"\.\s*(\w+)\s*\(\)", function.body) if name in known]
    if known and not called and re.search(r"\.\s*send\s*\(\)", function.body):
        raise Unknown(
            f"{function} sends a request, and which one is not to be seen in it: begin it in the same function"
        )
    for name in called:
        if (known[name], name) not in OPERATIONS:
            raise Unknown(f"{function} calls {name} of {known[name]}: OPERATIONS does not say what it needs")
        yield from OPERATIONS[known[name], name]


def _of_kafka(function: Function) -> Iterator[str]:
    if "krafka" not in function.crate.dependencies:
        return
    for match in KAFKA_REQUEST.finditer(function.body):
        name = match[1] or match[2] or match[3]
        if name not in KAFKA and name not in NO_REQUEST:
            raise Unknown(f"{function} calls {name} of Kafka: KAFKA does not say what it needs")
        yield from KAFKA.get(name, [])


_operations: dict[str, dict[str, str]] = {}


def cached_operations(crate: Crate) -> dict[str, str]:
    """Like `operations`, but reads the models of a crate only once."""
    if crate.name not in _operations:
        _operations[crate.name] = operations(crate)
    return _operations[crate.name]


def names(action: str, place: str, environment: dict[str, str]) -> list[str]:
    """The names of the resources on which a permission is needed with these variables. Empty if the variables turn the
    call off."""
    service = action.partition(":")[0]
    if service == "kafka-cluster":
        return [""] if environment.get("KAFKA_AUTH") == "msk-iam" else []
    if action == "kafka:GetBootstrapBrokers":
        return [""] if "KAFKA_CLUSTER_ARN" in environment else []
    if service == "rds-db":
        user = urlsplit(environment.get("DATABASE_URL", "")).username
        return [user or "?"] if environment.get("DATABASE_AUTH") == "iam" else []
    if service == "logs":
        return [f"/aws/lambda/{name}" for name in json.loads(environment.get("BOARD_FUNCTIONS", "{}")).values()]
    if service == "sqs":
        queues = json.loads(environment.get("BOARD_QUEUES", "[]"))
        return [queue[url].rpartition("/")[2] for queue in queues for url in ("url", "dead_letter_url")]
    if place.startswith("?"):
        return [place]
    value = environment.get(place, "")
    if place == "FETCH_SOURCES":
        found = [source["target" if service == "s3" else "token_secret"] for source in json.loads(value or "[]")]
    else:
        found = [value.removeprefix("secret:")] if service != "secretsmanager" or ":" in value else []
    if service == "s3":
        if action == "s3:GetObjectVersion" and "versionId" not in value:
            return []
        places = {place_of(address) for address in found if address.startswith("s3://")}
        return sorted({place.partition("/")[0] for place in places} if action == "s3:ListBucket" else places)
    return [secret for secret in found if secret]


def place_of(address: str) -> str:
    """BUCKET or BUCKET/PREFIX of an address. Of a template, the folder before its first parameter."""
    parts = urlsplit(address)
    path, parameter, _ = parts.path.partition("{")
    return parts.netloc + (path.rpartition("/")[0] if parameter else path).rstrip("/")
