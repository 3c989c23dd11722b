"""Every example is a deployment that can be planned from nothing."""

import re
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
