"""The site in a real browser, from files: nobody serves it. Skipped, saying so, where there is no browser."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("griffe", reason="NO GRIFFE: `make docs` installs it; the site is not tested")

from docs_site.__main__ import main
from playwright.sync_api import Page, expect, sync_playwright
from tests.web.browser.conftest import AXE, BROWSER_TESTS, CHROMIUM

pytestmark = BROWSER_TESTS
SOME = (
    "index",
    "audit",
    "benchmarks",
    "claims",
    "glossary",
    "reference/python/audits",
    "reference/commands/audit",
    "schemas/summary",
    "results/table1/table1",
)
Opener = Callable[..., Page]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("docs") / "site"
    assert main(["--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def opener(folder: Path) -> Iterator[Opener]:
    messages: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

        def make(name: str, *, width: int = 1280, **settings: Any) -> Page:
            page = browser.new_page(viewport={"width": width, "height": 900}, **settings)
            page.on("console", lambda message: messages.append(message.text))
            page.on("pageerror", lambda error: messages.append(str(error)))
            page.goto((folder / f"{name}.html").as_uri())
            return page

        yield make
        browser.close()
    assert messages == []


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", SOME)
def test_no_page_is_wider_than_its_window(opener: Opener, name: str, width: int) -> None:
    page = opener(name, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.parametrize("name", ["audit-data", "reference/commands/audit", "schemas/summary"])
def test_no_line_breaks_within_a_word_of_code_in_a_table(opener: Opener, name: str) -> None:
    page = opener(name, width=390)
    lines = page.locator("td code span").evaluate_all("spans => spans.map(span => span.getClientRects().length)")
    assert len(lines) > 10
    assert set(lines) == {1}
    page.close()


def test_the_search_leads_to_a_heading(opener: Opener) -> None:
    page = opener("reference/commands/audit")
    page.keyboard.press("/")
    page.keyboard.type("mcnemar")
    results = page.locator("#site-results a")
    expect(results.first).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("found")
    page.keyboard.press("ArrowDown")
    expect(results.first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/*.html#*")
    assert "mcnemar" in page.url.partition("#")[2]
    page.close()


def test_narrow_screens_have_a_menu(opener: Opener) -> None:
    page = opener("audit", width=390)
    pages = page.get_by_role("navigation", name="Pages")
    expect(pages).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    pages.get_by_role("link", name="Glossary").click()
    page.wait_for_url("**/*glossary*")
    assert page.url.endswith("/glossary.html")
    page.close()


def pasted(page: Page) -> str:
    """What the clipboard holds, as a text field takes it."""
    page.evaluate("document.querySelector('article').innerHTML += '<textarea id=pasted></textarea>'")
    page.locator("#pasted").focus()
    page.keyboard.press("ControlOrMeta+V")
    return page.locator("#pasted").input_value()


def test_a_button_copies_commands_without_their_prompt_and_their_output(opener: Opener) -> None:
    page = opener("tutorial")
    block = page.locator(".code", has_text="Gate FAILED")
    block.get_by_role("button", name="Copy").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Copied")
    commands = pasted(page).splitlines()
    assert [line.split()[0] for line in commands] == ["negatoscope", "--fail-under", "echo"]
    page.close()


def test_the_button_of_other_code_copies_all_of_it_even_without_a_clipboard_of_today(opener: Opener) -> None:
    page = opener("audit-models")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    block = page.locator(".code", has_text="def forest").first
    code = block.locator("code").text_content() or ""
    block.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("status")).to_have_text("Copied")
    assert pasted(page) == code.rstrip("\n")
    page.close()


def test_every_block_of_code_has_one_button(opener: Opener) -> None:
    page = opener("audit-models")
    assert page.locator("article pre").count() == page.get_by_role("button", name="Copy").count() > 5
    page.close()


@pytest.mark.skipif(not AXE.exists(), reason="NO AXE: NEGATOSCOPE_AXE names no axe.min.js; accessibility is not tested")
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
@pytest.mark.parametrize("name", ["index", "audit", "reference/python/audits"])
def test_axe_finds_nothing_to_object_to(opener: Opener, name: str, scheme: Any, width: int) -> None:
    page = opener(name, width=width, color_scheme=scheme, reduced_motion="reduce")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    settings = "{ preload: false, resultTypes: ['violations'] }"  # a page of files may not read its style sheets
    found = page.evaluate(f"axe.run({settings}).then(({{ violations }}) => violations)")
    assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found] == []
    page.close()
