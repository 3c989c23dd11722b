"""Every example is a deployment that can be planned from nothing."""

import re
from pathlib import Path

import pytest

from deployment import ROOT, Deployment, arguments
from mock.server import Mock

EXAMPLES = sorted((ROOT / "terraform" / "examples").glob("*.tfvars"))


def test_there_are_examples() -> None:
    assert EXAMPLES or not (ROOT / "terraform" / "examples").exists()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_is_planned_from_nothing(example: Path, mock: Mock, tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, mock.url)
    for cluster in re.findall(r"arn:aws:kafka:[^\"]+:cluster/[^\"/]+/[^\"]+", example.read_text()):
        mock.msk.there_is(cluster)
    given = arguments({"artifacts_dir": str(deployment.artifacts)})
    done = deployment("plan", "-no-color", "-input=false", f"-var-file={example}", *given)
    assert done.returncode == 0, done.stderr
    assert re.search(r"Plan: \d\d+ to add, 0 to change, 0 to destroy", done.stdout)
