"""Every example is a deployment that can be planned from nothing."""

import json
import os
import re
import subprocess
from concurrent.futures import Future
from pathlib import Path

import pytest

from conftest import EXAMPLES
from deployment import ROOT


def test_there_are_examples() -> None:
    assert EXAMPLES or not (ROOT / "terraform" / "examples").exists()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_is_planned_from_nothing(example: Path, example_plans: dict[Path, Future]) -> None:
    done = example_plans[example].result()
    assert done.returncode == 0, done.stderr
    assert re.search(r"Plan: \d\d+ to add, 0 to change, 0 to destroy", done.stdout)


# What Lambda does by itself: no plan shows it.
UNPLANNED = {"custom_metric", "sqs_million"}


@pytest.mark.parametrize("profile", ["dev", "prod"])
def test_what_a_profile_is_said_to_keep_running_is_what_it_plans(
    profile: str, profile_plans: dict[str, Future]
) -> None:
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    command = os.environ.get("HEADWATER_BIN", f"{target}/release/headwater")
    plan = profile_plans[profile].result()
    done = subprocess.run([command, "cost", "--json", "--plan", plan], capture_output=True, text=True, check=True)
    said = json.loads((ROOT / "terraform" / "prices.json").read_text())["profiles"][profile]
    found = json.loads(done.stdout)
    assert found["unknown"] == []
    assert found["amounts"] == {price: amount for price, amount in said.items() if price not in UNPLANNED}
