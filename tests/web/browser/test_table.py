"""What a person does with the light table, and what its page must never do."""

import re
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from tests.web.browser.conftest import BROWSER_TESTS, STATUS, Opener, Table, bring, png, view

from negatoscope.models.predict import predict
from negatoscope.transforms import describe_transform
from negatoscope.web.models import load, open_digits

pytestmark = BROWSER_TESTS


def test_it_opens_with_a_picture_what_both_models_see_and_their_answers(table: Table) -> None:
    page = table.page
    expect(page.get_by_role("figure")).to_have_count(2)
    expect(page.get_by_role("figure").nth(1)).to_contain_text("28 × 28 px")
    expect(page.get_by_role("article")).to_have_count(2)
    assert page.get_by_role("figure").nth(1).locator("img").evaluate(
        "image => getComputedStyle(image).imageRendering"
    ) == ("pixelated")
    assert "token" not in page.url
    page.reload()
    page.wait_for_selector("body[data-ready] .flips")
    assert "token" not in page.url
    assert all(STATUS.match(message) for message in table.messages)  # it was closed, and this tab had the token
    table.messages.clear()


def test_without_its_token_it_is_closed_and_says_so(opener: Opener, address: str) -> None:
    table = opener(at=re.sub("token=.*", "token=guessed", address))
    response = table.page.goto(table.address)
    assert response is not None
    assert response.status == 403
    expect(table.page.get_by_role("heading")).to_have_text("This light table needs its token")
    assert all(STATUS.match(message) for message in table.messages)
    table.messages.clear()


def test_sliding_to_the_negative_changes_what_the_models_see_and_the_address(table: Table, opener: Opener) -> None:
    before = table.state()["answer"]["answers"][0]["seen"]
    table.slider.fill("1")
    answer = table.settled("negative_path(share=1.0)")["answer"]["answers"][0]
    assert answer["seen"] != before
    expect(table.page.get_by_role("article").first).to_contain_text(
        f"{100 * answer['now'][0]['confidence']:.1f}\u00a0%"
    )
    other = opener()
    other.open(f"#{table.page.url.partition('#')[2]}")
    assert other.settled("negative_path(share=1.0)")["answer"] == table.state()["answer"]


def test_fifty_states_of_the_page_are_what_predict_says_in_python(table: Table) -> None:
    digits = open_digits()
    shares, extras = np.linspace(0.02, 1, 25).round(2).tolist(), ("", " | rotation(degrees=20.0)")
    models = [load(name, device=torch.device("cpu")) for name in ("plain", "mended")]
    thumbs = table.page.locator(".thumb")
    for place, (share, extra) in enumerate(product(shares, extras)):
        thumbs.nth(place % thumbs.count()).click()
        spec = f"negative_path(share={share}){extra}"
        table.page.evaluate(
            """([share, turned]) => import("/static/state.js").then(({ setStack }) => setStack([
                { name: "negative_path", parameters: { share } },
                ...(turned ? [{ name: "rotation", parameters: { degrees: 20 } }] : [])]))""",
            [share, bool(extra)],
        )
        state = table.settled(spec)
        position = int(state["picture"]["id"][1:])
        images, labels = np.asarray(digits.images[position])[None], digits.labels[position : position + 1]
        for model, shown in zip(models, state["answer"]["answers"], strict=True):
            function = partial(_transformed, describe_transform(spec).function)
            expected = predict(model, images, labels, device=torch.device("cpu"), batch_transform=function)
            assert shown["now"][0]["index"] == expected.predictions[0]
            assert shown["now"][0]["confidence"] == pytest.approx(expected.confidences[0], abs=1e-5)
            assert shown["label_confidence"] == pytest.approx(expected.label_confidences[0], abs=1e-5)


def _transformed(function: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor, _: object) -> torch.Tensor:
    return function(images)


def test_the_mended_model_answers_alike_for_a_picture_and_its_negative_and_the_plain_one_does_not(table: Table) -> None:
    same = {"plain": 0, "mended": 0}
    for place in range(0, 48, 4):
        table.page.locator(".thumb").nth(place).click()
        table.slider.fill("1")
        state = table.settled("negative_path(share=1.0)")
        for name, answer in zip(same, state["answer"]["answers"], strict=True):
            same[name] += answer["clean"][0]["class"] == answer["now"][0]["class"]
    assert same["mended"] == 12
    assert same["plain"] < 9


def test_a_click_on_a_flip_goes_to_where_the_answer_is_another(table: Table) -> None:
    flip = table.page.get_by_role("group", name="Flips of plain").get_by_role("button").first
    becomes = flip.inner_text().split(" → ")[1].split(" at ")[0]
    flip.click()
    expect(table.page.get_by_role("article").first.locator(".named b")).to_have_text(becomes)
    assert table.state()["answer"]["answers"][0]["now"][0]["class"] == becomes


def test_what_fools_is_found_and_put_on_the_table_or_not_found(table: Table) -> None:
    page = table.page
    for place, space in ((30, "all"), (3, "tone")):
        page.locator(".thumb").nth(place).click()
        page.get_by_role("group", name="Search a space").get_by_role("button", name=space).click()
        expect(page.locator("#found")).to_have_text(re.compile(r"^(Fooled|Not fooled) in \d+\s(try|tries): "))
        said = page.locator("#found").inner_text()
        if said.startswith("Fooled"):
            state = table.settled(said.split(": ", 1)[1])
            assert state["answer"]["answers"][0]["now"][0]["class"] != state["answer"]["label"]


def test_what_fools_for_one_picture_is_not_said_of_the_next(table: Table) -> None:
    page = table.page
    held: list[Any] = []
    page.route("**/api/search", lambda route: held.append(route))
    page.get_by_role("group", name="Search a space").get_by_role("button", name="tone").click()
    expect(page.locator("#find button:enabled")).to_have_count(0)  # one search at a time
    page.locator(".thumb").nth(5).click()
    table.settled("clean")
    with page.expect_response("**/api/search"):
        held[0].continue_()
    expect(page.locator("#find button:disabled")).to_have_count(0)
    expect(page.locator("#found")).to_be_empty()
    assert table.state()["answer"]["spec"] == "clean"


def test_a_setting_without_a_control_is_kept(opener: Opener) -> None:
    other = opener()
    other.open("#stack=noise(l2=8.0, seed=7)")
    assert other.settled("noise(l2=8.0, seed=7)")["answer"]["spec"] == "noise(l2=8.0, seed=7)"


def test_a_drawn_digit_is_read_and_the_eraser_takes_it_away(table: Table) -> None:
    page = table.page
    page.get_by_role("button", name="Draw").click()
    box = page.get_by_role("application").bounding_box()
    assert box is not None
    x, top, bottom = box["x"] + box["width"] / 2, box["y"] + 0.2 * box["height"], box["y"] + 0.8 * box["height"]
    page.mouse.move(x, top)
    page.mouse.down()
    page.mouse.move(x, bottom, steps=8)
    page.mouse.up()
    expect(page.locator(".frame.original")).to_contain_text("280 × 280 px")
    expect(page.locator("article").first.locator(".named b")).to_have_text("1")
    assert any(line_of_ink(page))
    page.get_by_role("button", name="Eraser").click()
    page.mouse.move(x, top)
    page.mouse.down()
    page.mouse.move(x, bottom, steps=8)
    page.mouse.up()
    assert not any(line_of_ink(page))
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("application")).to_have_count(0)


def line_of_ink(page: Page) -> list[int]:
    script = """canvas => [...canvas.getContext("2d").getImageData(140, 60, 1, 160).data]
        .filter((_, place) => place % 4 === 0)"""
    values: list[int] = page.get_by_role("application").evaluate(script)
    return values


def test_a_digit_can_be_drawn_with_the_keyboard_alone(table: Table) -> None:
    page = table.page
    page.get_by_role("button", name="Draw").press("Enter")
    expect(page.get_by_role("application")).to_be_focused()
    for key in (*["ArrowUp"] * 8, " ", *["ArrowDown"] * 16, " "):
        page.keyboard.press(key)
    expect(page.locator("article").first.locator(".named b")).to_have_text("1")
    assert table.state()["answer"]["answers"][0]["now"][0]["class"] == "1"
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Draw")).to_be_focused()


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_file_that_is_dropped_or_pasted_lies_on_the_table(table: Table, event: str) -> None:
    pixels = np.zeros((40, 60), np.uint8)
    pixels[5:35, 28:33] = 255
    bring(table.page, event, png(pixels))
    expect(table.page.locator(".frame.original")).to_contain_text("60 × 40 px")
    table.slider.fill("1")
    assert table.settled("negative_path(share=1.0)")["picture"]["id"].startswith("u")


def test_a_picture_is_taken_with_the_camera(table: Table) -> None:
    table.page.get_by_role("button", name="Camera").click()
    table.page.get_by_role("button", name="Take the picture").click()
    expect(table.page.locator(".frame.original img")).to_have_attribute("src", re.compile("/picture/u"))
    assert table.state()["picture"]["id"].startswith("u"), "it was sent by the page"


@pytest.mark.parametrize(
    ("content", "padding"),
    [
        (b"no picture at all", 0),
        (png(np.tile(np.arange(256, dtype=np.uint8), (99, 1)))[:90], 0),
        (png(np.zeros((8, 8), np.uint8)), 21_000_000),
    ],
    ids=["no picture", "broken", "huge"],
)
def test_an_upload_that_is_broken_or_huge_is_refused_in_words(table: Table, content: bytes, padding: int) -> None:
    before = table.state()["picture"]
    bring(table.page, "drop", content, padding=padding)
    expect(table.page.get_by_role("alert")).to_have_text(re.compile("expected .+, got .+"))
    assert table.state()["picture"] == before
    table.slider.fill("0.5")
    table.settled("negative_path(share=0.5)")
    assert all(STATUS.match(message) for message in table.messages)
    table.messages.clear()


def stack_of(table: Table) -> list[str]:
    return [stage["name"] for stage in table.state()["stack"]]


def test_the_order_of_the_stack_is_dragged(table: Table) -> None:
    page = table.page
    page.get_by_role("group", name="tone").get_by_role("button", name="gamma").click()
    page.get_by_role("group", name="geometry").get_by_role("button", name="rotation").click()
    expect(page.locator(".flips").first).to_be_visible()  # so that nothing grows under the pointer
    handle = page.get_by_role("button", name=re.compile("Move rotation"))
    handle.scroll_into_view_if_needed()
    start, end = handle.bounding_box(), page.locator(".card").first.bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + 5, start["y"] + 5)
    page.mouse.down()
    page.mouse.move(end["x"] + 20, end["y"] + 2, steps=5)
    page.mouse.up()
    assert stack_of(table) == ["rotation", "negative_path", "gamma"]


def test_everything_is_reached_and_moved_with_the_keyboard_alone(table: Table) -> None:
    page = table.page
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    table.slider.focus()
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    table.settled("negative_path(share=0.3)")
    gamma = page.get_by_role("group", name="tone").get_by_role("button", name="gamma")
    gamma.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("exponent")).to_be_focused()
    page.keyboard.press("End")
    table.settled("negative_path(share=0.3) | gamma(exponent=4.0)")
    page.get_by_role("button", name=re.compile("Move gamma")).focus()
    page.keyboard.press("ArrowUp")
    table.settled("gamma(exponent=4.0) | negative_path(share=0.3)")
    expect(page.get_by_role("button", name=re.compile("Move gamma, 1 of 2"))).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="gamma is now 1 of 2")).to_have_count(1)
    page.get_by_role("button", name="Remove gamma").focus()
    page.keyboard.press("Enter")
    assert len(table.settled("negative_path(share=0.3)")["stack"]) == 1
    expect(page.get_by_role("button", name=re.compile("Move negative path"))).to_be_focused()


def test_the_tour_goes_to_its_end_in_six_steps(opener: Opener) -> None:
    table = opener(reduced_motion="reduce")
    page = table.open("&tour")
    for step in range(6):
        expect(page.get_by_text(f"Step {step + 1} of 6")).to_be_visible()
        expect(page.locator(".pointed")).to_have_count(1)
        page.locator("#tour-next").click()
    expect(page.get_by_role("region", name=re.compile("."))).not_to_contain_text(["Step 6 of 6"])
    expect(page.locator("#tour")).to_be_hidden()
    assert "negative_path" in table.state()["answer"]["spec"]


def test_what_is_taken_away_is_what_is_on_the_table(table: Table, browser: Browser) -> None:
    page = table.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    table.slider.fill("1")
    answer = table.settled("negative_path(share=1.0)")["answer"]
    for name, expected in (("Copy the command", answer["command"]), ("Copy the lines of Python", answer["python"])):
        page.get_by_role("button", name=name).click()
        assert page.evaluate("navigator.clipboard.readText()") == expected
        assert "negative_path(share=1.0)" in expected
    for _ in range(2):
        page.locator("#copy-address").click()
    expect(page.locator("#copy-address")).to_have_text("Copy the address")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "token" not in copied
    assert copied == page.url
    picture, card = (downloaded(page, f"Download the {what}") for what in ("picture", "card"))
    assert picture.size == (532, 532)
    small = np.asarray(picture.convert("L").resize((28, 28), Image.Resampling.NEAREST))
    digits = open_digits()
    position = int(table.state()["picture"]["id"][1:])
    assert np.abs(255 - np.asarray(digits.images[position])[0].astype(int) - small).max() <= 1
    assert card.size[0] == 1600
    assert len(card.convert("RGB").getcolors(1 << 24) or ()) > 20


def downloaded(page: Page, button: str) -> Image.Image:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return Image.open(download.value.path())


def test_a_server_that_is_gone_is_said_in_words(opener: Opener) -> None:
    serving = view()
    table = opener(at=next(serving))
    page = table.open()
    serving.close()
    touches = (
        lambda: table.slider.fill("1"),
        lambda: page.locator("#class").select_option(index=3),
        lambda: page.get_by_role("button", name="More pictures").click(),
        lambda: page.get_by_role("button", name="Draw").click(),
        lambda: page.get_by_role("button", name="Download the card").click(),
        lambda: page.get_by_role("button", name="Tour").click(),
    )
    for touch in touches:
        page.evaluate("import('/static/dom.js').then(({ problem }) => problem(''))")
        touch()
        expect(page.get_by_role("alert")).to_contain_text("Start it again")
        expect(page.get_by_role("alert")).to_be_in_viewport()
    assert all("ERR_CONNECTION" in message or "ERR_" in message for message in table.messages)
    table.messages.clear()


def test_without_pictures_it_waits_for_one_and_says_so(opener: Opener) -> None:
    serving = view("negatoscope.web.models:plain", "--size", "28", "--channels", "gray")
    table = opener(at=next(serving))
    page = table.page
    page.goto(table.address)
    expect(page.locator("#box")).to_contain_text("Drop, open, photograph or draw a picture")
    expect(page.locator("#class")).to_be_hidden()
    useless = [page.locator(part) for part in ("#start-tour", "#finder", "#download-card")]  # as yet
    for part in useless:
        expect(part).to_be_hidden()
    bring(page, "drop", png(np.asarray(open_digits().images[30])[0]))
    expect(page.get_by_role("article")).to_have_count(1)
    expect(page.locator(".frame.seen")).to_contain_text("What the model sees")
    assert table.state()["picture"]["id"].startswith("u"), "it was sent by the page"
    for part in useless:
        expect(part).to_be_visible()
    serving.close()


def test_it_works_from_another_machine_where_browsers_trust_it_less(opener: Opener) -> None:
    serving = view("--host", "0.0.0.0")
    table = opener(at=next(serving).replace("localhost", "0.0.0.0"))
    page = table.open()
    assert page.evaluate("isSecureContext") is False
    table.slider.fill("1")
    table.settled("negative_path(share=1.0)")
    expect(page.get_by_role("button", name="Copy the command")).to_be_hidden()  # no page may write to the clipboard
    serving.close()
    table.messages.clear()


def test_a_picture_that_only_the_address_names_has_its_class(opener: Opener) -> None:
    table = opener()
    page = table.open("#picture=d49")
    expect(page.locator(".frame.original")).to_contain_text("Picture: 9")
    assert table.state()["answer"]["label"] == "9"
