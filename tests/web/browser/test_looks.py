"""How the light table looks: as in the docs, at every width, in its colors, for everybody, and light."""

from typing import Any

import pytest
from playwright.sync_api import expect
from tests.web.browser.conftest import AXE, BROWSER_TESTS, STATIC, Opener, Table, shot

from negatoscope.reports.palette import DARK, LIGHT, css_variables

pytestmark = BROWSER_TESTS


def test_it_looks_as_the_docs_show_it(opener: Opener) -> None:
    light, dark, small = opener(), opener(color_scheme="dark"), opener(width=390, height=844)
    for table in (light, dark, small):
        page = table.open()
        page.locator(".thumb").nth(45).click()
        table.slider.evaluate("slider => { slider.value = 1; slider.dispatchEvent(new Event('input')); }")
        state = table.settled("negative_path(share=1.0)")
        plain, mended = (answer["now"][0]["class"] for answer in state["answer"]["answers"])
        assert plain != mended == state["answer"]["label"]
        expect(page.locator(".named b").nth(0)).to_have_text(plain)
        expect(page.locator(".named b").nth(1)).to_have_text(mended)
    shot(light.page, "view_light")
    shot(dark.page, "view_dark")
    shot(small.page, "view_390")
    drawing = opener(color_scheme="dark").open()
    drawing.get_by_role("button", name="Draw").click()
    box = drawing.get_by_role("application").bounding_box()
    assert box is not None
    drawing.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.25 * box["height"])
    drawing.mouse.down()
    for x, y in ((0.7, 0.25), (0.5, 0.55), (0.42, 0.8)):
        drawing.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=6)
    drawing.mouse.up()
    expect(drawing.locator(".named b").nth(0)).to_have_text("7")
    shot(drawing, "view_draw")


def test_every_stop_of_the_tab_key_shows_where_it_is(table: Table) -> None:
    page, seen = table.page, 0
    script = """() => {
        const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
        const outlined = outlineStyle !== "none" && outlineWidth !== "0px";
        return outlined || document.activeElement.matches("input[type=range]"); // whose thumb has a ring
    }"""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        assert page.evaluate(script), page.evaluate("document.activeElement.outerHTML")
        seen += 1
    assert seen > 20


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_colors_are_those_of_the_report(opener: Opener, scheme: Any) -> None:
    page = opener(color_scheme=scheme).open()
    paper = {"light": LIGHT, "dark": DARK}[scheme]["paper"]
    red, green, blue = (int(paper[place : place + 2], 16) for place in (1, 3, 5))
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == f"rgb({red}, {green}, {blue})"
    css = (STATIC / "style.css").read_text()
    assert css_variables(LIGHT) in css
    assert css_variables(DARK) in css


@pytest.mark.parametrize("width", [390, 768, 1024, 1280, 1920])
def test_nothing_scrolls_sideways_at_any_width(opener: Opener, width: int) -> None:
    page = opener(width=width).open()
    page.get_by_role("group", name="tone").get_by_role("button", name="sigmoid contrast", exact=True).click()
    expect(page.locator(".curves")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_weighs_less_than_80_kilobytes(opener: Opener) -> None:
    table = opener()
    sizes: dict[str, int] = {}
    table.page.on("response", lambda response: sizes.update({response.url: len(response.body())}))
    table.open()
    page = [size for url, size in sizes.items() if "/static/" in url or "/?token" in url]
    assert len(page) > 5
    assert sum(page) < 80_000


@pytest.mark.skipif(not AXE.exists(), reason="NO AXE: NEGATOSCOPE_AXE names no axe.min.js; accessibility is not tested")
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
@pytest.mark.parametrize("what", ["table", "drawing", "tour"])
def test_axe_finds_nothing_to_object_to(opener: Opener, scheme: Any, width: int, what: str) -> None:
    page = opener(color_scheme=scheme, width=width, reduced_motion="reduce").open("&tour" if what == "tour" else "")
    page.get_by_role("group", name="geometry").get_by_role("button", name="flip").click()
    if what == "drawing":
        page.get_by_role("button", name="Draw").click()
    page.wait_for_timeout(300)  # colors that fade
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)")
    assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found] == []
