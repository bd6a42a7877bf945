"""The light table in a real browser.

Skipped, saying so, where there is no browser. `NEGATOSCOPE_SCREENSHOTS` names a folder for the pictures of the docs,
and `NEGATOSCOPE_AXE` the file axe.min.js of the npm package axe-core.
"""

import io
import os
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

TOP = Path(__file__).parents[3]
STATIC = TOP / "src" / "negatoscope" / "web" / "static"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
AXE = Path(os.environ.get("NEGATOSCOPE_AXE") or TOP / "node_modules" / "axe-core" / "axe.min.js")
RUN = "from negatoscope.cli.main import main; main()"
NEGATIVE = ("--suite", "none", "--transform", "negative", "--no-self-check")
ARGUMENTS = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
STATUS = re.compile("Failed to load resource: the server responded with a status of 4")

BROWSER_TESTS = [
    pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: chromium is not installed; the page is not tested"),
    pytest.mark.slow,
]
"""What every file of tests here is marked with."""

PATIENCE = 1000 * int(os.environ.get("NEGATOSCOPE_PATIENCE", "60"))  # a busy machine takes its time
expect.set_options(timeout=PATIENCE)


def view(*words: str) -> Iterator[str]:
    """The address of a light table that is served for as long as it is needed."""
    script = (
        f"import sys; sys.argv[1:] = {['view', '--no-browser', *words]}; from negatoscope.cli.main import main; main()"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    yield from view()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


class Table:
    """A page with a light table, and what it wrote to the console."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.address, self.messages = address, []
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))

    def open(self, tail: str = "") -> Page:
        self.page.goto(self.address + tail)
        self.page.wait_for_selector("body[data-ready] .flips")
        return self.page

    def state(self) -> Any:
        """What the page holds: its own state, as it came from the server."""
        return self.page.evaluate("import('/static/state.js').then(({ state }) => JSON.parse(JSON.stringify(state)))")

    def settled(self, spec: str) -> Any:
        """The state once the answer is that for the picture on the table under a spec."""
        for _ in range(PATIENCE // 20):
            state = self.state()
            answer = state["answer"]
            if answer and answer["spec"] == spec and answer["for"] == state["picture"]["id"]:
                return state
            self.page.wait_for_timeout(20)
        raise AssertionError(f"expected the answer under {spec}, got {answer and answer['spec']} for {state['stack']}")

    @property
    def slider(self) -> Locator:
        """The path from the picture to its negative."""
        return self.page.get_by_label("From the picture to its negative")


Opener = Callable[..., Table]


@pytest.fixture
def opener(browser: Browser, address: str) -> Iterator[Opener]:
    contexts, tables = [], []

    def make(*, at: str = address, width: int = 1280, height: int = 900, **settings: Any) -> Table:
        context = browser.new_context(viewport={"width": width, "height": height}, **settings)
        contexts.append(context)
        tables.append(Table(context, at))
        return tables[-1]

    yield make
    for context in contexts:
        context.close()
    assert [message for table in tables for message in table.messages] == []


@pytest.fixture
def table(opener: Opener) -> Table:
    table = opener()
    table.open()
    return table


def png(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def bring(page: Page, event: str, content: bytes, *, padding: int = 0) -> None:
    """Drop a file on the page, or paste it, as a browser does; zeros are added at its end."""
    script = """([event, text, padding, name, type]) => {
        const data = new DataTransfer();
        const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
        data.items.add(new File([bytes, new Uint8Array(padding)], name, { type }));
        const how = { bubbles: true, cancelable: true };
        dispatchEvent(event === "drop" ? new DragEvent("drop", { ...how, dataTransfer: data })
                                       : new ClipboardEvent("paste", { ...how, clipboardData: data }));
    }"""
    page.evaluate(script, [event, b64encode(content).decode(), padding, "picture.png", "image/png"])


def shot(page: Page, name: str, prepare: Callable[[], object] = lambda: None) -> None:
    """Make a picture for the docs, where a folder is named for them."""
    if folder := os.environ.get("NEGATOSCOPE_SCREENSHOTS"):
        prepare()
        page.wait_for_timeout(1000)
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        small = picture.quantize(256, kmeans=4, dither=Image.Dither.NONE)
        small.save(Path(folder) / f"{name}.png", optimize=True)
