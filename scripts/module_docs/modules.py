"""Reads a Terraform folder: its purpose, inputs, outputs and callers."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import hcl2

from module_docs.types import Type, parse

TERRAFORM = Path(__file__).resolve().parents[2] / "terraform"
# The purpose is the comment at the top of the first of these files that has one.
MAIN_FILES = ("main.tf", "settings.tf")


class Fault(Exception):
    """An error in the sources. The message contains the fix."""


@dataclass
class Input:
    name: str
    description: str
    type: Type
    required: bool
    default: str
    sensitive: bool


@dataclass
class Output:
    name: str
    description: str
    sensitive: bool


@dataclass
class Module:
    folder: Path
    purpose: str
    inputs: list[Input]
    outputs: list[Output]
    # Folder of each caller, and the text of the call.
    calls: list[tuple[Path, str]]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def is_environment(self) -> bool:
        return self.folder.parent.name == "environments"


def folders() -> list[Path]:
    return sorted(
        file.parent for file in TERRAFORM.glob("*/*/versions.tf") if file.parts[-3] in ("modules", "environments")
    )


def relative(path: Path) -> str:
    return str(path.relative_to(TERRAFORM.parent)) if path.is_relative_to(TERRAFORM.parent) else str(path)


def load(text: str, where: str) -> dict:
    try:
        return hcl2.loads(text)
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise Fault(f"{where}: not readable as HCL: {reason}; `terraform fmt` on it names the line") from error


def text_of(value: str) -> str:
    """Decodes a string of python-hcl2, which keeps the quotes."""
    heredoc = re.fullmatch(r'"<<-?(\w+)\n(.*)\n\s*\1"', value, re.DOTALL)
    if heredoc is not None:
        return " ".join(heredoc[2].split())
    return json.loads(value) if value.startswith('"') else value


def hcl(value: object) -> str:
    """A value of python-hcl2 as HCL."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {hcl(each)}" for key, each in value.items() if not key.startswith("__"))
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(hcl(each) for each in value)}]"
    return str(value)


def purpose(folder: Path) -> str:
    for name in MAIN_FILES:
        lines = (folder / name).read_text(encoding="utf-8").splitlines() if (folder / name).is_file() else []
        comment = []
        for line in lines:
            if not line.startswith("#"):
                break
            comment.append(line[1:].strip())
        if comment:
            return "\n".join(comment)
    raise Fault(f"{relative(folder)}: begin main.tf with a comment that says what the module is for")


def blocks(folder: Path, kind: str) -> list[tuple[str, dict, Path]]:
    found = []
    for file in sorted(folder.glob("*.tf")):
        text = file.read_text(encoding="utf-8")
        if re.search(rf'^{kind} "', text, re.MULTILINE):
            for block in load(text, relative(file)).get(kind, []):
                found += [(name.strip('"'), body, file) for name, body in block.items()]
    return found


def described(name: str, body: dict, kind: str, file: Path) -> str:
    if "description" not in body:
        raise Fault(f"{relative(file)}: {kind} {name} has no description: add one")
    return text_of(body["description"])


def calls(folder: Path) -> list[tuple[Path, str]]:
    """All calls of a module: folder of the caller, and text. A formatted block ends at the first line with `}`."""
    if folder.parent.name == "environments":
        return []
    source = rf'source\s*=\s*"(?:\.\./)+(?:modules/)?{re.escape(folder.name)}"'
    call = re.compile(rf'^module "[^"]+" \{{\n\s*{source}.*?^\}}', re.MULTILINE | re.DOTALL)
    return [
        (caller, found)
        for caller in folders()
        for file in sorted(caller.glob("*.tf"))
        for found in call.findall(file.read_text(encoding="utf-8"))
    ]


def read(folder: Path) -> Module:
    inputs = []
    for name, body, file in blocks(folder, "variable"):
        if "type" not in body:
            raise Fault(f"{relative(file)}: variable {name} has no type: add one")
        inputs.append(
            Input(
                name=name,
                description=described(name, body, "variable", file),
                type=parse(body["type"]),
                required="default" not in body,
                default=hcl(body.get("default")),
                sensitive=body.get("sensitive") is True,
            )
        )
    outputs = [
        Output(name, described(name, body, "output", file), body.get("sensitive") is True)
        for name, body, file in blocks(folder, "output")
    ]
    return Module(folder, purpose(folder), inputs, outputs, calls(folder))
