"""Links between documents lead to existing files and headings. Commands and tests that they name exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\(([^()\s]+)\)")


def documents() -> list[Path]:
    folders = ("docs", "functions", "crates", "cli", "emr", "localstack", "terraform", "tests")
    found = [*ROOT.glob("*.md"), *(file for folder in folders for file in (ROOT / folder).rglob("*.md"))]
    return sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(ROOT).parts))


def prose(text: str) -> str:
    """The text without code blocks and inline code."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(document: Path) -> set[str]:
    """The names that GitHub gives to headings: a second heading with the same text gets -1."""
    seen: dict[str, int] = {}
    found = set()
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.add(f"{name}-{seen[name]}" if name in seen else name)
        seen[name] = seen.get(name, 0) + 1
    return found


def broken(document: Path) -> list[str]:
    faults = []
    for link in LINK.findall(prose(document.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists():
            faults.append(f"{link}: there is no such file")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            faults.append(f"{link}: {target.name} has no such heading")
    return faults


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_a_document_have_existing_targets(document: Path) -> None:
    assert broken(document) == []


def verbs() -> set[str]:
    source = (ROOT / "cli/src/main.rs").read_text(encoding="utf-8")
    enum = re.search(r"^enum Verb \{\n(.*?)^\}", source, re.MULTILINE | re.DOTALL)
    assert enum is not None
    return {name.lower() for name in re.findall(r"^    ([A-Z]\w+)\(", enum[1], re.MULTILINE)}


def commands(text: str) -> set[str]:
    """The verbs after `headwater` in the code of a document. Each option before the verb has a value."""
    code = "\n".join(re.findall(r"^    [^\n]*|`[^`\n]+`|^```.*?^```", text, re.MULTILINE | re.DOTALL))
    return set(re.findall(r"\bheadwater(?: --[\w-]+ [\w./-]+)* ([a-z]+)\b(?![./-])", code))


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_of_a_document_exist(document: Path) -> None:
    assert commands(document.read_text(encoding="utf-8")) - verbs() == set()


def sources() -> list[Path]:
    folders = ("cli", "crates", "emr", "functions", "terraform", "tests")
    found = [
        file for folder in folders for end in ("rs", "py", "hcl", "sh") for file in (ROOT / folder).rglob(f"*.{end}")
    ]
    return [file for file in found if not {".terraform", "target", "__pycache__"} & set(file.parts)]


@pytest.mark.parametrize("name", ["guarantees", "threat-model"])
def test_the_tests_that_a_document_names_exist(name: str) -> None:
    text = (ROOT / f"docs/{name}.md").read_text(encoding="utf-8")
    files = sources()
    named = set(re.findall(r"`([\w-]+\.(?:rs|py|sh))`", text))
    assert named - {file.name for file in files} == set()
    # A name of five or more words is that of a test.
    tests = set(re.findall(r"`([a-z0-9]+(?:_[a-z0-9]+){4,})`", text))
    known = "\n".join(file.read_text(encoding="utf-8") for file in files)
    assert {test for test in tests if not re.search(rf"\b{test}\b", known)} == set()


def test_commands_are_found_only_in_code() -> None:
    text = (
        "a headwater sentence, `headwater verify`, `scripts/headwater up`\n\n    headwater --stack s.json parked list\n"
    )
    assert commands(text) == {"verify", "up", "parked"}


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# One heading\n\n# One heading\n", encoding="utf-8")
    document = tmp_path / "document.md"
    document.write_text(
        "# Here\n[a](other.md#one-heading-1) [b](other.md#two) [c](gone.md) [d](#here) [e](#there) `[f](code.md)`\n",
        encoding="utf-8",
    )
    assert broken(document) == [
        "other.md#two: other.md has no such heading",
        "gone.md: there is no such file",
        "#there: document.md has no such heading",
    ]
