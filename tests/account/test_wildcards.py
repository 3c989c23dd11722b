"""No policy contains a wildcard that AWS allows to be narrower."""

import re
from typing import Any

from conftest import Account
from iam_actions import is_known, kinds
from policies import of_account
from rust_source import ROOT

# Patterns of resources that may contain `*`, each with the reason.
PATTERNS = {
    r"arn:aws:s3:::[^*/]+/[^*]+/\*": "objects of one folder",
    r"arn:aws:s3:::[^*/]+-media-[^*/]+/\*": "the list of files may name every object of the media bucket",
    r"arn:aws:s3:::[^*/]+-lake-[^*/]+/\*": "operators read every table, from the host",
    r"arn:aws:s3:::(aws-ssm|amazon-ssm|patch-baseline-snapshot)-[^*/]+/\*": "AWS's own buckets, for the host's patches",
    r"arn:aws:s3:::(aws-patch-manager|patch-baseline-snapshot)-[^*/]+-\*/\*": "the same; AWS chooses the suffix",
    r"arn:aws:ec2:[^*]+:instance/\*": "the policy exists before the host has an id",
    r"arn:aws:kafka:[^*]+:group/[^*]+/console-consumer-\*": "Kafka's tools end the name of their group with a number",
    r"arn:aws:kafka:[^*]+:transactional-id/[^*]+/\*": "producers choose their ids",
    r"arn:aws:logs:[^*]+:log-group:/aws/lambda/[^*]+:log-stream:\*": "Lambda names the streams",
    r"arn:aws:logs:[^*]+:log-group:/aws/lambda/[^*]+:\*": "one log group, in the form of AWS's guide",
    r"arn:aws:lambda:[^*]+:event-source-mapping:\*": "a condition names the functions of these mappings",
    r"arn:aws:emr-serverless:[^*]+/applications/[^*]+/jobruns/\*": "EMR names the runs",
    r"arn:aws:ec2:[^*]+:\d+:\*/\*": "Lambda creates and names the interfaces, so only the account is fixed",
}

# Actions that may be allowed on "*" although AWS can limit them.
ALL_RESOURCES = {
    # In the policy of a resource, "*" means this resource.
    "key": r"kms:.+",
    "topic": r"[sS][nN][sS]:.+",
}

# Actions that a statement may allow to everybody, because URLs are called without IAM. A condition limits them to calls
# of a URL. AWS shows it as a condition, moto under the name of the request's parameter.
ANYBODY = {
    "lambda:InvokeFunctionUrl": "FunctionUrlAuthType",
    "lambda:InvokeFunction": "InvokedViaFunctionUrl",
}

# Wildcards in the sources: file and text, each with the reason.
IN_SOURCES = {
    ("modules/tls_only/main.tf", "s3:*"): "a denial of all requests without TLS",
    ("modules/tls_only/main.tf", "Principal *"): "the same",
    ("modules/function/main.tf", "*"): "EC2's Describe actions cannot be limited; and a denial",
    ("modules/http_function/main.tf", "principal *"): "a URL without IAM",
    ("modules/http_function/main.tf", "Principal *"): "the same, by Cloud Control",
    ("modules/key/main.tf", "kms:*"): "AWS's default; without it, the key could not be managed",
    ("modules/key/main.tf", "*"): "in the policy of a key it means this key",
    ("modules/host/role.tf", "*"): "actions of Session Manager's channels cannot be limited",
    ("deployer/data.tf", "*"): "tested by test_deployer.py",
    ("deployer/functions.tf", "*"): "tested by test_deployer.py",
    ("deployer/host.tf", "*"): "tested by test_deployer.py",
    ("deployer/network.tf", "*"): "tested by test_deployer.py",
    ("deployer/observability.tf", "*"): "tested by test_deployer.py",
    ("deployer/roles.tf", "*"): "tested by test_deployer.py",
}


def test_no_policy_of_the_account_has_a_wildcard_that_could_be_narrower(account: Account) -> None:
    problems = []
    for policy in of_account(account):
        for statement in policy.allowed():
            where = f"{policy.where}, {statement.get('Sid', 'a statement')}"
            own = ALL_RESOURCES.get(policy.where.partition(" ")[0])
            for action in statement["Action"]:
                if own and re.fullmatch(own, action):
                    continue
                if "*" in action or not is_known(action):
                    problems.append(f"{where}: the action {action}")
                elif "*" in statement["Resource"] and kinds(action):
                    problems.append(f"{where}: {action} on *, and AWS can limit it to {', '.join(kinds(action))}")
            for resource in statement["Resource"]:
                if resource != "*" and "*" in resource and not any(re.fullmatch(known, resource) for known in PATTERNS):
                    problems.append(f"{where}: the resource {resource}")
            if "*" in statement["Principal"] and not is_bounded(statement):
                problems.append(f"{where}: anybody")
    assert not problems, "\n".join(problems)


def is_bounded(statement: dict[str, Any]) -> bool:
    """Whether a condition limits a statement for everybody to calls of a URL, or to the account itself."""
    conditions = {key for keys in statement.get("Condition", {}).values() for key in keys}
    keys = {key.rpartition(":")[2] for key in conditions | set(statement)}
    if "SourceOwner" in keys:
        return True  # SNS adds this condition to the policy of every topic
    return bool(statement["Action"]) and all(ANYBODY.get(action) in keys for action in statement["Action"])


def test_no_source_has_a_wildcard_without_a_reason() -> None:
    """Covers also resources that are not applied by default."""
    found = set()
    for path in sorted((ROOT / "terraform").rglob("*.tf")):
        if ".terraform" in path.parts or "tests" in path.parts or "examples" in path.parts:
            continue
        text = re.sub(r"#[^\n]*", "", path.read_text())
        name = str(path.relative_to(ROOT / "terraform"))
        found |= {(name, action) for action in re.findall(r'"([a-z0-9-]+:[A-Za-z]*\*)"', text)}
        found |= {(name, f"{kind} *") for kind in re.findall(r'\b([pP]rincipal)\s*=\s*"\*"', text)}
        found |= {(name, f"{kind} *") for kind in re.findall(r'\b([pP]rincipal)\s*=\s*\{\s*AWS\s*=\s*\[?"\*"', text)}
        if re.search(r'\b[rR]esources?\s*=\s*\[?\s*"\*"', text):
            found.add((name, "*"))
    assert found - set(IN_SOURCES) == set(), "name the resources, or give the reason here"
