"""The pictures of the architecture and of the crates are current and complete."""

import re
import shutil
import subprocess
import xml.etree.ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs/architecture.svg"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "scripts/architecture", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    for name in ("architecture.toml", "architecture.svg"):
        shutil.copy(ROOT / "docs" / name, tmp_path)
    return tmp_path


def test_the_picture_is_current() -> None:
    done = run("--check")
    assert done.returncode == 0, done.stderr


def test_every_function_is_shown() -> None:
    shown = {text for element in xml.etree.ElementTree.parse(PICTURE).iter() for text in [element.text] if text}
    functions = {folder.parent.name for folder in (ROOT / "functions").glob("*/Cargo.toml")}
    assert functions - shown == set()


def test_it_has_colours_for_light_and_dark_pages() -> None:
    text = PICTURE.read_text(encoding="utf-8")
    light, dark = text.split("@media (prefers-color-scheme:dark)")
    kinds = set(re.findall(r'class="(page|panel|function|store|service|outside|line|head)', text))
    assert len(kinds) == 8
    assert all(f".{kind}{{" in light and f".{kind}{{" in dark for kind in kinds)


def test_a_change_of_the_source_is_noticed(docs: Path) -> None:
    source = docs / "architecture.toml"
    source.write_text(source.read_text(encoding="utf-8").replace("MSK, IAM", "MSK"), encoding="utf-8")
    stale = run("--check", "--docs", str(docs))
    assert stale.returncode == 1
    assert "not current: run scripts/architecture" in stale.stderr
    assert run("--docs", str(docs)).returncode == 0
    assert run("--check", "--docs", str(docs)).returncode == 0


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ('title = "Postgres"', 'title = "Postgres, in an instance of its own"', "is too long for its box"),
        ('to = "kafka"', 'to = "kafak"', "an arrow names 'kafak', and no box has that id"),
    ],
)
def test_a_mistake_in_the_source_is_named(docs: Path, before: str, after: str, fault: str) -> None:
    source = docs / "architecture.toml"
    source.write_text(source.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    done = run("--docs", str(docs))
    assert done.returncode == 1
    assert fault in done.stderr and "Traceback" not in done.stderr


def crates(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "scripts/crates", *arguments], capture_output=True, text=True, check=False)


def test_the_picture_of_the_crates_agrees_with_cargo() -> None:
    done = crates("--check")
    assert done.returncode == 0, done.stderr


def test_a_changed_arrow_between_crates_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "architecture.md"
    page.write_text(
        (ROOT / "docs/architecture.md").read_text(encoding="utf-8").replace("  s3 --> lake\n", ""), encoding="utf-8"
    )
    stale = crates("--check", "--page", str(page))
    assert stale.returncode == 1
    assert "not current: run scripts/crates" in stale.stderr
    assert crates("--page", str(page)).returncode == 0
    assert crates("--check", "--page", str(page)).returncode == 0


def test_every_crate_is_described() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    described = set(re.findall(r"^\| `([\w-]+)` \| ", page, re.MULTILINE))
    folders = {folder.parent.name for folder in (ROOT / "crates").glob("*/Cargo.toml")}
    assert described == folders - {"bench-events"}
