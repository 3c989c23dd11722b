"""python3 -m delivery STEP …: the steps of scripts/deploy that Terraform does not do, and scripts/rollback."""

import argparse
import json
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from . import alarms, reconcile, releases, rollback, smoke, versions
from .aws import Aws, AwsError
from .releases import Release
from .stack import Stack, StackError


def duration(text: str) -> float:
    """`90s`, `5m`, `1h` or `0`, in seconds."""
    found = re.fullmatch(r"(\d+)([smh])|0", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration: 90s, 5m, 1h or 0")
    return float(found[1] or 0) * {"s": 1, "m": 60, "h": 3600}[found[2] or "s"]


def note(aws: Aws, stack: Stack, args: argparse.Namespace) -> int:
    """Records the serving versions before a deployment, and prints them in the format of `held_versions`."""
    serving = versions.serving(aws, stack) if stack.functions else {}
    ringing = sorted(alarms.ringing(aws, stack)) if stack.functions else []
    args.before.write_text(json.dumps({"versions": serving, "alarms": ringing}))
    print(json.dumps(serving))
    return 0


def test(aws: Aws, stack: Stack, args: argparse.Namespace) -> int:
    """Invokes the newest version of each function, whether it serves or not."""
    # Versions that the settings hold back do not go live, so they are not tested.
    held = set(args.held.split(","))
    tested = {function: version for function, version in versions.newest(aws, stack).items() if function not in held}
    print("Smoke test of the new versions:", flush=True)
    return failed(smoke.run(aws, stack, tested, args.pause))


def verify(aws: Aws, stack: Stack, args: argparse.Namespace) -> int:
    """Compares the sinks with Kafka, on the host."""
    print("headwater verify:", flush=True)
    try:
        problem = reconcile.run(aws, stack, args.pause)
    except reconcile.LeftOut as reason:
        print(f"  left out: {reason}", flush=True)
        return 0
    return failed([problem] if problem else [])


def watch(aws: Aws, stack: Stack, args: argparse.Namespace) -> int:
    """Watches the alarms for a while."""
    if not args.seconds:
        return 0
    print(f"Watching the alarms for {args.seconds:g} s:", flush=True)
    found = alarms.watch(aws, stack, args.seconds, set(json.loads(args.before.read_text())["alarms"]))
    if not found:
        print("  no alarm of a function went off", flush=True)
    return failed(found)


def record(aws: Aws, stack: Stack, args: argparse.Namespace) -> int:
    """Records the serving versions as a release, unless the newest record is the same."""
    serving = versions.serving(aws, stack) if stack.deployment_bucket else {}
    if serving:
        known = releases.recorded(aws, stack)
        if not known or known[-1].versions != serving:
            name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
            releases.record(aws, stack, Release(name, serving, args.commit))
    return 0


def restore(aws: Aws, stack: Stack, args: argparse.Namespace) -> int:
    """Makes the recorded versions serve again, and prints the serving versions."""
    before: versions.Versions = json.loads(args.before.read_text())["versions"]
    now, problems = versions.move(aws, stack, before)
    print("These versions serve now:", file=sys.stderr)
    for function, version in now.items():
        old = before.get(function)
        about = (
            "as before the deployment" if version == old else "new" if old is None else f"version {old} served before"
        )
        print(f"  {function} {version} ({about})", file=sys.stderr)
    return failed(problems)


def failed(problems: list[str]) -> int:
    """Prints problems, and returns the exit status."""
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


def parser() -> argparse.ArgumentParser:
    """The steps and their options."""
    top = argparse.ArgumentParser(prog="delivery", description=__doc__)
    steps = top.add_subparsers(required=True, metavar="STEP")
    for step in (note, test, verify, watch, record, restore, rollback.run):
        name = "rollback" if step is rollback.run else step.__name__
        one = steps.add_parser(name, help=(step.__doc__ or "").splitlines()[0])
        one.set_defaults(step=step)
        one.add_argument("--stack", type=Path, required=True, help="file with the output of `terraform output -json`")
        one.add_argument("--region", help="the region, if the outputs do not contain it")
        if name in ("note", "watch", "restore"):
            one.add_argument("--before", type=Path, required=True, help="file with the versions that served before")
        if name in ("test", "verify", "rollback"):
            pause = os.environ.get("HEADWATER_PAUSE", "5s")  # shorter in tests
            one.add_argument("--pause", type=duration, default=pause, help="pause between two attempts")
        if name == "test":
            one.add_argument("--held", default="", help="functions (comma-separated) that keep their version")
        if name == "watch":
            one.add_argument(
                "--for", dest="seconds", type=duration, required=True, help="how long: 90s, 5m; 0 for never"
            )
        if name == "record":
            one.add_argument("--commit", help="the commit that was deployed")
        if name == "rollback":
            one.add_argument("--to-release", default="previous", help="previous, the name of a release, or a file")
            one.add_argument("--list", action="store_true", help="only list the releases")
            one.add_argument("--yes", action="store_true", help="do not ask")
    return top


def main() -> int:
    """Runs one step."""
    args = parser().parse_args()
    try:
        stack = Stack.read(args.stack)
        return args.step(Aws(args.region or stack.region), stack, args)
    except (AwsError, StackError) as error:
        return failed([str(error)])


if __name__ == "__main__":
    sys.exit(main())
