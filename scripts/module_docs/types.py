"""Parses Terraform's type constraints, as python-hcl2 prints them, and formats them for people."""

import re
from dataclasses import dataclass, field

WIDTH = 100


@dataclass
class Type:
    """A type: `string`, or `list(…)` with its element, or `object({…})` with its attributes."""

    name: str
    element: "Type | None" = None
    attributes: "dict[str, Attribute]" = field(default_factory=dict)


@dataclass
class Attribute:
    type: Type
    optional: bool = False
    default: str | None = None


def split(text: str) -> list[str]:
    """Splits at the commas that are outside of brackets and strings."""
    parts, depth, quoted, start = [], 0, False, 0
    for at, letter in enumerate(text):
        if letter == '"' and text[at - 1 : at] != "\\":
            quoted = not quoted
        elif not quoted and letter in "([{":
            depth += 1
        elif not quoted and letter in ")]}":
            depth -= 1
        elif not quoted and letter == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def parse(text: str) -> Type:
    text = text.strip()
    if (wrapped := re.fullmatch(r"\$\{(.*)\}", text, re.DOTALL)) is not None:
        return parse(wrapped[1])
    call = re.fullmatch(r"(\w+)\s*\((.*)\)", text, re.DOTALL)
    if call is None:
        return Type(text)
    name, inner = call[1], call[2].strip()
    if name != "object":
        return Type(name, element=parse(inner))
    attributes = {}
    for part in split(inner[1:-1]):
        key, value = (side.strip() for side in part.split("=", 1))
        optional = re.fullmatch(r"optional\s*\((.*)\)", value, re.DOTALL)
        if optional is None:
            attributes[key] = Attribute(parse(value))
        else:
            of, *default = split(optional[1])
            attributes[key] = Attribute(parse(of), True, default[0] if default else None)
    return Type(name, attributes=attributes)


def has_object(of: Type) -> bool:
    return of.name == "object" or (of.element is not None and has_object(of.element))


def short(of: Type) -> str:
    """For a cell of a table: without the attributes."""
    if of.element is not None:
        return f"{of.name}({short(of.element)})"
    return of.name


def one_line(of: Type) -> str:
    if of.name == "object":
        attributes = ", ".join(f"{name} = {one_line_attribute(each)}" for name, each in of.attributes.items())
        return f"object({{ {attributes} }})"
    return f"{of.name}({one_line(of.element)})" if of.element is not None else of.name


def one_line_attribute(attribute: Attribute) -> str:
    if not attribute.optional:
        return one_line(attribute.type)
    default = "" if attribute.default is None else f", {attribute.default}"
    return f"optional({one_line(attribute.type)}{default})"


def block(of: Type, indent: str = "", room: int = WIDTH) -> str:
    """For a code block: one attribute per line. An inner object that does not fit on its line gets several."""
    if len(one_line(of)) <= room and (indent or of.name != "object"):
        return one_line(of)
    if of.name != "object":
        return one_line(of) if of.element is None else f"{of.name}({block(of.element, indent, 0)})"
    width = max(len(name) for name in of.attributes)
    lines = []
    for name, attribute in of.attributes.items():
        left = f"{indent}  {name.ljust(width)} = "
        text = one_line_attribute(attribute)
        if len(left + text) > WIDTH and has_object(attribute.type):
            inner = block(attribute.type, indent + "  ", 0)
            default = "" if attribute.default is None else f", {attribute.default}"
            text = f"optional({inner}{default})" if attribute.optional else inner
        lines.append(left + text)
    return "object({\n" + "\n".join(lines) + f"\n{indent}}})"


def placeholder(of: Type) -> str:
    """A value for an example."""
    if of.name in ("list", "set"):
        return f"[{placeholder(of.element)}]"
    return {"string": '"…"', "number": "1", "bool": "true"}.get(of.name, "{}")
