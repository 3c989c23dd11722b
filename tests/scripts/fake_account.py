#!/usr/bin/env -S python3 -S -E
"""Stand-in for the programs `aws` and `terraform`, which scripts/deploy and scripts/rollback call.

Both use one file with the state of the account. The stand-in records every call. It passes `terraform console` and
`terraform version` on to the real Terraform and does not record them. An apply publishes a version of each function.
The alias `live` then points to it unless the version is held, as in terraform/modules/function.
"""

import fcntl
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

ACCOUNT = Path(os.environ["ACCOUNT"])
FUNCTIONS = {
    folder: f"headwater-dev-{folder}"
    for folder in ("parquet-writer", "schema-migrator", "telemetry-gateway", "totals-upserter")
}
EMPTY: dict[str, Any] = {"newest": {}, "live": {}, "objects": {}, "alarms": [], "polls": 0, "gone": []}


def main() -> None:
    """Acts as the program whose name was called."""
    program, arguments = Path(sys.argv[0]).name, sys.argv[1:]
    if program == "terraform" and {"console", "version"} & set(arguments):
        os.execv(os.environ["TERRAFORM"], ["terraform", *arguments])
    with Path(os.environ["CALLS"]).open("a") as calls:
        calls.write(f"{program} {' '.join(arguments)}\n")
    # Smoke tests run at the same time: without the lock, one call reads the file while another writes it.
    with ACCOUNT.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = json.loads(ACCOUNT.read_text()) if ACCOUNT.exists() else EMPTY
        text = " ".join(arguments)
        answer = terraform(state, arguments, text) if program == "terraform" else aws(state, arguments, text)
        ACCOUNT.write_text(json.dumps(state))
    if answer is not None:
        print(answer if isinstance(answer, str) else json.dumps(answer))


def refuse(text: str, status: int = 254) -> None:
    """Ends with the status of the AWS command line after an error of AWS."""
    print(text, file=sys.stderr)
    sys.exit(status)


def knob(name: str) -> str:
    """A setting that a test has made, as an environment variable. Empty if it is not set."""
    return os.environ.get(name, "")


# ---- Terraform -------------------------------------------------------------------------------------------------------


def terraform(state: dict[str, Any], arguments: list[str], text: str) -> Any:
    """Carries out one command. A plan stores the held versions in the state, and the next apply uses them."""
    verb = next(word for word in arguments if not word.startswith("-"))
    environment = Path(arguments[0].partition("=")[2])
    if (environment / "backend_override.tf").exists():
        with Path(os.environ["CALLS"]).open("a") as calls:
            calls.write("local state\n")
    if verb == "plan":
        held = re.search(r"held_versions=(\{.*?\})", text)
        state["planned"] = json.loads(held[1]) if held else {}
        if "-detailed-exitcode" in arguments:
            ACCOUNT.write_text(json.dumps(state))
            sys.exit(0 if state["live"] == state["newest"] else 2)
    elif verb == "apply":
        apply(state, aliases_only=arguments[-1].endswith("/aliases"))
    elif verb == "show":
        return plan(arguments[-1])
    elif verb == "output":
        return output(state, arguments)
    return None


def apply(state: dict[str, Any], aliases_only: bool) -> None:
    """Publishes versions (unless `aliases_only`), and moves `live` to the newest version of each function that is not
    held."""
    if knob("APPLY_FAILS") == ("aliases" if aliases_only else "plan"):
        refuse("Error: AWS does not want to", 1)
    if not aliases_only:
        changed = knob("CHANGED").split() or list(FUNCTIONS)
        for function in set(changed) | (FUNCTIONS.keys() - state["newest"].keys()):
            state["newest"][function] = str(int(state["newest"].get(function, "0")) + 1)
    for function, version in state["newest"].items():
        state["live"][function] = state["planned"].get(function, version)


def plan(file: str) -> dict[str, Any]:
    """A plan as JSON: the changes in PLAN, or, for the second plan, an alias that moves and PLAN_OF_ALIASES."""
    changes = json.loads(knob("PLAN") or "[]")
    if file.endswith("/aliases"):
        alias = "module.lanes.module.parquet_writer[0].aws_lambda_alias.live[0]"
        changes = [{"address": alias, "type": "aws_lambda_alias", "change": {"actions": ["update"]}}]
        changes += json.loads(knob("PLAN_OF_ALIASES") or "[]")
    return {"format_version": "1.2", "planned_values": {"root_module": {}}, "resource_changes": changes}


def output(state: dict[str, Any], arguments: list[str]) -> Any:
    """All outputs, or the value of one output."""
    if arguments[-1] == "urls":
        return {"live-board": "https://board.example"}
    if arguments[-1] != "-json":
        return json.dumps("something")
    if not state["newest"]:
        return {}
    host = {"instance_id": "i-1", "connect": "…"} if knob("HOST") else None
    values = {
        "name": "headwater-dev",
        "region": "eu-central-1",
        "functions": FUNCTIONS,
        "deployment_bucket": "headwater-dev-deploy",
        "host": host,
    }
    return {name: {"sensitive": False, "type": "any", "value": value} for name, value in values.items()}


# ---- AWS -------------------------------------------------------------------------------------------------------------


def aws(state: dict[str, Any], arguments: list[str], text: str) -> Any:
    """Carries out one call of the AWS command line. The function with the name of the operation answers it."""
    operation = arguments[1]
    options = {
        name.removeprefix("--"): value
        for name, value in zip(arguments, arguments[1:], strict=False)
        if name.startswith("--")
    }
    handler = globals().get(operation.replace("-", "_"))
    if handler is None:
        refuse(f"{operation} is missing in {__file__}")
    return handler(state, options, arguments)


def get_caller_identity(*_: Any) -> Any:
    """Returns the number of the account."""
    if knob("NO_CREDENTIALS"):
        refuse("the token has expired")
    return "111122223333"


def get_account_settings(*_: Any) -> Any:
    """Returns the quota of concurrent invocations."""
    return knob("QUOTA") or "1000"


def head_bucket(*_: Any) -> None:
    """Reports whether the state bucket exists. BUCKET is the error, for example 404."""
    if knob("BUCKET"):
        refuse(f"An error occurred ({knob('BUCKET')}) when calling HeadBucket")


def function_of(options: dict[str, str]) -> str:
    """The folder name of the function in the options."""
    return options["function-name"].removeprefix("headwater-dev-")


def get_alias(state: dict[str, Any], options: dict[str, str], _: list[str]) -> Any:
    """Returns the version that serves."""
    if function_of(options) not in state["live"]:
        refuse("An error occurred (ResourceNotFoundException) when calling the GetAlias operation")
    return {"FunctionVersion": state["live"][function_of(options)]}


def update_alias(state: dict[str, Any], options: dict[str, str], _: list[str]) -> Any:
    """Makes another version serve. NO_MOVE names a function for which this fails."""
    if knob("NO_MOVE") == function_of(options):
        refuse("An error occurred (AccessDeniedException) when calling the UpdateAlias operation")
    state["live"][function_of(options)] = options["function-version"]
    return {}


def list_versions_by_function(state: dict[str, Any], options: dict[str, str], _: list[str]) -> Any:
    """Returns all versions and $LATEST."""
    numbers = range(1, int(state["newest"][function_of(options)]) + 1)
    return {"Versions": [{"Version": "$LATEST"}, *({"Version": str(number)} for number in numbers)]}


def get_function_configuration(state: dict[str, Any], options: dict[str, str], _: list[str]) -> Any:
    """Returns one version. Fails if the test has deleted it."""
    if f"{function_of(options)} {options['qualifier']}" in state["gone"]:
        refuse("An error occurred (ResourceNotFoundException) when calling the GetFunctionConfiguration operation")
    return {}


def invoke(state: dict[str, Any], options: dict[str, str], arguments: list[str]) -> Any:
    """Answers a smoke test. SMOKE is FUNCTION, which then fails, or FUNCTION=STATUS, which then answers with the
    status."""
    function, event = function_of(options), json.loads(Path(options["payload"].removeprefix("fileb://")).read_text())
    failing, _, how = knob("SMOKE").partition("=")
    serving = "serving" if state["live"].get(function) == options["qualifier"] else "not serving"
    with Path(os.environ["CALLS"]).open("a") as calls:
        calls.write(f"tested {function} {options['qualifier']} {serving}\n")
    answer: dict[str, Any] = {"batchItemFailures": []} if "records" in event else {"statusCode": 200}
    report: dict[str, Any] = {"StatusCode": 200}
    if function == failing and how.isdigit():
        answer = {"statusCode": int(how), "body": "the brokers do not answer"}
    elif function == failing:
        report["FunctionError"] = "Unhandled"
        answer = {"errorType": "configuration", "errorMessage": "LAKE_ROOT is missing"}
    Path(arguments[-1]).write_text(json.dumps(answer))
    return report


def describe_alarms(state: dict[str, Any], *_: Any) -> Any:
    """Returns the active alarms: those in the state, and the alarm RINGS if a second version serves."""
    names = list(state["alarms"])
    if knob("RINGS") and "2" in state["live"].values():
        names.append(knob("RINGS"))
    return {"MetricAlarms": [{"AlarmName": name, "StateReason": "3 of 3 minutes"} for name in names]}


def list_objects_v2(state: dict[str, Any], options: dict[str, str], _: list[str]) -> Any:
    """Returns the keys of recorded releases."""
    return {"Contents": [{"Key": key} for key in state["objects"] if key.startswith(options["prefix"])]}


def get_object(state: dict[str, Any], options: dict[str, str], arguments: list[str]) -> Any:
    """Downloads the record of a release."""
    Path(arguments[-1]).write_text(state["objects"][options["key"]])
    return {}


def put_object(state: dict[str, Any], options: dict[str, str], _: list[str]) -> Any:
    """Stores the record of a release."""
    state["objects"][options["key"]] = Path(options["body"]).read_text()
    return {}


def describe_instance_information(*_: Any) -> Any:
    """Returns the connection status of the host."""
    return {"InstanceInformationList": [{"PingStatus": knob("HOST")}]}


def send_command(*_: Any) -> Any:
    """Accepts a command for the host."""
    return {"Command": {"CommandId": "c-1"}}


def get_command_invocation(state: dict[str, Any], *_: Any) -> Any:
    """Reports the command as unknown in the first call, in progress in the second, and then as VERIFY says: STATUS or
    STATUS=CODE."""
    state["polls"] += 1
    if state["polls"] == 1:
        ACCOUNT.write_text(json.dumps(state))
        refuse("An error occurred (InvocationDoesNotExist) when calling the GetCommandInvocation operation")
    if state["polls"] == 2:
        return {"Status": "InProgress"}
    status, _, code = (knob("VERIFY") or "Success=0").partition("=")
    said = {"StandardOutputContent": "rooms-v1: 10 of 10", "StandardErrorContent": ""}
    return said | {"Status": status, "StatusDetails": knob("DETAILS") or status, "ResponseCode": int(code or 1)}


if __name__ == "__main__":
    main()
