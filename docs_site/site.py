"""The whole site in memory: pages in their frame, what they show, the index of the search, and what is wrong."""

import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from docs_site.check import find_problems
from docs_site.command_reference import command_pages
from docs_site.frame import Frame, beside_pages
from docs_site.links import Links
from docs_site.markdown import Rendered, render
from docs_site.pages import Page, arrange, in_site, written_pages
from docs_site.python_reference import PythonReference
from docs_site.registry_reference import registry_pages
from docs_site.schema_reference import schema_pages


@dataclass(frozen=True)
class Site:
    """A site that is not written yet.

    Args:
        files: Every file by its name.
        problems: What is wrong, each a sentence.
        external: The links that lead out of it: the page's source, and the address.
    """

    files: dict[str, bytes]
    problems: tuple[str, ...]
    external: tuple[tuple[str, str], ...]


def build(top: Path) -> Site:
    """The site of a repository: `docs/site.toml` orders its pages."""
    settings = tomllib.loads((top / "docs" / "site.toml").read_text(encoding="utf-8"))
    python = PythonReference(top / "src", settings["python"])
    generated = python.pages | command_pages() | registry_pages() | schema_pages(top / "docs" / "schemas")
    pages, problems = arrange(settings["navigation"], written_pages(top), generated)
    return assemble(top, pages, [*python.problems, *problems])


def assemble(top: Path, pages: Sequence[Page], problems: Sequence[str] = ()) -> Site:
    """The site of pages in the order of the navigation.

    Args:
        top: The repository that they stand in.
        pages: In their order.
        problems: What is wrong with them already.
    """
    links = Links(top, {page.source: page for page in pages})
    rendered = dict(_rendered(links))
    found = [*problems, *links.problems]
    found += [f"{source}: {problem}; correct it" for source, page in rendered.items() for problem in page.problems]
    sources = {page.target: page.source for page in links.pages.values()}
    if len(sources) < len(links.pages):
        found.append("expected one page for each place of the site, got two for one; rename a file")
    files = beside_pages()
    files["search.js"] = f"window.searched({json.dumps(_index(links, rendered), ensure_ascii=False)});\n".encode()
    files |= {in_site(file): (top / file).read_bytes() for file in sorted(links.files)}
    frame = Frame(pages, rendered)
    files |= {page.target: frame.around(page).encode() for page in links.pages.values()}
    found += find_problems(files, sources)
    return Site(files, tuple(dict.fromkeys(found)), tuple(sorted(links.external)))


def _rendered(links: Links) -> Iterator[tuple[str, Rendered]]:
    """Each page, and then those that links turn out to need."""
    done: set[str] = set()
    while left := [page for source, page in links.pages.items() if source not in done]:
        for page in left:
            done.add(page.source)
            rewrite, title = partial(links.rewritten, page), partial(links.title, page)
            yield page.source, render(page.text, rewrite=rewrite, title=title, with_html=not page.generated)


def _index(links: Links, rendered: dict[str, Rendered]) -> list[list[str]]:
    """Of each heading: the page's title, the heading, its address, and what stands under it."""
    return [
        [page.title, heading.text, f"{links.pages[source].target}#{heading.id}", text.strip()]
        for source, page in rendered.items()
        for heading, text in zip(page.headings, page.texts, strict=True)
    ]
