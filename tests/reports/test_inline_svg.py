import re
from xml.etree import ElementTree as ET

from matplotlib.figure import Figure

from negatoscope.reports.figures import GRAY, styled
from negatoscope.reports.inline_svg import inline_svg
from negatoscope.reports.palette import PRINT

HOSTILE = "</text><script>alert(1)</script> & $x"


def draw() -> Figure:
    with styled():
        figure = Figure(figsize=(3, 2))
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], "D-", color=PRINT["after"], label=HOSTILE)
        axes.legend(labelcolor=GRAY)
        axes.set_title("a bold title")
        for text in figure.findobj(lambda artist: hasattr(artist, "set_parse_math")):
            text.set_parse_math(False)
    return figure


def test_text_stays_text_in_the_font_of_the_page() -> None:
    svg = inline_svg(draw(), name="a", title="lines")
    texts = ["".join(text.itertext()) for text in ET.fromstring(svg).iter("text")]
    assert HOSTILE in texts
    assert "a bold title" in texts
    assert "font-family" not in svg
    assert "<script" not in svg


def test_colors_are_those_of_the_style_sheet() -> None:
    svg = inline_svg(draw(), name="a", title="lines")
    assert not re.findall("#[0-9a-f]{6}", svg)
    assert {"var(--after)", "var(--soft)", "var(--line)"} <= set(re.findall(r"var\(--\w+\)", svg))


def test_two_figures_of_one_page_have_no_id_in_common_and_each_finds_its_own() -> None:
    ids = []
    for name in ("a", "b"):
        root = ET.fromstring(inline_svg(draw(), name=name, title="lines", description="they rise"))
        own = {element.attrib["id"] for element in root.iter() if "id" in element.attrib}
        assert {element.attrib["href"][1:] for element in root.iter("use")} <= own
        assert [root.find(tag).text for tag in ("title", "desc")] == ["lines", "they rise"]
        ids.append(own)
    assert ids[0].isdisjoint(ids[1])


def test_nothing_is_loaded_and_nothing_changes_the_rest_of_the_page() -> None:
    svg = inline_svg(draw(), name="a", title="lines")
    assert not re.search(r"https?:|url\(|<style|<metadata|width=\"\d+pt", svg)
