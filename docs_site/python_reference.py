"""Pages of the Python names: signatures and docstrings, read from the sources and never run."""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import griffe
from griffe import Class, Docstring, DocstringSectionKind, Function, Object

import negatoscope

PACKAGE = "negatoscope"
READING = {"returns_multiple_items": False, "warn_missing_types": False}
Names = Mapping[str, Sequence[str]]


class _Warnings(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


class PythonReference:
    """The pages of the names that users meet.

    Args:
        sources: The folder with the package.
        names: For each page by its title, the names on it; those of a module are written as "transforms.suites.suite".
    """

    def __init__(self, sources: Path, names: Names) -> None:
        self.problems: list[str] = []
        heard = _Warnings()
        logger = logging.getLogger("griffe")
        logger.addHandler(heard)
        logger.propagate = False
        try:
            self.package: Any = griffe.load(PACKAGE, search_paths=[sources], docstring_parser="google")
            self.home = {name.rpartition(".")[2]: _file(title) for title, listed in names.items() for name in listed}
            self.pages = {"docs/reference/python.md": self._index(names)}
            self.pages |= {f"docs/reference/python/{_file(title)}": self._page(title, names[title]) for title in names}
        finally:
            logger.removeHandler(heard)
        public = {name for name in negatoscope.__all__ if not name.startswith("_")}
        listed = {name for group in names.values() for name in group}
        self.problems += [
            f"docs/site.toml: expected every public name, got none of {name}; add it"
            for name in sorted(public - listed)
        ]
        self.problems += [
            f"expected a docstring that Google's style reads, got: {text}" for text in dict.fromkeys(heard.texts)
        ]

    def _index(self, names: Names) -> str:
        lines = ["# Python", "", "What `import negatoscope as ng` gives, and what it takes and returns."]
        for title, listed in names.items():
            lines += ["", f"## {title}", "", "| name | what it is |", "|---|---|"]
            for name in listed:
                short = name.rpartition(".")[2]
                found = self._find(name)
                if found is not None:
                    lines.append(f"| [`{short}`](python/{_file(title)}#{short.lower()}) | {cell(_summary(found))} |")
        return "\n".join([*lines, ""])

    def _page(self, title: str, names: Sequence[str]) -> str:
        lines = [f"# {title}"]
        for name in names:
            found = self._find(name)
            if found is None:
                self.problems.append(f"docs/site.toml: expected a name of {PACKAGE}, got {name!r}; correct it")
                continue
            lines += ["", f"## {found.name}", "", *self._entry(found, f"{PACKAGE}.{name}")]
            members = found.all_members.values() if found.is_class else ()
            for member in members:
                if not member.name.startswith("_") and member.docstring and (member.inherited or not member.is_alias):
                    lines += ["", f"### {found.name}.{member.name}", "", *self._entry(_target(member), member.name)]
        return "\n".join([*lines, ""])

    def _find(self, name: str) -> Any:
        try:
            return _target(self.package[name])
        except (KeyError, griffe.AliasResolutionError):
            return None

    def _entry(self, found: Object, name: str) -> list[str]:
        lines = ["```python", _signature(found, name), "```", ""]
        if found.docstring is None:
            self.problems.append(f"{found.path}: expected a docstring, got none; write one")
            return lines
        return lines + self._linked(docstring_lines(found.docstring))

    def _linked(self, lines: Iterable[str]) -> list[str]:
        """Names that the reference has, as links to where they are explained."""

        def link(match: re.Match[str]) -> str:
            home = self.home.get(match[1])
            return f"[`{match[1]}`]({home}#{match[1].lower()})" if home else match[0]

        return [re.sub(r"(?<![`\[])`(\w+)`(?!`)", link, line) for line in lines]


def _target(found: Any) -> Any:
    return found.final_target if found.is_alias else found


def docstring_lines(docstring: Docstring) -> list[str]:
    """A docstring in Google's style as Markdown."""
    lines: list[str] = []
    for section in docstring.parse("google", **READING):
        match section.kind:
            case DocstringSectionKind.text:
                lines += [re.sub(r"^Source:", "**Source**:", section.value, flags=re.MULTILINE), ""]
            case DocstringSectionKind.admonition:  # a source of several lines
                said = section.value
                lines += [f"**{said.kind.capitalize()}**: {section.title} {' '.join(said.contents.split())}", ""]
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


def cell(text: str) -> str:
    """Text as a table's cell holds it."""
    return " ".join(text.split()).replace("|", "\\|")


def _signature(found: Object, name: str) -> str:
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


def _summary(found: Object) -> str:
    return found.docstring.value.partition("\n\n")[0] if found.docstring else ""


def _file(title: str) -> str:
    return f"{title.lower().replace(' ', '_')}.md"
