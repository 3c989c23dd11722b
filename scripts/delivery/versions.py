"""Versions of functions, and the alias `live` that points to the serving one."""

from collections.abc import Callable, Mapping

from .aws import Aws, AwsError
from .stack import Stack

ALIAS = "live"
Versions = dict[str, str]  # folder name of a function → number of a version


def serving(aws: Aws, stack: Stack) -> Versions:
    """The version that `live` points to, for each function that has the alias."""
    return _of_each(stack, lambda name: _alias(aws, name))


def newest(aws: Aws, stack: Stack) -> Versions:
    """The newest version of each function, whether it serves or not."""
    return _of_each(stack, lambda name: _newest(aws, name))


def exists(aws: Aws, name: str, version: str) -> bool:
    """Whether a function still has this version."""
    try:
        aws("lambda", "get-function-configuration", "--function-name", name, "--qualifier", version)
    except AwsError as error:
        if error.is_missing:
            return False
        raise
    return True


def move(aws: Aws, stack: Stack, wanted: Mapping[str, str]) -> tuple[Versions, list[str]]:
    """Makes `wanted` serve. Returns the serving versions and the errors; one error does not stop the others."""
    now, problems = serving(aws, stack), []
    for function, version in wanted.items():
        if function not in now:
            problems.append(f"{function}: it has no alias {ALIAS} any more")
        elif now[function] != version:
            try:
                moved = ["--function-name", stack.functions[function], "--name", ALIAS, "--function-version", version]
                aws("lambda", "update-alias", *moved)
                now[function] = version
            except AwsError as error:
                problems.append(f"{function}: {error}")
    return now, problems


def _of_each(stack: Stack, find: Callable[[str], str | None]) -> Versions:
    found = {function: find(name) for function, name in stack.functions.items()}
    return {function: version for function, version in found.items() if version}


def _alias(aws: Aws, name: str) -> str | None:
    try:
        return aws("lambda", "get-alias", "--function-name", name, "--name", ALIAS)["FunctionVersion"]
    except AwsError as error:
        if error.is_missing:
            return None
        raise


def _newest(aws: Aws, name: str) -> str | None:
    try:
        listed = aws("lambda", "list-versions-by-function", "--function-name", name)["Versions"]
    except AwsError as error:
        if error.is_missing:
            return None
        raise
    numbers = [int(one["Version"]) for one in listed if one["Version"].isdigit()]
    return str(max(numbers)) if numbers else None
