"""The templates of this package (pages, Markdown, XML), which write numbers as all reports do."""

from functools import cache, partial

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from negatoscope.reports import formatting, palette


def render(template: str, **context: object) -> Markup:
    """Fill in a template of this package, named by its path in it; all text is escaped but in Markdown."""
    return Markup(environment().get_template(template).render(**context))


@cache
def environment() -> Environment:
    """What every template of this package can use."""
    environment = Environment(
        loader=PackageLoader("negatoscope", ""),
        autoescape=lambda name: not (name or "").endswith(".md.jinja"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        position=position,
        breakable=breakable,
        tight=formatting.tight,
        percent=partial(formatting.percent, decimals=1),
        interval=partial(formatting.interval, decimals=1),
        points=formatting.points,
        p_value=formatting.p_value,
        bits=formatting.bits,
        thousands="{:,}".format,
        counted=formatting.counted,
        joined=formatting.joined,
    )
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
