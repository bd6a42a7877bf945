"""Docstrings and signatures as Markdown."""

import re

from griffe import Class, Docstring, DocstringSectionKind, Function, Object

READING = {"returns_multiple_items": False, "warn_missing_types": False}
"""How this project writes Google's style: one thing is returned, and types stand in the signature."""


def docstring_lines(docstring: Docstring) -> list[str]:
    """A docstring in Google's style as Markdown."""
    lines: list[str] = []
    for section in docstring.parse("google", **READING):
        match section.kind:
            case DocstringSectionKind.text:
                lines += [re.sub(r"^Source:", "**Source**:", section.value, flags=re.MULTILINE), ""]
            case DocstringSectionKind.admonition:  # a source of several lines
                note = section.value
                lines += [f"**{note.kind.capitalize()}**: {section.title} {' '.join(note.contents.split())}", ""]
            case DocstringSectionKind.parameters | DocstringSectionKind.attributes:
                lines += ["| argument | what it is |", "|---|---|"]
                lines += [f"| `{entry.name}` | {cell(entry.description)} |" for entry in section.value]
                lines.append("")
            case DocstringSectionKind.returns:
                lines += [
                    f"**Returns**: {entry.name}{': ' * bool(entry.name)}{entry.description}" for entry in section.value
                ]
                lines.append("")
            case DocstringSectionKind.raises:
                lines += ["| raises | when |", "|---|---|"]
                lines += [f"| `{entry.annotation}` | {cell(entry.description)} |" for entry in section.value]
                lines.append("")
            case kind:
                lines += [f"**{kind.value}**", "", str(section.value), ""]
    return lines


def inherited_lines(found: Class) -> list[str]:
    """What the docstrings of the classes that a class is made from say of its arguments, where its own says nothing."""
    described = {name: text for each in reversed(found.mro()) for name, text in _arguments(each).items()}
    left = [name for name in described if name in found.parameters and name not in _arguments(found)]
    if not left:
        return []
    return ["| argument | what it is |", "|---|---|", *(f"| `{name}` | {cell(described[name])} |" for name in left), ""]


def _arguments(found: Class) -> dict[str, str]:
    sections = found.docstring.parse("google", **READING) if found.docstring else []
    listed = [each.value for each in sections if each.kind is DocstringSectionKind.parameters]
    return {entry.name: entry.description for entries in listed for entry in entries}


def cell(text: str) -> str:
    """Text as a table's cell holds it."""
    return " ".join(text.split()).replace("|", "\\|")


def signature(found: Object, name: str) -> str:
    """A function, a class or a value as Python declares it, in one line or one line for each argument."""
    if found.is_attribute:
        is_typed = found.annotation is not None and str(found.annotation) != "TypeAlias"
        return f"{name}: {found.annotation}" if is_typed else f"{name} = {found.value}"
    assert isinstance(found, Function | Class)
    parts, bare = [], False
    for parameter in found.parameters:
        kind = parameter.kind.value if parameter.kind else ""
        if parameter.name in ("self", "cls"):
            continue
        if kind == "keyword-only" and not bare:
            parts.append("*")
        bare = bare or kind in ("keyword-only", "variadic positional")
        stars = {"variadic positional": "*", "variadic keyword": "**"}.get(kind, "")
        annotation = f": {parameter.annotation}" if parameter.annotation else ""
        has_default = parameter.default is not None and not stars
        default = f"{' = ' if annotation else '='}{parameter.default}" if has_default else ""
        parts.append(f"{stars}{parameter.name}{annotation}{default}")
    returns = f" -> {found.returns}" if isinstance(found, Function) and found.returns else ""
    start = f"class {name}" if found.is_class else name
    line = f"{start}({', '.join(parts)}){returns}"
    if len(line) <= 88:
        return line
    return "\n".join([f"{start}(", *(f"    {part}," for part in parts), f"){returns}"])
