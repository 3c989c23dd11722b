"""scripts/module-docs: the pages that it writes, and the faults that it finds."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from module_docs import page, settings, types
from module_docs.modules import Fault, Input, Module, folders, read

AWS = next(folder for folder in folders() if folder.name == "aws")
NESTED = '${object({a = string, b = optional(list(object({c = number, d = optional(string, "x,(y")})), [])})}'


def module(folder: Path, **inputs: bool) -> Module:
    """A module with inputs of type string. The value of an argument says whether the input is required."""
    given = [Input(name, "", types.parse("string"), required, "null", False) for name, required in inputs.items()]
    return Module(folder, "For a test.", given, [], [])


def test_a_nested_type_is_read_with_its_defaults() -> None:
    inner = types.parse(NESTED).attributes["b"]
    assert inner.optional and inner.default == "[]"
    assert inner.type.element.attributes["d"].default == '"x,(y"'
    assert not types.parse(NESTED).attributes["a"].optional


def test_a_type_of_many_attributes_has_a_line_for_each() -> None:
    attributes = ", ".join(f"attribute_{number} = optional(string)" for number in range(9))
    lines = types.block(types.parse(f"object({{{attributes}}})")).splitlines()
    assert len(lines) == 11 and lines[1] == "  attribute_0 = optional(string)"


def test_text_between_the_markers_is_kept() -> None:
    lake = read(next(folder for folder in folders() if folder.name == "lake"))
    first = page.render(lake, "")
    begin, end = page.NOTES
    changed = first.replace(f"{begin}\n{end}", f"{begin}\nWritten by hand.\n{end}")
    assert page.render(lake, changed) == changed != first


def test_a_handwritten_example_must_fit_the_module() -> None:
    example = '```hcl\nmodule "m" {\n  source = "m"\n  name   = "n"\n}\n```\n'
    assert page.check_examples(module(AWS, name=True, size=False), example)
    with pytest.raises(Fault, match="sets name, which the module does not have"):
        page.check_examples(module(AWS, size=False), example)
    with pytest.raises(Fault, match="lacks size, which the module needs"):
        page.check_examples(module(AWS, name=True, size=True), example)


def test_a_page_that_is_not_current_is_named(tmp_path: Path) -> None:
    copy = tmp_path / "terraform"
    shutil.copytree(settings.TERRAFORM, copy, ignore=shutil.ignore_patterns(".terraform*", "tests"))
    shutil.copytree(settings.TERRAFORM.parent / "scripts", tmp_path / "scripts")
    with (copy / "modules/lake/outputs.tf").open("a") as file:
        file.write('output "new" {\n  description = "New."\n  value       = 1\n}\n')
    command = [sys.executable, "-m", "module_docs", "--check"]
    result = subprocess.run(command, cwd=tmp_path / "scripts", capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "not current: terraform/modules/lake/README.md: run scripts/module-docs" in result.stderr


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('regoin = "x"', "regoin is no variable"),
        ('network = { egres = "nat" }', "network.egres does not exist"),
        ("sizes = { inbox_etl = { memory = 1 } }", "sizes.inbox_etl.memory does not exist"),
        ('network = { existing = { vpc_id = "v" } }', "network.existing.subnet_ids is missing"),
        ("network = { existing_services = { kafka = { prot = 1 } } }", "network.existing_services.kafka.prot"),
    ],
)
def test_a_typing_error_in_an_example_is_found_at_any_depth(tmp_path: Path, text: str, fault: str) -> None:
    """Terraform ignores an unknown attribute of an object without a warning."""
    file = settings.TERRAFORM / "examples" / "never-written.tfvars"
    faults = settings.faults_of(file, f'{text}\nregion = "x"\n', read(AWS))
    assert any(fault in each for each in faults), faults


def test_a_setting_that_is_commented_out_is_checked_too() -> None:
    file = AWS / "terraform.tfvars.example"
    text = 'region = "x"\n# A sentence: about = signs.\n#network = {\n#  egres = "nat"\n#}\n'
    assert any("network.egres" in fault for fault in settings.faults_of(file, text, read(AWS)))
    assert not settings.faults_of(file, text.replace("egres", "egress"), read(AWS))


def test_an_example_must_set_every_variable_without_a_default() -> None:
    file = settings.TERRAFORM / "examples" / "never-written.tfvars"
    assert any("region has no default" in fault for fault in settings.faults_of(file, 'name = "x"\n', read(AWS)))


def test_every_module_and_environment_can_be_read() -> None:
    for folder in folders():
        assert read(folder).purpose
