"""A page that opens without a network: one file with its style, its charts and its pictures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from negatoscope.reports import formatting, palette


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


def render(template: str, **context: object) -> Markup:
    """Fill in a template of this package, named by its path in it; all text that is put in is escaped."""
    return Markup(_environment().get_template(template).render(**context))


def render_section(
    template: str, *, place: int, wide: bool = False, figures: Mapping[str, Figure] | None = None, **context: object
) -> Section:
    """A section whose template sets `title`, `lead` and `body`; the other arguments are those of `Section`."""
    texts = vars(_environment().get_template(template).make_module(context))
    return Section(texts["title"], place, Markup(texts["body"]), Markup(texts.get("lead", "")), wide, figures or {})


def breakable(text: str) -> Markup:
    """A spec that may break after a bracket or a comma."""
    return Markup(str(escape(text)).replace("(", "(<wbr>").replace(", ", ",<wbr> "))


def position(share: float) -> str:
    """A share in [0, 1] as a place from left to right."""
    return f"{100 * share:.3f}".rstrip("0").rstrip(".") + "%"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("negatoscope", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_FILTERS)
    environment.globals["palettes"] = {
        name: palette.css_variables(getattr(palette, name.upper())) for name in ("light", "dark", "print", "notebook")
    }
    return environment


_FILTERS: dict[str, Callable[..., str]] = {
    "position": position,
    "breakable": breakable,
    "tight": formatting.tight,
    "percent": partial(formatting.percent, decimals=1),
    "interval": partial(formatting.interval, decimals=1),
    "points": formatting.points,
    "p_value": formatting.p_value,
    "bits": formatting.bits,
    "thousands": "{:,}".format,
    "counted": formatting.counted,
}
