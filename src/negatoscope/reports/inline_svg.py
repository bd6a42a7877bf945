"""A figure inside a page: the drawing that is also exported, in the page's own font and colors."""

import io
import re
from xml.etree import ElementTree as ET

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

from negatoscope.reports.figures import MARGIN, styled
from negatoscope.reports.palette import PRINT

_VARIABLES = {color: f"var(--{name})" for name, color in PRINT.items()}


def inline_svg(figure: Figure, *, name: str, title: str, description: str = "") -> Markup:
    """The SVG of a figure as an element of an HTML page.

    Text stays text in the page's font, and colors of the palette become those of the style sheet, so that a dark page
    has dark charts. Nothing is clipped.

    Args:
        figure: A drawing in colors of `PRINT`.
        name: Begins every id; no other figure of the page has it.
        title: What the chart shows, for those who do not see it.
        description: What there is to learn from it.
    """
    content = io.BytesIO()
    with styled(), matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(content, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawing = ET.fromstring(content.getvalue())
    for element in drawing.iter():
        element.tag = _plain(element.tag)
        element.attrib = {_plain(key): value for key, value in element.items() if key != "clip-path"}
    used = {element.get("href", "")[1:] for element in drawing.iter("use")}
    for element in drawing.iter():
        _adopt(element, used, name)
    labels = {"aria-labelledby": f"{name}-title {name}-description", "role": "img", "class": "chart"}
    margin = 72 * MARGIN
    width, height = 72 * figure.get_size_inches() - 2 * margin
    root = ET.Element("svg", {"viewBox": f"{margin:g} {margin:g} {width:g} {height:g}", **labels})
    ET.SubElement(root, "title", {"id": f"{name}-title"}).text = title
    ET.SubElement(root, "desc", {"id": f"{name}-description"}).text = description
    root.extend(element for element in drawing if element.tag == "g")
    return Markup(ET.tostring(root, encoding="unicode"))


def _plain(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition("}")[2]


def _adopt(element: ET.Element, used: set[str], name: str) -> None:
    """Make an element of a file one of a page: no foreign id, font or color."""
    identifier = element.attrib.pop("id", None)
    if identifier in used:
        element.set("id", f"{name}-{identifier}")
    if target := element.get("href"):
        element.set("href", f"#{name}-{target[1:]}")
    if style := element.get("style"):
        style = re.sub(r"font: (?:\w+ )*([\d.]+px) [^;]*", r"font-size: \1", style)
        style = re.sub(r"font-family: [^;]*;? ?", "", style)
        element.set("style", re.sub("#[0-9a-f]{6}", lambda color: _VARIABLES.get(color[0], color[0]), style))
