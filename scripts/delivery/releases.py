"""The releases of a deployment: the versions that served together, one JSON object each in the deployment's bucket.

The version numbers alone do not tell this, because a deployment publishes new versions only of changed functions.
"""

import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .aws import Aws
from .stack import Stack
from .versions import Versions

PREFIX = "releases/"


@dataclass(frozen=True)
class Release:
    """Versions that served together. The name is the time (UTC) at which they were deployed, and sorts by it."""

    name: str
    versions: Versions
    commit: str | None = None

    @classmethod
    def read(cls, text: str) -> "Release":
        """Reads a record. Raises ValueError, whose message names the problem."""
        record: Any = json.loads(text)
        versions = record.get("versions") if isinstance(record, dict) else None
        if not isinstance(versions, dict) or not versions:
            raise ValueError("it has no `versions` of functions")
        if not all(isinstance(version, str) and version.isdigit() for version in versions.values()):
            raise ValueError("`versions` has values that are not version numbers")
        return cls(str(record.get("name", "")), dict(versions), record.get("commit"))


def recorded(aws: Aws, stack: Stack) -> list[Release]:
    """All releases, the oldest first."""
    found = aws("s3api", "list-objects-v2", "--bucket", str(stack.deployment_bucket), "--prefix", PREFIX)
    keys = sorted(entry["Key"] for entry in found.get("Contents") or [])
    releases = []
    with tempfile.TemporaryDirectory() as folder:
        for key in keys:
            file = Path(folder) / "record"
            aws("s3api", "get-object", "--bucket", str(stack.deployment_bucket), "--key", key, str(file))
            releases.append(Release.read(file.read_text()))
    return releases


def record(aws: Aws, stack: Stack, release: Release) -> None:
    """Stores a release."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(asdict(release), file)
        file.flush()
        to = ["--bucket", str(stack.deployment_bucket), "--key", f"{PREFIX}{release.name}.json"]
        aws("s3api", "put-object", *to, "--content-type", "application/json", "--body", file.name)


def previous(releases: list[Release], now: Versions) -> Release | None:
    """The release before the one with the versions `now`. If `now` was never recorded, the newest record."""
    here = next((place for place in reversed(range(len(releases))) if releases[place].versions == now), len(releases))
    return next((release for release in reversed(releases[:here]) if release.versions != now), None)
