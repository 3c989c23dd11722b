"""The call graph of the workspace's Rust sources. The sources are read as text, without a compiler or a build.

The graph is an over-approximation: if a call could mean several functions, it has an edge to each of them. Every
reachable function is found, but some that are found are not reachable. Declared types reduce the candidates for common
names such as `get` and `read`.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

COMMENT_OR_STRING = re.compile(
    r"""//[^\n]*|/\*.*?\*/|r(?P<hashes>\#*)".*?"(?P=hashes)|b?"(?:\\.|[^"\\])*"|b?'(?:\\.[^']*|[^'\\])'""", re.DOTALL
)
TEST = re.compile(r"#\[cfg\(test\)\]\s*(?:pub(?:\([a-z]+\))?\s+)?mod\s+(\w+)\s*([;{])")
FUNCTION = re.compile(r"\bfn\s+(\w+)")
BLOCK = re.compile(r"\b(?:impl|trait)\b[^{};]*\{")
REFERENCE = re.compile(r"(?:(?P<path>\w+)\s*(?:::\s*<[^>]*>\s*)?::\s*|(?P<dot>\.)\s*)?(?P<name>\b[a-z_]\w*)(?!\w*\s*!)")
SIGNATURE = re.compile(r"\w+\s*(?:<[^()]*?>)?\s*\(")
USE = re.compile(r"\buse\s+([^;]+);")
LET = re.compile(r"\blet\s+(?:mut\s+)?(\w+)\s*=\s*([^;]*?)[;{]")
DECLARED = re.compile(r"(?<!:)\b(\w+)\s*:(?!:)\s*([^,;={}()]*(?:\([^()]*\))?[^,;={}()]*)")


def blanked(text: str) -> str:
    """The text with spaces in place of comments and of the contents of strings. All positions stay the same."""

    def blank(match: re.Match[str]) -> str:
        found = match.group()
        inside = re.sub(r"[^\n]", " ", found[1:-1])
        return found[0] + inside + found[-1] if found.endswith('"') else re.sub(r"[^\n]", " ", found)

    return COMMENT_OR_STRING.sub(blank, text)


def closing(text: str, opening: int) -> int:
    """The position after the brace that closes the one at `opening`."""
    depth = 0
    for match in re.compile(r"[{}]").finditer(text, opening):
        depth += 1 if match.group() == "{" else -1
        if depth == 0:
            return match.end()
    return len(text)


def arguments(text: str, opening: int) -> list[str]:
    """The arguments in the parentheses that open at `opening`, as texts."""
    parts, depth, start = [], 0, opening + 1
    # Commas between the parameters of a closure or of a generic type do not separate arguments.
    text = re.sub(
        r"\|[^|\n(]*(?:\([^|\n]*\)[^|\n]*)?\||<[^<>;(){}]*>", lambda match: "_" * len(match.group()), text[opening:]
    )
    for match in re.finditer(r"[()\[\]{},]", text):
        found = match.group()
        depth += (found in "([{") - (found in ")]}")
        if depth == 0 or depth == 1 and found == ",":
            parts.append(text[start - opening : match.start()].strip())
            start = opening + match.end()
        if depth == 0:
            break
    return parts if parts and parts[-1] else parts[:-1]


@dataclass(frozen=True)
class Reference:
    """A name in a function's body: the path or the receiver before it, and the number of arguments if it is called."""

    name: str
    path: str | None
    receiver: str | None
    arity: int | None


@dataclass(frozen=True, eq=False)
class Function:
    """One function: the crate, its file (`module`), the type and trait of its impl block, and its body."""

    crate: "Crate"
    module: str
    owner: str | None
    trait: str | None
    name: str
    body: str
    written: str = field(repr=False)

    def __str__(self) -> str:
        return "::".join(part for part in (self.crate.name, self.module, self.owner, self.name) if part)

    @cached_property
    def references(self) -> list[Reference]:
        """The names in the body that may be calls, and functions that are passed as arguments."""
        found = []
        for match in REFERENCE.finditer(self.body):
            called = re.compile(r"\s*(?:::\s*<[^()]*?>\s*)?\(").match(self.body, match.end())
            before = self.body[: match.start()].rstrip()
            receiver = None
            if match["dot"]:
                named = re.search(r"\.?\w+$", before)
                receiver = named[0] if named else "()"
            if not called and not match["path"]:
                # A function that is passed as an argument is alone between commas or parentheses.
                after = self.body[match.end() :].lstrip()[:1]
                if receiver or before[-1:] not in ("(", ",") or after not in (")", ","):
                    continue
            arity = len(arguments(self.body, called.end() - 1)) if called else None
            found.append(Reference(match["name"], match["path"], receiver, arity))
        return found

    @cached_property
    def parameters(self) -> list[str]:
        """The parameters, `self` included."""
        start = SIGNATURE.search(self.written)
        return arguments(blanked(self.written), start.end() - 1) if start else []

    def takes(self, reference: Reference) -> bool:
        """Whether the function has as many parameters as the call has arguments."""
        own = [parameter for parameter in self.parameters if not re.match(r"^[&\w\s']*\bself\b", parameter)]
        if reference.arity is None:
            return True
        return reference.arity == len(own) or reference.path is not None and reference.arity == len(self.parameters)


@dataclass
class Crate:
    """A package of the workspace: its dependencies, and the functions of its sources without their tests."""

    name: str
    folder: Path
    dependencies: set[str]
    functions: list[Function] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    def read(self) -> None:
        """Reads the sources."""
        tests: set[str] = set()
        files = sorted((self.folder / "src").rglob("*.rs"))
        for path in files:
            written = path.read_text()
            text = blanked(written)
            for match in TEST.finditer(text):
                if match[2] == "{":
                    start, end = match.start(), closing(text, match.end() - 1)
                    text = text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]
                else:
                    base = path.parent if path.stem in ("lib", "mod", "main") else path.parent / path.stem
                    tests |= {f"{base / match[1]}.rs", str(base / match[1] / "mod.rs")}
            self.texts[str(path)] = text
            self.functions.extend(self._functions(path, text, written))
        self.texts = {path: text for path, text in self.texts.items() if path not in tests}
        stems = {self._module(Path(path)) for path in tests}
        self.functions = [function for function in self.functions if function.module not in stems]

    def _module(self, path: Path) -> str:
        parts = path.relative_to(self.folder / "src").with_suffix("").parts
        return "/".join(part for part in parts if part not in ("lib", "mod"))

    def _functions(self, path: Path, text: str, written: str) -> Iterator[Function]:
        blocks = []
        for match in BLOCK.finditer(text):
            head = match.group()[:-1].split(" where ")[0]
            trait, _, owner = re.sub(r"^(impl|trait)\s*(<.*?>\s*(?=\w|&))?", "", head.strip()).rpartition(" for ")
            if head.startswith("trait"):
                trait = owner
            names = [re.match(r"[\s&']*(?:\w+::)*(\w+)", part) for part in (owner, trait)]
            blocks.append((match.start(), closing(text, match.end() - 1), *(name and name[1] for name in names)))
        end_of_last = 0
        for match in FUNCTION.finditer(text):
            if match.start() < end_of_last:
                continue  # a nested function, which is part of the outer function's body
            opening = re.compile(r"[{;]").search(text, match.end())
            if opening is None or opening.group() == ";":
                continue
            end_of_last = end = closing(text, opening.start())
            around = [block for block in blocks if block[0] < match.start() < block[1]]
            owner, trait = around[-1][2:] if around else (None, None)
            yield Function(
                self, self._module(path), owner, trait, match[1], text[match.end() : end], written[match.start(1) : end]
            )

    @cached_property
    def declared(self) -> dict[str, dict[str, set[str]]]:
        """The words in the types of fields, parameters and variables, by module and name."""
        found: dict[str, dict[str, set[str]]] = {}
        for path, text in self.texts.items():
            names = found.setdefault(self._module(Path(path)), {})
            for name, described in [*DECLARED.findall(text), *LET.findall(text)]:
                names.setdefault(name, set()).update(re.findall(r"\w+", described))
        return found

    def declarations(self, module: str, name: str) -> set[str]:
        """The words in the declarations of a variable in its file. If there are none, or for a field (`.name`), those
        in the whole crate."""
        here = self.declared.get(module, {}).get(name)
        everywhere = (names.get(name.removeprefix("."), set()) for names in self.declared.values())
        return here if here is not None else set().union(*everywhere)

    @cached_property
    def imports(self) -> dict[str, set[str]]:
        """The words in the `use` declarations of each file, by module."""
        return {
            self._module(Path(path)): set(re.findall(r"\w+", " ".join(USE.findall(text))))
            for path, text in self.texts.items()
        }

    @cached_property
    def mentions(self) -> dict[str, set[str]]:
        """All words of each file, by module."""
        return {self._module(Path(path)): set(re.findall(r"\w+", text)) for path, text in self.texts.items()}


class Workspace:
    """All crates of the workspace below `crates` and `functions`."""

    def __init__(self, root: Path = ROOT) -> None:
        self.crates: dict[str, Crate] = {}
        for manifest in sorted([*root.glob("crates/*/Cargo.toml"), *root.glob("functions/*/Cargo.toml")]):
            described = tomllib.loads(manifest.read_text())
            name = described["package"]["name"]
            self.crates[name] = Crate(name, manifest.parent, set(described.get("dependencies", {})))
        for crate in self.crates.values():
            crate.read()

    def functions(self) -> list[str]:
        """The names of the Lambda functions."""
        return [name for name, crate in self.crates.items() if crate.folder.parent.name == "functions"]

    def closure(self, name: str) -> set[str]:
        """A crate and all crates of the workspace that it depends on."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            crate = waiting.pop()
            if crate not in found:
                found.add(crate)
                waiting.extend(self.crates[crate].dependencies & set(self.crates))
        return found

    def calls(self, caller: Function, closure: set[str], root: str) -> set[Function]:
        """The functions that `caller` may call or pass on, in the program of the crate `root`."""
        found: set[Function] = set()
        near = self.closure(caller.crate.name) & closure
        for reference in caller.references:
            for candidate in self._by_name.get(reference.name, []):
                # Generic code of a library calls methods of types in the program, on which the library does not depend.
                by_trait = candidate.trait is not None and candidate.crate.name in closure
                if candidate is caller or candidate.crate.name not in near and not by_trait:
                    continue
                if candidate.takes(reference) and self._means(caller, candidate, reference, root):
                    found.add(candidate)
        return found

    @cached_property
    def _by_name(self) -> dict[str, list[Function]]:
        found: dict[str, list[Function]] = {}
        for crate in self.crates.values():
            for function in crate.functions:
                found.setdefault(function.name, []).append(function)
        return found

    @cached_property
    def _types(self) -> set[str]:
        return {function.owner for crate in self.crates.values() for function in crate.functions if function.owner}

    def _means(self, caller: Function, candidate: Function, reference: Reference, root: str) -> bool:
        words = caller.crate.mentions.get(caller.module, set())
        path, receiver = reference.path, reference.receiver
        # Another Lambda function's crate counts only if it is named: its settings and its lane are not part of this
        # program.
        foreign = candidate.crate.name in self.functions() and candidate.crate.name not in (root, caller.crate.name)
        by_trait = candidate.trait is not None and not foreign
        if path == "Self" or receiver == "self":
            own = candidate.crate is caller.crate or caller.trait is not None  # a trait for a type of another crate
            if own and caller.owner in (candidate.owner, candidate.trait):
                return True
            return by_trait and caller.trait is not None and caller.owner == candidate.trait
        if path is not None:
            if path[0].isupper() and path in self._types:
                return path in (candidate.owner, candidate.trait) and (candidate.crate is caller.crate or not foreign)
            if path[0].isupper():
                return by_trait  # a type parameter
            place = (candidate.module.rpartition("/")[2], candidate.crate.name.replace("-", "_"), "super", "crate")
            return candidate.owner is None and path in place
        if receiver is not None:
            if candidate.owner is None:
                return False
            declared = caller.crate.declarations(caller.module, receiver)
            if candidate.owner in declared or candidate.trait is not None and candidate.trait in declared:
                return True
            if declared & self._types and not any(len(word) == 1 for word in declared):
                return False
            return candidate.owner in words or by_trait
        if candidate.owner is not None:
            return False
        return candidate.crate is caller.crate or reference.name in caller.crate.imports.get(caller.module, set())
