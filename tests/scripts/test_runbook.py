"""Every alarm has a section in the runbook, and its description names the section. Every alarm in the runbook
exists."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
TERRAFORM = ROOT / "terraform"
KINDS = "aws_cloudwatch_metric_alarm|aws_cloudwatch_composite_alarm|aws_budgets_budget"
PARTS = ["Means", "Look", "Do", "Over"]


@dataclass(frozen=True)
class Alarm:
    """An alarm from the text of the Terraform files. `*` in its name stands for parts that only a plan knows."""

    where: str
    name: str
    # The heading that its description names; None for a budget, which has no description.
    heading: str | None


def definition(name: str, text: str) -> str | None:
    """The text of a local value or an argument. It relies on `terraform fmt`, which indents its last line like its
    first."""
    found = re.search(rf"^  {name} += (.*?)(?:^  [}}\])]|\n)(?!    )", text, re.MULTILINE | re.DOTALL)
    return found and found[1]


def interpolated(text: str) -> list[str]:
    """Splits a string at its interpolations `${…}`. Texts and expressions alternate in the result."""
    parts, start, depth = [], 0, 0
    for found in re.finditer(r"\$\{|\{|\}", text):
        if found[0] == "${" and depth == 0:
            parts.append(text[start : found.start()])
            start = found.end()
        depth += 1 if found[0] != "}" else -1
        if depth == 0:
            parts.append(text[start : found.start()])
            start = found.end()
    return [*parts, text[start:]]


def pattern(expression: str, module: str, key: str) -> str:
    """The pattern of the names that an expression gives. `module` is the text of the module's local values."""
    if expression == "each.key":
        return key
    if function := re.fullmatch(r'local\.names\["([\w-]+)"\]', expression):
        return f"*-{function[1]}"
    if local := re.fullmatch(r"local\.(\w+)", expression):
        value = definition(local[1], module)
        return pattern(value.strip(), module, key) if value else "*"
    if expression.startswith('"'):
        parts = interpolated(expression[1:-1])
        return "".join(part if number % 2 == 0 else pattern(part, module, key) for number, part in enumerate(parts))
    return "*"


def with_values(expression: str, entry: str) -> str:
    """Replaces each.value.NAME in an expression by the texts of the entry."""
    texts = dict(re.findall(r'^ +(\w+) += ("[^"]*")$', entry, re.MULTILINE))
    return re.sub(r"each\.value\.(\w+)", lambda found: texts.get(found[1], found[0]), expression)


def entries(block: str, module: str) -> dict[str, str]:
    """The entries of the block's `for_each`, from key to text. One entry `*` if the keys are not in the file."""
    loop = re.search(r"^  for_each += (?:(?:\{ for \w+, \w+ in )?local\.(\w+)(?: :.*)?$)?", block, re.MULTILINE)
    value = loop and (definition(loop[1], module) if loop[1] else definition("for_each", block))
    found = re.findall(r"^    ([\w-]+) += \{(.*?)(?=^    [\w-]+ += \{|\Z)", value or "", re.MULTILINE | re.DOTALL)
    return dict(found) or {"*": ""}


def alarms(terraform: Path) -> list[Alarm]:
    found = []
    for file in sorted(terraform.rglob("*.tf")):
        text = "\n".join(other.read_text(encoding="utf-8") for other in sorted(file.parent.glob("*.tf")))
        module = "\n".join(re.findall(r"^locals \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL))
        resource = re.compile(rf'^resource "({KINDS})" "(\w+)" \{{\n(.*?)^\}}', re.MULTILINE | re.DOTALL)
        for kind, label, block in resource.findall(file.read_text(encoding="utf-8")):
            argument = "name" if kind == "aws_budgets_budget" else "alarm_name"
            name = re.search(rf"^  {argument} += (.*)$", block, re.MULTILINE)
            assert name, f"{file}: {kind}.{label} has no {argument} on a line of its own"
            for key, entry in entries(block, module).items():
                heading = re.search(r'Runbook: ([^"]+)\."$', entry, re.MULTILINE) or re.search(
                    r'^  alarm_description += .*Runbook: ([^"]+)\."$', block, re.MULTILINE
                )
                where = f"{file.relative_to(terraform.parent)}: {label}"
                expression = with_values(name[1], entry)
                found.append(Alarm(where, pattern(expression, module, key), heading and heading[1]))
    return found


def sections(runbook: str) -> dict[str, str]:
    """The text below each heading, by heading."""
    parts = re.split(r"^#{2,3} (.+)\n", runbook, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def names(section: str) -> list[str]:
    """The alarms in the first line of a section. A word in capitals, such as FUNCTION, stands for any name."""
    line = section.strip().splitlines()[0] if section.strip() else ""
    if not re.match(r"(Alarms?|Budget) `", line):
        return []
    return [re.sub(r"[A-Z]{2,}", "*", name) for name in re.findall(r"`([^`]+)`", line)]


def missing(found: list[Alarm], runbook: str) -> list[str]:
    """The alarms without a matching section, as messages."""
    by_heading = {heading: names(text) for heading, text in sections(runbook).items()}
    faults = []
    for alarm in found:
        if alarm.heading is None:
            if not any(alarm.name in listed for listed in by_heading.values()):
                faults.append(
                    f"{alarm.where}: the runbook has no section for {alarm.name}, and its description names none"
                )
            elif "budget" not in alarm.where:
                faults.append(f"{alarm.where}: its description must end with `Runbook: HEADING.`")
        elif alarm.heading not in by_heading:
            faults.append(f"{alarm.where}: the runbook has no heading {alarm.heading!r}")
        elif alarm.name not in by_heading[alarm.heading]:
            faults.append(f"{alarm.where}: the section {alarm.heading!r} does not name {alarm.name}")
    return faults


def test_every_alarm_has_the_section_that_its_description_names() -> None:
    assert missing(alarms(TERRAFORM), RUNBOOK) == []


def test_every_alarm_of_the_runbook_exists() -> None:
    known = {alarm.name for alarm in alarms(TERRAFORM)}
    listed = {name for section in sections(RUNBOOK).values() for name in names(section)}
    assert listed - known == set()


def test_every_alarm_resource_of_terraform_is_found() -> None:
    text = "\n".join(file.read_text(encoding="utf-8") for file in TERRAFORM.rglob("*.tf"))
    resources = re.findall(rf'^resource "({KINDS})"', text, re.MULTILINE)
    found = alarms(TERRAFORM)
    assert len({alarm.where for alarm in found}) == len(resources)
    # Loops over maps in the file, and over other maps.
    assert {"*-errors", "*-database-cpu", "*-topic-recreated", "*-run-aborted", "*-kafka-disk-*", "*-*-lag"} <= {
        alarm.name for alarm in found
    }


def test_a_section_says_what_an_alarm_means_and_what_to_do() -> None:
    for heading, section in sections(RUNBOOK).items():
        if names(section):
            assert re.findall(r"^- \*\*(\w+):\*\*", section, re.MULTILINE) == PARTS, heading


def test_headings_are_unique() -> None:
    headings = re.findall(r"^#{1,3} (.+)$", RUNBOOK, re.MULTILINE)
    assert len(headings) == len(set(headings))


def test_links_within_the_runbook_have_existing_targets() -> None:
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in sections(RUNBOOK)}
    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) - anchors == set()


def test_events_are_given_in_the_syntax_of_version_2_of_the_aws_command_line() -> None:
    for command in re.findall(r"aws lambda invoke(?:.*\\\n)*.*", RUNBOOK):
        assert "--cli-binary-format raw-in-base64-out" in command, command


@pytest.mark.parametrize(
    ("description", "fault"),
    [
        ("It is late.", "the runbook has no section for *-late, and its description names none"),
        ("It is late. Runbook: Too late.", "the runbook has no heading 'Too late'"),
        ("It is late. Runbook: A function fails.", "the section 'A function fails' does not name *-late"),
    ],
)
def test_an_alarm_without_its_section_is_found(tmp_path: Path, description: str, fault: str) -> None:
    folder = tmp_path / "terraform/modules/new"
    folder.mkdir(parents=True)
    (folder / "main.tf").write_text(
        'resource "aws_cloudwatch_metric_alarm" "late" {\n'
        '  alarm_name        = "${var.name}-late"\n'
        f'  alarm_description = "{description}"\n}}\n',
        encoding="utf-8",
    )
    assert missing(alarms(tmp_path / "terraform"), RUNBOOK) == [f"terraform/modules/new/main.tf: late: {fault}"]
