"""Calls the AWS command line, version 1 or 2, so that a deployment needs no Python packages."""

import json
import os
import subprocess
from typing import Any


class AwsError(Exception):
    """A call that AWS refused, with AWS's error text."""

    @property
    def is_missing(self) -> bool:
        """Whether the resource does not exist."""
        return "ResourceNotFoundException" in str(self) or "NoSuchKey" in str(self)


class Aws:
    """AWS in one region, with the caller's credentials."""

    def __init__(self, region: str) -> None:
        self.region = region

    def __call__(self, service: str, operation: str, *arguments: str) -> dict[str, Any]:
        """Makes one call and returns its answer, {} if the answer is empty."""
        command = ["aws", service, operation, "--region", self.region, "--output", "json", *arguments]
        # Version 2 would show long answers in a pager.
        environment = os.environ | {"AWS_PAGER": ""}
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise AwsError("the AWS command line (aws) is missing: install it") from error
        if done.returncode != 0:
            raise AwsError(f"aws {service} {operation}: {done.stderr.strip() or done.stdout.strip()}")
        return json.loads(done.stdout) if done.stdout.strip() else {}
