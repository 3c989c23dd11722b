"""Observes the deployment's alarms after the new versions went live."""

import time

from .aws import Aws
from .stack import Stack

POLL_SECONDS = 15.0


def ringing(aws: Aws, stack: Stack) -> dict[str, str]:
    """The alarms of the deployment that are in state ALARM, with AWS's reason."""
    asked = ["--alarm-name-prefix", f"{stack.name}-", "--state-value", "ALARM"]
    found = aws("cloudwatch", "describe-alarms", *asked).get("MetricAlarms") or []
    return {alarm["AlarmName"]: alarm.get("StateReason", "") for alarm in found}


def of_functions(stack: Stack, names: set[str]) -> set[str]:
    """The alarms of functions. A rollback does not help against other alarms, such as a broker's full disk."""
    return {name for name in names if any(name.startswith(f"{function}-") for function in stack.functions.values())}


def watch(aws: Aws, stack: Stack, seconds: float, before: set[str]) -> list[str]:
    """Returns alarms of functions that went off within `seconds`. `before`: names of alarms that were on already."""
    end, known = time.monotonic() + seconds, set(before)
    while True:
        now = ringing(aws, stack)
        new = set(now) - known
        mine = sorted(of_functions(stack, new))
        if mine:
            return [f"{name}: {now[name]}" for name in mine]
        for name in sorted(new):
            print(f"  note: the alarm {name} went off, but does not concern a function: {now[name]}", flush=True)
        # An alarm that goes off and on again counts as new.
        known = set(now)
        left = end - time.monotonic()
        if left <= 0:
            return []
        time.sleep(min(POLL_SECONDS, left))
