"""The finished pages are held to what they promise: ids are there once, and links and pictures lead somewhere."""

import posixpath
from collections import Counter
from collections.abc import Mapping
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit


class _Found(HTMLParser):
    """The ids of a page, and the addresses that it names."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.ids: Counter[str] = Counter()
        self.addresses: set[str] = set()
        self.unnamed = 0
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value is not None:
                self.ids[value] += 1
            elif name in ("href", "src") and value is not None:
                self.addresses.add(value)
        self.unnamed += tag == "img" and not dict(attrs).get("alt")


def find_problems(files: Mapping[str, bytes], sources: Mapping[str, str]) -> list[str]:
    """A sentence for each id that is there twice, each dead link or anchor, and each picture without a text.

    Args:
        files: Every file of the site.
        sources: For each page in it, where it comes from.
    """
    found = {name: _Found(files[name].decode()) for name in sources}
    problems = []
    for name, page in found.items():
        source = sources[name]
        twice = [id for id, n in page.ids.items() if n > 1]
        problems += [f"{source}: expected each id once, got {id!r} twice; change a heading" for id in twice]
        if page.unnamed:
            problems.append(
                f"{source}: expected a text for each picture, got {page.unnamed} without; say what they show"
            )
        for address in sorted(page.addresses):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            path = unquote(parts.path)
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name
            where = sources.get(target, target)
            if target not in files:
                problems.append(f"{source}: expected a file of the site, got {address!r}; correct the link")
            elif parts.fragment and (target not in found or unquote(parts.fragment) not in found[target].ids):
                problems.append(f"{source}: expected a heading of {where}, got #{parts.fragment}; correct the link")
    return problems
