"""Every example can be planned for an empty account."""

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
def test_an_example_can_be_planned_for_an_empty_account(example: Path, example_plans: dict[Path, Future]) -> None:
    done = example_plans[example].result()
    assert done.returncode == 0, done.stderr
    assert re.search(r"Plan: \d\d+ to add, 0 to change, 0 to destroy", done.stdout)


# Costs that no plan shows, because Lambda causes them by itself.
UNPLANNED = {"custom_metric", "sqs_million"}


@pytest.mark.parametrize("profile", ["dev", "prod"])
def test_the_price_list_has_the_amounts_that_each_profile_plans(profile: str, profile_plans: dict[str, Future]) -> None:
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    command = os.environ.get("HEADWATER_BIN", f"{target}/release/headwater")
    plan = profile_plans[profile].result()
    done = subprocess.run([command, "cost", "--json", "--plan", plan], capture_output=True, text=True, check=True)
    said = json.loads((ROOT / "terraform" / "prices.json").read_text())["profiles"][profile]
    found = json.loads(done.stdout)
    assert found["unknown"] == []
    assert found["amounts"] == {price: amount for price, amount in said.items() if price not in UNPLANNED}
