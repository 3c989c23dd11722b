"""Writes the generated files, or with --check lists the files that are not current."""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

from module_docs import page, settings
from module_docs.modules import TERRAFORM, Fault, Module, folders, read, relative


def table_of_modules(modules: list[Module]) -> str:
    lines = ["| module | |", "|---|---|"]
    for module in modules:
        if not module.is_environment:
            # The first sentence, and the next one if the first is as short as a title.
            first = re.match(r".{30,}?[.](?=\s|$)|.*", " ".join(module.purpose.split()))[0]
            lines.append(f"| [`{module.name}`](modules/{module.name}/README.md) | {page.cell(first)} |")
    return "\n".join(lines)


def tables_of_costs() -> str | None:
    """The output of `headwater cost --markdown`; None if it is not built. cli/tests/cost.rs checks the page."""
    root = TERRAFORM.parent
    target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
    command = Path(os.environ.get("HEADWATER_BIN", target / "release" / "headwater"))
    if not command.is_file():
        return None
    done = subprocess.run([command, "cost", "--markdown"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def put(text: str, section: str, content: str) -> str:
    """Replaces a generated section of terraform/README.md."""
    begin, end = f"<!-- {section}: written by scripts/module-docs -->", f"<!-- end of {section} -->"
    if begin not in text or end not in text:
        raise Fault(f"terraform/README.md: the lines {begin} and {end} are missing: put them where the table belongs")
    return text[: text.index(begin)] + f"{begin}\n\n{content}\n\n" + text[text.index(end) :]


def generated(modules: list[Module], costs: str | None) -> dict[Path, str]:
    files = {}
    for module in modules:
        file = module.folder / "README.md"
        files[file] = page.render(module, file.read_text(encoding="utf-8") if file.is_file() else "")
    overview = TERRAFORM / "README.md"
    text = put(overview.read_text(encoding="utf-8"), "modules", table_of_modules(modules))
    files[overview] = text if costs is None else put(text, "costs", costs)
    return files


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/module-docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a file is not current")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="check only this *.tfvars file")
    options = parser.parse_args()
    check = options.check

    modules = [read(folder) for folder in folders()]
    aws = next(module for module in modules if module.is_environment and module.name == "aws")
    if options.settings:
        if faults := settings.check(options.settings.resolve(), aws):
            raise Fault("\n".join(faults))
        print(f"{options.settings}: everything that it sets exists")
        return
    # An example in the folder of an environment belongs to that environment, all others to AWS.
    of_folders = {module.folder: module for module in modules}
    faults = [fault for file in settings.files() for fault in settings.check(file, of_folders.get(file.parent, aws))]
    stale = []
    costs = None if check else tables_of_costs()
    if costs is None and not check:
        print("the tables of costs stay as they are: the headwater command is not built (scripts/headwater --version)")
    for file, text in generated(modules, costs).items():
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            stale.append(relative(file))
            if not check:
                file.write_text(text, encoding="utf-8")
    if check and stale:
        faults.append(f"not current: {', '.join(stale)}: run scripts/module-docs and commit what it wrote")
    if faults:
        raise Fault("\n".join(faults))
    print(f"{len(modules)} modules and environments, {len(stale)} pages rewritten")


if __name__ == "__main__":
    try:
        main()
    except Fault as fault:
        sys.exit(f"module-docs: {fault}")
