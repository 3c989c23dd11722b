"""Each role may do what is done with it, and nothing else; each function is told what it asks, and nothing else."""

import pytest
from aws_calls import Reach, Unknown, Use
from conftest import Account
from grants import Lambda, explains, granted
from policies import of_roles
from rust_source import ROOT, Workspace


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    """The sources of all functions."""
    return Workspace()


@pytest.fixture(scope="module")
def reached(workspace: Workspace) -> dict[str, Reach]:
    """What each function's main reaches, by folder name."""
    return {name: Reach(workspace, name) for name in workspace.functions()}


@pytest.fixture(scope="module")
def lambdas(account: Account) -> dict[str, Lambda]:
    """The functions of the account, by folder name."""
    return {name: Lambda(account, function) for name, function in account.outputs["functions"]["value"].items()}


def test_every_function_of_the_workspace_is_deployed(workspace: Workspace, lambdas: dict[str, Lambda]) -> None:
    assert set(lambdas) == set(workspace.functions())


def test_a_function_may_do_what_its_code_does_and_nothing_else(
    account: Account, reached: dict[str, Reach], lambdas: dict[str, Lambda]
) -> None:
    roles = of_roles(account)
    problems = []
    for name, function in lambdas.items():
        used = reached[name].uses(function.environment) | function.used_by_aws(name)
        grants = granted(roles[function.role])
        for use, why in used.items():
            if not use.optional and not any(explains(use, grant) for grant in grants):
                problems.append(f"{name} needs {use.action} on {use.name or 'its resource'}: {why}")
        for grant in grants:
            if not any(explains(use, grant) for use in used):
                problems.append(f"{name} is granted {grant.action} on {grant.name}, and nothing in it uses that")
    assert not problems, "\n".join(sorted(problems))
