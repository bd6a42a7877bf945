"""A page that opens without a network: one file with its style, its charts and its pictures."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from markupsafe import Markup
from matplotlib.figure import Figure

from negatoscope.reports.inline_svg import inline_svg
from negatoscope.reports.templates import environment


@dataclass(frozen=True)
class Section:
    """A part of a page with a heading.

    Args:
        title: The heading, and the section's entry in the page's contents.
        place: Sections stand in the order of these numbers; what stands at 0 is not in the page's contents.
        body: HTML. `Markup("<p>{}</p>").format(text)` escapes whatever is put in; `render_section` takes a template.
        lead: One paragraph beneath the heading.
        wide: Whether the heading stands above the body, not beside it.
        figures: The section's drawings by the name of the file that each is exported to.
    """

    title: str
    place: int
    body: Markup
    lead: str = ""
    wide: bool = False
    figures: Mapping[str, Figure] = field(default_factory=dict)


def render_section(
    template: str, *, place: int, wide: bool = False, figures: Mapping[str, Figure] | None = None, **context: object
) -> Section:
    """A section whose template sets `title`, `lead` and `body`; the other arguments are those of `Section`.

    The template has the `context`, and `inline_svg` to show a figure.
    """
    texts = vars(environment().get_template(template).make_module({"inline_svg": inline_svg, **context}))
    return Section(texts["title"], place, Markup(texts["body"]), Markup(texts.get("lead", "")), wide, figures or {})
