"""The smoke test of scripts/deploy: every function of the stack answers its request as expected."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from delivery import smoke  # noqa: E402


def test_every_function_has_a_request_or_a_reason() -> None:
    functions = {folder.name for folder in (ROOT / "functions").iterdir()}
    assert functions == set(smoke.EVENTS)
    assert all(("reason" in test) == (test["event"] is None) for test in smoke.EVENTS.values())


@pytest.mark.parametrize("function", [name for name, test in smoke.EVENTS.items() if test["event"] is not None])
def test_a_function_answers_its_request(function: str) -> None:
    test = smoke.EVENTS[function]
    command = [os.environ["HEADWATER_BIN"], "invoke", function, "--event", "-"]
    done = subprocess.run(command, input=json.dumps(test["event"]), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert smoke.differs(done.stdout, test["answers"]) is None
