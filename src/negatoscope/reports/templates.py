"""The templates of this package (pages, Markdown, XML), which write numbers as all reports do."""

from functools import cache, partial

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from negatoscope.reports import palette
from negatoscope.reports.formatting import bits, counted, interval, joined, p_value, percent, points, tight, with_sign


def render(template: str, **context: object) -> Markup:
    """Fill in a template of this package, named by its path in it; all text is escaped but in Markdown.

    In pages no number is separated from its percent sign at the end of a line.
    """
    text = environment().get_template(template).render(**context)
    return Markup(tight(text) if template.endswith(".html.jinja") else text)


@cache
def environment() -> Environment:
    """What every template of this package can use."""
    environment = Environment(
        loader=PackageLoader("negatoscope", ""),
        autoescape=select_autoescape(disabled_extensions=["md.jinja"], default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    as_they_are = (position, breakable, points, p_value, bits, counted, joined, with_sign)
    environment.filters.update({function.__name__: function for function in as_they_are})
    environment.filters["percent"] = partial(percent, decimals=1)
    environment.filters["interval"] = partial(interval, decimals=1)
    environment.filters["thousands"] = "{:,}".format
    environment.globals["palettes"] = {
        name: palette.css_variables(getattr(palette, name.upper())) for name in ("light", "dark", "print", "notebook")
    }
    return environment


def breakable(text: str) -> Markup:
    """A spec that may break after a bracket or a comma."""
    return Markup(str(escape(text)).replace("(", "(<wbr>").replace(", ", ",<wbr> "))


def position(share: float) -> str:
    """A share in [0, 1] as a place from left to right."""
    return f"{100 * share:.3f}".rstrip("0").rstrip(".") + "%"
