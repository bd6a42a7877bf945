"""Which pages there are, and in which order the navigation has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

FOLDERS = ("docs", "results", "benchmarks")
"""Where every Markdown file is a page, beside those at the top of the repository."""


@dataclass(frozen=True)
class Page:
    """One page of the site.

    Args:
        source: Its place in the repository; of one that is made from code, where it would be.
        text: Markdown.
        generated: Whether it is made from code: then it has no HTML.
        label: What the navigation calls it; "" leaves that to its heading.
        section: The part of the navigation that it stands in; "" of one that only links lead to.
        parent: The source of the page that the navigation shows it under, "" for one that is always shown.
    """

    source: str
    text: str
    generated: bool = False
    label: str = ""
    section: str = ""
    parent: str = ""

    @property
    def target(self) -> str:
        """Its place in the site."""
        place = PurePosixPath(in_site(self.source))
        return str(place.with_name("index.html") if place.name == "README.md" else place.with_suffix(".html"))

    @property
    def title(self) -> str:
        """What the navigation calls it, or else its first heading."""
        return self.label or self.text.partition("# ")[2].partition("\n")[0]


def in_site(source: str) -> str:
    """Where a file of the repository stands in the site: what is in docs/ stands at its top."""
    return source.removeprefix("docs/")


def written_pages(top: Path) -> dict[str, str]:
    """The text of every Markdown page of the repository, by its place there."""
    files = [*sorted(top.glob("*.md")), *(file for folder in FOLDERS for file in sorted((top / folder).rglob("*.md")))]
    return {file.relative_to(top).as_posix(): file.read_text(encoding="utf-8") for file in files}


def arrange(
    navigation: Mapping[str, Mapping[str, str]], written: Mapping[str, str], generated: Mapping[str, str]
) -> tuple[list[Page], list[str]]:
    """All pages in the order of the navigation, and what is wrong with it.

    Args:
        navigation: For each section, the label of each page by its source. A source with a "*" stands for all other
            pages that it fits, which are shown where the page before it is open; the label "*" is what fits.
        written: The text of pages by their source.
        generated: The same of pages that are made from code.
    """
    texts = {**written, **generated}
    named = {entry for entries in navigation.values() for entry in entries}
    pages: dict[str, Page] = {}
    problems = []
    for section, entries in navigation.items():
        parent = ""
        for entry, label in entries.items():
            is_pattern = "*" in entry
            others = named - {entry} | set(pages)
            fitting = [source for source in texts if fnmatchcase(source, entry) and source not in others]
            if not fitting:
                problems.append(f"docs/site.toml: expected pages, each once, got {entry!r}; correct it")
            for source in fitting:
                under = parent if is_pattern else ""
                called = source.removeprefix(entry.partition("*")[0]).rpartition(".")[0] if label == "*" else label
                pages[source] = Page(source, texts[source], source in generated, called, section, under)
            parent = parent if is_pattern else entry
    left = [source for source in texts if source not in pages]
    problems += [
        f"docs/site.toml: expected every page in it, got none of {source}; add a line for it" for source in left
    ]
    return list(pages.values()), problems
