"""What an audit found is browsed on the light table."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Route, expect
from tests.web.browser.conftest import BROWSER_TESTS, NEGATIVE, RUN, Opener, shot, view

from negatoscope.web.models import open_digits

pytestmark = BROWSER_TESTS


def audited(folder: Path, *options: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Audit the plain classifier into `folder / "out"`: the words that name the model, and those that name the data."""
    digits = open_digits()
    for place, label in enumerate(digits.labels.tolist()):
        (folder / "digits" / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(digits.images[place])[0]).save(folder / "digits" / str(label) / f"{place}.png")
    model = ("negatoscope.web.models:plain", "--size", "28", "--channels", "gray")
    data = ("--data", f"folder:{folder / 'digits'}")
    words = ["audit", *model, *data, *options, "--out", str(folder / "out")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    audit = [sys.executable, "-c", f"import sys; sys.argv[1:] = {words}; {RUN}"]
    subprocess.run(audit, check=True, env=environment, capture_output=True)
    return model, data


def test_an_audit_of_clean_images_alone_is_browsed_with_all_its_pictures_on_the_table(
    opener: Opener, tmp_path: Path
) -> None:
    model, data = audited(tmp_path, "--suite", "none", "--no-self-check")
    for words, shown in ((model, True), ((), False)):
        serving = view(*words, *data, "--audit", str(tmp_path / "out"))
        table = opener(at=next(serving))
        page = table.page
        page.goto(table.address)
        page.wait_for_selector("body[data-ready]")
        if not shown:
            expect(page.locator("#skip")).to_be_hidden()
        else:
            expect(page.locator(".thumb")).to_have_count(48)
            expect(page.locator("#class")).to_have_value("all:")
            page.get_by_role("button", name="Audit").click()
        expect(page.locator("#audit")).to_contain_text("clean accuracy")
        expect(page.get_by_role("alert")).to_be_hidden()
        assert table.messages == []
        expect(page.locator("#start-tour")).to_be_hidden()
        serving.close()


def test_the_failures_of_an_audit_are_browsed_and_put_on_the_table(opener: Opener, tmp_path: Path) -> None:
    model, data = audited(tmp_path, *NEGATIVE)
    serving = view(*model, *data, "--audit", str(tmp_path / "out"))
    table = opener(at=next(serving))
    page = table.open()
    page.get_by_role("button", name="Audit").click()
    row = page.get_by_role("button", name=re.compile(r"negative .* failures? of"))
    failures = int(row.inner_text().split("%")[1].split()[0])
    expect(page.locator(".pair")).to_have_count(min(24, failures))
    late: list[Route] = []
    page.route("**/api/audit/failures*", lambda route: route.continue_() if late else late.append(route))
    page.locator("#audit-class").select_option(index=1)
    page.locator("#audit-class").select_option("")
    expect(page.locator(".pair")).to_have_count(min(24, failures))
    with page.expect_response(late[0].request.url):
        late[0].continue_()
    page.wait_for_timeout(200)
    expect(page.locator(".pair")).to_have_count(min(24, failures))  # the answer that came late is not shown
    page.get_by_label("Sort").select_option("sample")
    page.locator(".pair").first.click()
    answer = table.settled("negative")["answer"]
    assert answer["label"] == answer["answers"][0]["clean"][0]["class"] != answer["answers"][0]["now"][0]["class"]
    shot(page, "view_audit", lambda: page.get_by_role("button", name="Audit").click())
    serving.close()
