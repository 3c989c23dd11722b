"""A deployment, as `terraform output -json` prints it."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class StackError(Exception):
    """The file does not describe a deployment."""


@dataclass(frozen=True)
class Stack:
    """The outputs of a deployment that the scripts use."""

    name: str
    region: str
    functions: dict[str, str] = field(default_factory=dict)  # folder name → name in AWS
    deployment_bucket: str | None = None
    host: str | None = None  # the instance's id

    @classmethod
    def read(cls, file: Path) -> "Stack":
        """Reads the outputs. Before the first apply they are missing, and the fields are empty."""
        try:
            outputs = json.loads(file.read_text())
            values: dict[str, Any] = {name: output["value"] for name, output in outputs.items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise StackError(f"{file} is not what `terraform output -json` prints: {error!r}") from error
        return cls(
            name=values.get("name", ""),
            region=values.get("region", ""),
            functions=dict(sorted((values.get("functions") or {}).items())),
            deployment_bucket=values.get("deployment_bucket"),
            host=(values.get("host") or {}).get("instance_id"),
        )
