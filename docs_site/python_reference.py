"""Pages of the Python names: signatures and docstrings, read from the sources and never run."""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import griffe
from griffe import Object

import negatoscope
from docs_site.docstrings import cell, docstring_lines, inherited_lines, signature

PACKAGE = "negatoscope"
Names = Mapping[str, Sequence[str]]


class PythonReference:
    """The pages of the names that users meet.

    Args:
        sources: The folder with the package.
        names: For each page by its title, the names on it; those of a module are written as "transforms.suites.suite".
    """

    def __init__(self, sources: Path, names: Names) -> None:
        self.home = {name.rpartition(".")[2]: _file(title) for title, listed in names.items() for name in listed}
        public = {name for name in negatoscope.__all__ if not name.startswith("_")}
        left = sorted(public - set(self.home))
        self.problems = [f"docs/site.toml: expected every public name, got none of {name}; add it" for name in left]
        with _warnings() as warnings:
            self.package: Any = griffe.load(PACKAGE, search_paths=[sources], docstring_parser="google")
            self.pages = {"docs/reference/python.md": self._index(names)}
            self.pages |= {f"docs/reference/python/{_file(title)}": self._page(title, names[title]) for title in names}
        self.problems += [f"expected a docstring that Google's style reads, got: {text}" for text in warnings]

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
        lines = ["```python", signature(found, name), "```", ""]
        if found.docstring is None:
            self.problems.append(f"{found.path}: expected a docstring, got none; write one")
            return lines
        inherited = inherited_lines(found) if isinstance(found, griffe.Class) else []
        return lines + self._linked([*docstring_lines(found.docstring), *inherited])

    def _linked(self, lines: Iterable[str]) -> list[str]:
        """Names that the reference has, as links to where they are explained."""

        def link(match: re.Match[str]) -> str:
            home = self.home.get(match[1])
            return f"[`{match[1]}`]({home}#{match[1].lower()})" if home else match[0]

        return [re.sub(r"(?<![`\[])`(\w+)`(?!`)", link, line) for line in lines]


def _target(found: Any) -> Any:
    return found.final_target if found.is_alias else found


def _summary(found: Object) -> str:
    return found.docstring.value.partition("\n\n")[0] if found.docstring else ""


def _file(title: str) -> str:
    return f"{title.lower().replace(',', '').replace(' ', '_')}.md"


@contextmanager
def _warnings() -> Iterator[dict[str, None]]:
    """What griffe has to object to, each once."""
    texts: dict[str, None] = {}

    def keep(record: logging.LogRecord) -> bool:
        texts[record.getMessage()] = None
        return False

    logger = logging.getLogger("griffe")
    logger.addFilter(keep)
    try:
        yield texts
    finally:
        logger.removeFilter(keep)
