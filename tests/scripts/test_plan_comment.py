"""scripts/plan-comment: posts a plan as one comment of a pull request."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from checkout import ROOT

# Stand-in for GitHub's command line: it records its arguments, and lists the comments of the test.
GH = """#!/bin/sh
echo "gh $*" >>"$CALLS"
case "$*" in
  *--paginate*) cat "$COMMENTS" ;;
esac
"""
BUCKET = {
    "address": "aws_s3_bucket.lake",
    "type": "aws_s3_bucket",
    "change": {"actions": ["delete", "create"], "before": {}},
}


class Report:
    """A report of scripts/deploy, and the stand-in for gh."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls_file, self.comments = folder, folder / "calls", folder / "comments"
        (folder / "bin").mkdir()
        (folder / "bin/gh").write_text(GH)
        (folder / "bin/gh").chmod(0o755)
        (folder / "bin/python3").symlink_to(Path(sys.executable).resolve())
        self.comments.write_text("")
        self.plan("nothing")

    def plan(self, text: str, *changes: dict) -> None:
        (self.folder / "plan.txt").write_text(text)
        (self.folder / "plan.json").write_text(json.dumps({"format_version": "1.2", "resource_changes": changes}))

    def post(self, *arguments: str) -> subprocess.CompletedProcess:
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "CALLS": str(self.calls_file), "COMMENTS": str(self.comments)}
        command = [ROOT / "scripts/plan-comment", self.folder, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def posted(self, *comments: dict) -> str:
        """Posts the plan to a pull request that has these comments. Returns the last call of gh."""
        self.comments.write_text("".join(json.dumps(comment) + "\n" for comment in comments))
        done = self.post("--repository", "acme/headwater", "--pull-request", "7")
        assert done.returncode == 0, done.stderr
        return self.calls_file.read_text().splitlines()[-1]

    @property
    def body(self) -> str:
        return (self.folder / "plan.md").read_text()


@pytest.fixture
def report(tmp_path: Path) -> Report:
    return Report(tmp_path)


def test_the_first_plan_is_a_new_comment(report: Report) -> None:
    assert "--method POST repos/acme/headwater/issues/7/comments" in report.posted(
        {"id": 1, "type": "User", "body": "hello"}
    )


def test_the_next_plan_replaces_the_comment(report: Report) -> None:
    report.posted()
    ours = {"id": 42, "type": "Bot", "body": report.body}
    assert "--method PATCH repos/acme/headwater/issues/comments/42" in report.posted(
        {"id": 1, "type": "User", "body": "x"}, ours
    )


def test_the_comment_of_a_person_is_never_replaced(report: Report) -> None:
    report.posted()
    quoted = {"id": 42, "type": "User", "body": report.body}
    assert "--method POST" in report.posted(quoted)


def test_a_long_plan_is_truncated_with_a_note(report: Report) -> None:
    report.plan("é" * 200_000)
    assert report.post().returncode == 0
    assert len(report.body) < 65_536 and "the whole plan is in the log" in report.body
    assert report.body.rstrip().endswith("</details>")


def test_removals_are_listed_above_the_plan(report: Report) -> None:
    report.plan("the plan", BUCKET)
    assert report.post().returncode == 0
    assert "1 to replace" in report.body
    assert report.body.index("replaces aws_s3_bucket.lake") < report.body.index("the plan\n")


def test_backticks_in_a_plan_do_not_end_its_block(report: Report) -> None:
    report.plan("before\n````\n</details> @everybody\n````\nafter")
    assert report.post().returncode == 0
    assert report.body.count("\n`````\n") == 2


def test_without_a_pull_request_nothing_is_posted(report: Report) -> None:
    assert report.post().returncode == 0
    assert not report.calls_file.exists() and "### Plan" in report.body
