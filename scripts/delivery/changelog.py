"""python3 -m delivery.changelog VERSION FILE: the section of a version in a changelog, as release notes."""

import re
import sys
from pathlib import Path


def section(text: str, version: str) -> str | None:
    """The text below `## [VERSION] - DATE`, up to the next version; None if there is no such heading."""
    heading = re.compile(rf"^## \[?v?{re.escape(version)}\]?(?=[\s-]|$).*$", re.MULTILINE)
    found = heading.search(text)
    if not found:
        return None
    rest = text[found.end() :]
    # The next version, or the links that end a changelog.
    end = re.search(r"^(## |\[[^\]]+\]: )", rest, re.MULTILINE)
    return rest[: end.start() if end else None].strip()


def main() -> int:
    """Prints the section; 1 if it is missing or empty."""
    version, file = sys.argv[1], Path(sys.argv[2])
    notes = section(file.read_text(), version) if file.is_file() else None
    if not notes:
        print(f"error: {file} has no section for {version}", file=sys.stderr)
        print(f"fix: add a section `## [{version}] - YYYY-MM-DD` with the changes", file=sys.stderr)
        return 1
    print(notes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
