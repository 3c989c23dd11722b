"""Runs `headwater verify` on the host through Systems Manager, because only the host reaches Kafka and Postgres."""

import json
import time

from .aws import Aws, AwsError
from .stack import Stack

ENDED = {"Success", "Failed", "Cancelled", "TimedOut"}
# The host did not accept the command, so the data was not compared.
NOT_DELIVERED = {"DeliveryTimedOut", "Undeliverable"}
# Exit status of the script on the host if the new command could not be installed.
NOT_INSTALLED = 75

# Systems Manager runs it with sh, as root. The second line installs the command and the stack file of this deployment.
SCRIPT = [
    "set -eu",
    f"headwater-update || exit {NOT_INSTALLED}",
    ". /etc/profile.d/headwater.sh",
    'headwater --stack "$HEADWATER_STACK" verify --timeout 2m',
]


class LeftOut(Exception):
    """The comparison was skipped. The message is the reason."""


def run(aws: Aws, stack: Stack, pause: float) -> str | None:
    """Returns the differences, or None if there are none. Raises LeftOut if the comparison cannot run."""
    by_hand = "run `headwater verify` on a machine that reaches Kafka and Postgres, with Terraform's outputs as --stack"
    if stack.host is None:
        raise LeftOut(f"this deployment has no host; {by_hand}")
    known = aws("ssm", "describe-instance-information", "--filters", f"Key=InstanceIds,Values={stack.host}")
    if not any(one.get("PingStatus") == "Online" for one in known.get("InstanceInformationList") or []):
        raise LeftOut(
            f"the host {stack.host} does not answer Systems Manager (is it stopped?); start it, and {by_hand}"
        )

    parameters = json.dumps({"commands": SCRIPT, "executionTimeout": ["3600"]})
    asked = ["--document-name", "AWS-RunShellScript", "--instance-ids", stack.host, "--parameters", parameters]
    asked += ["--timeout-seconds", "120"]  # until the host accepts it
    command = aws("ssm", "send-command", *asked, "--comment", "headwater verify after a deployment")["Command"][
        "CommandId"
    ]
    answer = _answer(aws, command, stack.host, pause)
    output = (answer.get("StandardOutputContent", "") + answer.get("StandardErrorContent", "")).strip()
    if answer.get("StatusDetails", "").replace(" ", "") in NOT_DELIVERED:
        raise LeftOut(f"the host {stack.host} did not accept the command from Systems Manager; {by_hand}")
    if answer.get("ResponseCode") == NOT_INSTALLED:
        raise LeftOut(f"the host could not install the new command:\n{output}")
    if answer["Status"] != "Success":
        return f"headwater verify on {stack.host}: {answer['Status']}\n{output}"
    print(output, flush=True)
    return None


def _answer(aws: Aws, command: str, host: str, pause: float) -> dict:
    """Waits until the command has ended; Systems Manager ends it after executionTimeout."""
    while True:
        time.sleep(pause)
        try:
            answer = aws("ssm", "get-command-invocation", "--command-id", command, "--instance-id", host)
        except AwsError as error:
            # Immediately after it was sent, Systems Manager may not know the command yet.
            if "InvocationDoesNotExist" not in str(error):
                raise
            continue
        if answer["Status"] in ENDED:
            return answer
