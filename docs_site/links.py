"""Where links lead: to another page, to a file that comes along, out of the site, or nowhere."""

import posixpath
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from docs_site.pages import Page, in_site

MOST_BYTES = 2_000_000
"""Of a file that comes along."""


class Links:
    """The links of all pages, as they are met.

    Args:
        top: The repository.
        pages: All pages by their source.
    """

    def __init__(self, top: Path, pages: Mapping[str, Page]) -> None:
        self.top, self.pages = top, dict(pages)
        self.files: set[str] = set()
        self.external: set[tuple[str, str]] = set()
        self.problems: list[str] = []

    def rewritten(self, page: Page, address: str) -> str:
        """The address in the site of what a page names as it stands in the repository.

        A file that is no page comes along, and a folder without a README.md becomes a page that lists its files. Where
        a page is made of a file, "file?raw" is the file itself.
        """
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            if parts.scheme != "data":
                self.external.add((page.source, address))
            return address
        if not parts.path:
            return address
        place = _place(page, parts.path)
        target = self._target(place, raw=parts.query == "raw")
        if not target:
            self.problems.append(f"{page.source}: expected a page or a file, got {address!r}; correct the link")
            return "#"
        relative = quote(posixpath.relpath(target, posixpath.dirname(page.target) or "."))
        return f"{relative}#{parts.fragment}" if parts.fragment else relative

    def title(self, page: Page, address: str) -> str:
        """What the page is called that an address leads to, "" where it leads to none."""
        found = self.pages.get(_place(page, urlsplit(address).path))
        return found.title if found else ""

    def _target(self, place: str, *, raw: bool) -> str:
        for source in (place, f"{place}/README.md"):
            if source in self.pages and not raw:
                return self.pages[source].target
        path = self.top / place
        if path.is_dir() and self.top in path.resolve().parents:
            listing = Page(f"{place}/README.md", _listing(path, place))
            self.pages[listing.source] = listing
            return listing.target
        if path.is_file() and self.top in path.resolve().parents and path.stat().st_size <= MOST_BYTES:
            self.files.add(place)
            return in_site(place)
        return ""


def _place(page: Page, path: str) -> str:
    """Where in the repository a path leads from a page."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page.source), unquote(path)))


def _listing(folder: Path, place: str) -> str:
    names = sorted(file.name for file in folder.iterdir() if not file.name.startswith("."))
    return "\n".join([f"# {place}", "", *(f"- [{name}]({quote(name)})" for name in names), ""])
