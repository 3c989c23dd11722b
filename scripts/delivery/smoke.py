"""The smoke test: each function's version answers a request that changes nothing (smoke_events.json)."""

import json
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .aws import Aws, AwsError
from .stack import Stack

EVENTS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "smoke_events.json").read_text())

# Retries, because the first connection from a new subnet or to a busy broker may fail.
TRIES = 3
# Only a few in parallel: a new account may run ten concurrent invocations, and the lanes need some of them.
AT_ONCE = 3


def run(aws: Aws, stack: Stack, versions: Mapping[str, str], pause: float) -> list[str]:
    """Invokes the versions, prints a line for each, and returns the problems."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        verdicts = pool.map(lambda item: _verdict(aws, stack.functions[item[0]], *item, pause), versions.items())
        problems = []
        for (function, version), problem in zip(versions.items(), verdicts, strict=True):
            print(f"  {function} {version}: {problem or _said(function)}", flush=True)
            problems += [f"{function} {version}: {problem}"] if problem else []
    return problems


def _said(function: str) -> str:
    """The message for a version without a problem: what the test covers, or why there is none."""
    test = EVENTS.get(function, {"event": None, "reason": "smoke_events.json has no request for it"})
    return f"ok: {test['tests']}" if test["event"] is not None else f"not tested: {test['reason']}"


def _verdict(aws: Aws, name: str, function: str, version: str, pause: float) -> str | None:
    if EVENTS.get(function, {}).get("event") is None:
        return None
    for attempt in range(1, TRIES + 1):
        problem = _problem(aws, name, version, EVENTS[function])
        if problem is None:
            return None
        if attempt < TRIES:
            time.sleep(pause)
    return problem


def _problem(aws: Aws, name: str, version: str, test: Mapping[str, Any]) -> str | None:
    """Invokes a version once. Returns the problem with its answer, or None."""
    with tempfile.TemporaryDirectory() as folder:
        event, answer = Path(folder) / "event", Path(folder) / "answer"
        event.write_text(json.dumps(test["event"]))
        # `fileb:` has the same meaning in both versions of the command line. A function may run for 15 minutes.
        given = ["--function-name", name, "--qualifier", version, "--payload", f"fileb://{event}"]
        try:
            report = aws("lambda", "invoke", "--cli-read-timeout", "900", *given, str(answer))
        except AwsError as error:
            return str(error)
        text = answer.read_text()
    if report.get("FunctionError"):
        return f"it failed: {text[:2000]}"
    return differs(text, test["answers"])


def differs(text: str, expected: Mapping[str, Any]) -> str | None:
    """The difference between an answer and the expected one, or None."""
    try:
        got = json.loads(text)
    except ValueError:
        got = None
    if not isinstance(got, dict):
        return f"it answered {text[:500]!r}, instead of an object"
    wrong = {key: got.get(key) for key, value in expected.items() if got.get(key) != value}
    if not wrong:
        return None
    return f"it answered {json.dumps(wrong)} instead of {json.dumps(dict(expected))}: {text[:1000]}"
