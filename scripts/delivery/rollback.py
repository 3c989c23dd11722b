"""scripts/rollback: moves the aliases back to the versions of an earlier release."""

import argparse
import json
import sys
from pathlib import Path

from . import releases, smoke, versions
from .aws import Aws
from .releases import Release
from .stack import Stack


class Impossible(Exception):
    """The rollback is not possible. The message is the problem, `fix` its fix."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem)
        self.fix = fix


def run(aws: Aws, stack: Stack, args: argparse.Namespace) -> int:
    """Goes back to an earlier release, after a confirmation."""
    try:
        return _run(aws, stack, args)
    except Impossible as error:
        print(f"error: {error}\nfix: {error.fix}", file=sys.stderr)
        return 1


def _run(aws: Aws, stack: Stack, args: argparse.Namespace) -> int:
    now = versions.serving(aws, stack)
    if not now or stack.deployment_bucket is None:
        raise Impossible("there is no deployment with versions to roll back", "deploy first: scripts/deploy")
    known = releases.recorded(aws, stack)
    if args.list:
        for release in known:
            here = "serves" if release.versions == now else ""
            print("  ".join(part for part in (release.name, release.commit, here) if part))
        return 0

    release = _wanted(args.to_release, known, now)
    wanted = {function: version for function, version in release.versions.items() if function in now}
    missing = [
        f"{function} {version}"
        for function, version in wanted.items()
        if version != now[function] and not versions.exists(aws, stack.functions[function], version)
    ]
    if missing:
        raise Impossible(
            f"AWS does not have these versions any more: {', '.join(missing)}",
            "choose another one (scripts/rollback --list), or deploy the older code (git checkout COMMIT)",
        )
    changed = {function: version for function, version in wanted.items() if version != now[function]}
    _show(stack, release, wanted, now)
    if not changed:
        print("All functions already serve this release. Nothing is changed.")
        return 0
    if not _agreed(args.yes):
        print("Nothing is changed.")
        return 0
    return _go(aws, stack, changed, args.pause)


def _wanted(name: str, known: list[Release], now: versions.Versions) -> Release:
    if name == "previous":
        release = releases.previous(known, now)
        if release is None:
            raise Impossible(
                f"there is no release before the one that serves, which {stack_is(known)}",
                "deploy older code (git checkout COMMIT), or name a file with versions: --to-release FILE",
            )
        return release
    for release in known:
        if release.name == name:
            return release
    file = Path(name)
    if not file.is_file():
        raise Impossible(f"{name} is neither a release nor a file", "see the releases: scripts/rollback --list")
    try:
        return Release.read(file.read_text())
    except ValueError as error:
        raise Impossible(
            f"{name} is not the record of a release: {error}",
            'write {"versions": {"parquet-writer": "7"}}, for example',
        ) from error


def stack_is(known: list[Release]) -> str:
    """The age of the serving release, in words."""
    return "is the first that was recorded" if known else "was deployed before releases were recorded"


def _show(stack: Stack, release: Release, wanted: versions.Versions, now: versions.Versions) -> None:
    about = f" (commit {release.commit})" if release.commit else ""
    print(f"{stack.name} goes back to release {release.name or 'of the file'}{about}:")
    wide = max(len(function) for function in now)
    print(f"  {'function':<{wide}}  serves  goes back to")
    for function, version in now.items():
        target = wanted.get(function)
        there = "stays: not in that release" if target is None else "stays" if target == version else target
        print(f"  {function:<{wide}}  {version:>6}  {there}")
    for function in sorted(release.versions.keys() - now.keys()):
        print(f"  {function:<{wide}}       -  is not deployed any more")
    print(
        "Tables, topics and roles stay as they are: migrations only add, and older versions work with them.", flush=True
    )


def _agreed(yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise Impossible("there is no terminal for the question", "confirm in advance with --yes")
    return input("Go back? [y/N] ").lower() in ("y", "yes")


def _go(aws: Aws, stack: Stack, changed: versions.Versions, pause: float) -> int:
    _, problems = versions.move(aws, stack, changed)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    print("Smoke test of the versions that serve now:", flush=True)
    serving = versions.serving(aws, stack)
    wrong = smoke.run(aws, stack, serving, pause)
    for problem in wrong:
        print(f"error: {problem}", file=sys.stderr)
    if problems or wrong:
        print(
            "fix: see the function's log (headwater logs FUNCTION), then scripts/rollback --to-release another one",
            file=sys.stderr,
        )
        return 1
    held = json.dumps(changed).replace('":', '" =')
    print("Done. The next scripts/deploy moves the aliases forward again. To keep these versions, add to the settings:")
    print(f"  held_versions = {held}")
    return 0
