"""scripts/plan-comment: writes a plan as a comment of a pull request. Later plans replace the comment."""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from . import guard

# GitHub's limit is 65,536 characters, and it counts some characters twice.
LONGEST = 60_000
MARK = "<!-- headwater: plan -->"


def rendered(text: str, plan: dict[str, Any], longest: int = LONGEST) -> str:
    """The comment: a summary, a list of data that would be lost, and the plan, cut if it is too long."""
    actions = [tuple(one["change"]["actions"]) for one in plan.get("resource_changes", [])]
    replaced = sum({"create", "delete"} <= set(action) for action in actions)
    added, changed, deleted = (actions.count((action,)) for action in ("create", "update", "delete"))
    counts = f"{added} to add, {changed} to change, {replaced} to replace, {deleted} to delete"
    parts = [MARK, f"### Plan: {counts}"]
    lost = guard.removals(plan)
    if lost:
        parts.append("**This plan removes resources with data; the workflow does not apply it:**")
        parts.append("\n".join(f"- {line}" for line in lost))
    # The fence is longer than any in the plan, so no text in the plan ends the block.
    fence = "`" * (max((len(ticks) for ticks in re.findall(r"`{3,}", text)), default=2) + 1)
    head, tail = "\n\n".join(parts), f"{fence}\n\n</details>\n"
    opening = f"\n\n<details><summary>The plan</summary>\n\n{fence}\n"
    room = longest - len(head) - len(opening) - len(tail) - 100
    if len(text) > room:
        text = f"{text[: max(room, 0)]}\n… cut: the whole plan is in the log of the job\n"
    return f"{head}{opening}{text.rstrip()}\n{tail}"


def gh(*arguments: str) -> str:
    """Calls GitHub's command line with the job's token, and returns its output."""
    done = subprocess.run(["gh", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"gh {' '.join(arguments[:2])}: {done.stderr.strip()}")
    return done.stdout


def post(repository: str, number: int, body: Path) -> None:
    """Replaces our comment, or writes the first one."""
    issues = f"repos/{repository}/issues"
    fields = ".[] | {id, body, type: .user.type}"
    listed = gh("api", "--paginate", f"{issues}/{number}/comments?per_page=100", "--jq", fields)
    comments = [json.loads(line) for line in listed.splitlines() if line.strip()]
    # Users may quote the mark in their own comments.
    ours = next((one["id"] for one in comments if one["type"] == "Bot" and one["body"].startswith(MARK)), None)
    if ours is None:
        gh("api", "--method", "POST", f"{issues}/{number}/comments", "-F", f"body=@{body}")
    else:
        gh("api", "--method", "PATCH", f"{issues}/comments/{ours}", "-F", f"body=@{body}")


def main() -> int:
    """Writes the comment to REPORT/plan.md, and to the pull request if one is named."""
    parser = argparse.ArgumentParser(
        prog="scripts/plan-comment",
        description="Turns a plan into a comment in REPORT/plan.md, and posts it to a pull request with gh.",
        epilog="example: scripts/plan-comment report --repository acme/headwater --pull-request 7",
    )
    parser.add_argument("report", type=Path, help="the folder that scripts/deploy --plan --report wrote")
    parser.add_argument("--repository", help="OWNER/NAME")
    parser.add_argument("--pull-request", type=int, help="number of the pull request; without it, nothing is posted")
    args = parser.parse_args()
    if args.pull_request and not args.repository:
        parser.error("--pull-request needs --repository")
    plan = json.loads((args.report / "plan.json").read_text())
    body: Path = args.report / "plan.md"
    body.write_text(rendered((args.report / "plan.txt").read_text(), plan))
    if args.pull_request:
        try:
            post(args.repository, args.pull_request, body)
        except (RuntimeError, FileNotFoundError) as error:
            print(f"error: the comment cannot be written: {error}", file=sys.stderr)
            print("fix: the job needs gh, GH_TOKEN and pull-requests: write", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
