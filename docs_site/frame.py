"""What stands around a page: the navigation, its contents, the way to the next one; and the files that all use."""

import posixpath
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

import negatoscope
from docs_site.markdown import Rendered
from docs_site.pages import Page
from negatoscope.reports.palette import DARK, LIGHT, css_variables

HERE = Path(__file__).parent


class Frame:
    """The frame of all pages.

    Args:
        pages: The pages of the navigation, in its order.
        rendered: Every page by its source.
    """

    def __init__(self, pages: Sequence[Page], rendered: Mapping[str, Rendered]) -> None:
        self.pages, self.rendered = pages, rendered
        environment = Environment(
            loader=FileSystemLoader(HERE),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.template = environment.get_template("page.html.jinja")

    def around(self, page: Page) -> str:
        """A page in its frame."""
        own = self.rendered[page.source]
        place = self.pages.index(page) if page in self.pages else None
        return self.template.render(
            page=page,
            title=own.title,
            body=Markup(own.html),
            contents=[heading for heading in own.headings if heading.level in (2, 3)],
            sections=self._sections(page),
            start=self.pages[0],
            address=lambda target: posixpath.relpath(target, posixpath.dirname(page.target) or "."),
            label=lambda each: breakable(each.label or self.rendered[each.source].title),
            before=self.pages[place - 1] if place else None,
            after=self.pages[place + 1] if place is not None and place + 1 < len(self.pages) else None,
            version=negatoscope.__version__,
        )

    def _sections(self, page: Page) -> dict[str, list[Page]]:
        """The entries of the navigation, with those under the page that is open."""
        sections: dict[str, list[Page]] = {}
        for each in self.pages:
            if each.parent in ("", page.parent or page.source):
                sections.setdefault(each.section, []).append(each)
        return sections


def breakable(label: str) -> Markup:
    """A label whose line may break between the parts of a file's name."""
    return Markup(re.sub("([/_])", r"\1<wbr>", escape(label)))


def beside_pages() -> dict[str, bytes]:
    """The style, the script and the icon of all pages."""
    light, dark = css_variables(LIGHT), css_variables(DARK)
    palette = (
        f":root {{ color-scheme: light dark; {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}"
    )
    icon = Path(negatoscope.__file__).parent / "web" / "static" / "icon.svg"
    files = {name: (HERE / name).read_bytes() for name in ("style.css", "site.js")}
    return files | {"palette.css": palette.encode(), "icon.svg": icon.read_bytes()}
