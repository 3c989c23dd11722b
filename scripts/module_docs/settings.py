"""Checks that settings files (*.tfvars, terraform.tfvars.example) set only variables and attributes that exist.

Terraform only warns about an unknown variable, and ignores an unknown attribute of an object: with a typo there, the
default stays."""

import re
from pathlib import Path

from module_docs.modules import TERRAFORM, Fault, Module, load, relative
from module_docs.types import Type

# Variables that scripts/deploy and scripts/bootstrap set: the folder of the zips, the region.
BY_SCRIPTS = {"aws": {"artifacts_dir"}, "bootstrap": {"region"}}


def files() -> list[Path]:
    examples = sorted((TERRAFORM / "examples").glob("*.tfvars"))
    if not examples:
        raise Fault("terraform/examples has no *.tfvars")
    return [*examples, *sorted(TERRAFORM.glob("environments/*/*.tfvars.example"))]


def with_comments_set(text: str) -> str:
    """Uncomments settings. They have no space after the #, or two inside of another setting; prose has one."""
    return re.sub(r"^#(?=\S|  )", "", text, flags=re.MULTILINE)


def unknown(value: object, of: Type, path: str) -> list[str]:
    """Attributes that are set but do not exist, and required attributes that are missing."""
    found = []
    if of.name == "object" and isinstance(value, dict):
        names = {name.strip('"'): each for name, each in value.items() if not name.startswith("__")}
        for name, each in names.items():
            if name not in of.attributes:
                found.append(f"{path}.{name} does not exist; there are {', '.join(of.attributes)}")
            else:
                found += unknown(each, of.attributes[name].type, f"{path}.{name}")
        required = {name for name, each in of.attributes.items() if not each.optional}
        found += [f"{path}.{name} is missing" for name in sorted(required - set(names))]
    elif of.element is not None and isinstance(value, dict):
        for name, each in value.items():
            found += unknown(each, of.element, f"{path}.{name}") if not name.startswith("__") else []
    elif of.element is not None and isinstance(value, list):
        for number, each in enumerate(value):
            found += unknown(each, of.element, f"{path}[{number}]")
    return found


def check(file: Path, environment: Module) -> list[str]:
    return faults_of(file, file.read_text(encoding="utf-8"), environment)


def faults_of(file: Path, text: str, environment: Module) -> list[str]:
    """The errors of a settings file with this text. Every variable without a default must be set."""
    is_template = file.suffix == ".example"
    settings = load(with_comments_set(text) if is_template else text, relative(file))
    inputs = {each.name: each for each in environment.inputs}
    faults = []
    for name, value in settings.items():
        if name.startswith("__"):
            continue
        if name not in inputs:
            faults.append(f"{name} is no variable of {relative(environment.folder)}")
        else:
            faults += unknown(value, inputs[name].type, name)
    required = {each.name for each in environment.inputs if each.required} - BY_SCRIPTS.get(environment.name, set())
    set_at_once = load(text, relative(file)) if is_template else settings
    faults += [f"{name} has no default and is not set" for name in sorted(required - set(set_at_once))]
    return [f"{relative(file)}: {fault}" for fault in faults]
