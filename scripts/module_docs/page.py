"""The README of a module."""

import os
import re
from pathlib import Path

from module_docs.modules import Fault, Input, Module, load, relative
from module_docs.types import block, has_object, one_line, placeholder, short

NOTES = ("<!-- notes: written by hand, kept by scripts/module-docs -->", "<!-- end of the notes -->")
# A type or default with more characters gets its own code block.
CELL = 60


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def link(to: Path, folder: Path) -> str:
    return f"[{to.parent.name}/{to.name}]({os.path.relpath(to, folder)})"


def code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def is_large(each: Input) -> bool:
    return has_object(each.type) or len(one_line(each.type)) > CELL


def notes_of(page: str) -> str:
    begin, end = (re.escape(marker) for marker in NOTES)
    kept = re.search(f"{begin}\n(.*?){end}", page, re.DOTALL)
    return kept[1].strip("\n") if kept else ""


def settings(module: Module) -> list[str]:
    """The required inputs, as lines of a settings file."""
    required = [(each.name, placeholder(each.type)) for each in module.inputs if each.required]
    width = max((len(name) for name, _ in required), default=0)
    return [f"{name.ljust(width)} = {value}" for name, value in required]


def example(module: Module) -> list[str]:
    """The shortest call of the module in the sources, as an example that is always current."""
    if not module.calls:
        raise Fault(f"{relative(module.folder)} is called nowhere: write a ```hcl block with a call into its README")
    caller, call = min(module.calls, key=lambda each: len(each[1]))
    return [f"As {link(caller, module.folder)} calls it:", "", "```hcl", call, "```"]


def check_examples(module: Module, notes: str) -> bool:
    """Whether the notes contain an example of a call. Raises Fault if the call does not fit the module's inputs."""
    found = False
    for text in re.findall(r"```hcl\n(.*?)```", notes, re.DOTALL):
        where = f"{relative(module.folder)}/README.md"
        for call in load(text, where).get("module", []):
            for body in call.values():
                arguments = {name for name in body if not name.startswith("__")} - {
                    "source",
                    "count",
                    "for_each",
                    "depends_on",
                }
                known = {each.name for each in module.inputs}
                required = {each.name for each in module.inputs if each.required}
                for name in sorted(arguments - known):
                    raise Fault(f"{where}: the example sets {name}, which the module does not have: correct the notes")
                for name in sorted(required - arguments):
                    raise Fault(f"{where}: the example lacks {name}, which the module needs: add it to the notes")
                found = True
    return found


def inputs(module: Module) -> list[str]:
    lines = ["| name | type | default | |", "|---|---|---|---|"]
    for each in module.inputs:
        kind = f"[{short(each.type)}](#{each.name})" if is_large(each) else code(one_line(each.type))
        default = "**required**" if each.required else code(each.default)
        if len(default) > CELL:
            default = f"[see below](#{each.name})"
        text = cell(each.description) + (" Sensitive." if each.sensitive else "")
        lines.append(f"| `{each.name}` | {kind} | {default} | {text} |")
    for each in module.inputs:
        if is_large(each):
            lines += ["", f"### {each.name}", "", "```hcl", block(each.type), "```"]
        if not each.required and len(code(each.default)) > CELL:
            lines += [] if is_large(each) else ["", f"### {each.name}"]
            lines += ["", "Default:", "", "```hcl", each.default, "```"]
    return lines


def render(module: Module, before: str) -> str:
    notes = notes_of(before)
    has_example = check_examples(module, notes)
    title = f"Environment {module.name}" if module.is_environment else module.name
    lines = [f"# {title}", "", *module.purpose.splitlines(), ""]
    if module.calls:
        callers = dict.fromkeys(caller for caller, _ in module.calls)
        lines += [f"Called by {', '.join(link(caller, module.folder) for caller in callers)}.", ""]
    lines += [NOTES[0], *([notes] if notes else []), NOTES[1]]
    if module.is_environment:
        lines += (
            ["", "## Settings that have no default", "", "```hcl", *settings(module), "```"] if settings(module) else []
        )
    elif not has_example:
        lines += ["", "## Example", "", *example(module)]
    lines += ["", "## Inputs", "", *(inputs(module) if module.inputs else ["None."])]
    lines += ["", "## Outputs", ""]
    if module.outputs:
        lines += ["| name | |", "|---|---|"]
        lines += [
            f"| `{each.name}` | {cell(each.description)}{' Sensitive.' if each.sensitive else ''} |"
            for each in module.outputs
        ]
    else:
        lines += ["None."]
    lines += ["", "Written by `scripts/module-docs` from the sources; text between the two markers is kept.", ""]
    return "\n".join(lines)
