import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from negatoscope.auditing.page import audit_html, audit_notebook, write_report
from negatoscope.auditing.page_gallery import Pair, by_transform, read_gallery
from negatoscope.auditing.results import AuditSummary
from negatoscope.auditing.sections import Report, make_sections
from negatoscope.errors import DataError
from negatoscope.reports.formatting import interval, measured, percent
from negatoscope.reports.palette import DARK, LIGHT, PRINT, css_variables

Maker = Callable[..., tuple[Path, AuditSummary]]

HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a $x_1$ & 漢字 {{ 7 * 7 }}")
VOID = {"meta", "img", "br", "wbr"}
STYLE_SHEET = Path(__file__).parents[3] / "src" / "negatoscope" / "reports" / "page.css"


class Page(HTMLParser):
    """A page as a browser has it: its tags, each with its attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def attributes(self, name: str) -> list[str]:
        return [attributes[name] or "" for _, attributes in self.tags if name in attributes]


def make_gallery(folder: Path, spec: str = "negative", pairs: int = 2, **changes: Any) -> None:
    folder.mkdir()
    entries = []
    for place in range(pairs):
        for when, level in (("before", 40), ("after", 215)):
            Image.fromarray(np.full((9, 9), level + place, np.uint8)).save(folder / f"{place}-{when}.png")
        entry = {"spec": spec, "sample": place, "name": f"bar{place}.png", "before_prediction": 0}
        entry |= {"before_confidence": 0.75, "after_prediction": 1, "after_confidence": 0.99995}
        entries.append(entry | {"before": f"{place}-before.png", "after": f"{place}-after.png"} | changes)
    (folder / "gallery.json").write_text(json.dumps({"schema": 2, "preserved": {spec: None}, "entries": entries}))


def page_of(summary: AuditSummary, *, pairs: Sequence[Pair] = ()) -> str:
    report = Report(summary, tuple(pairs))
    return audit_html(report, make_sections(report))


@pytest.fixture(scope="module")
def html(make_audit: Maker) -> str:
    """The page of an audit of all kinds of transforms."""
    return page_of(make_audit()[1])


def test_the_page_needs_nothing_from_outside(make_audit: Maker, tmp_path: Path) -> None:
    make_gallery(tmp_path / "gallery")
    text = page_of(make_audit()[1], pairs=read_gallery(tmp_path / "gallery"))
    page = Page(text)
    assert page.open == []
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert all(source.startswith("data:image/png;base64,") for source in page.attributes("src"))
    assert all(link.startswith("#") for link in page.attributes("href"))
    assert not re.search(r"url\(|@import|https?:", text)
    assert {link.removeprefix("#") for link in page.attributes("href")} <= set(page.attributes("id"))
    assert len(page.attributes("id")) == len(set(page.attributes("id")))


def test_every_accuracy_stands_in_the_page_with_its_interval(make_audit: Maker, html: str) -> None:
    _, summary = make_audit()
    text = Page(html).text
    for entry in (summary.clean, *summary.transforms):
        assert measured(entry.accuracy, entry.low, entry.high, decimals=1) in text
    assert summary.verdict.replace(" %", "\u00a0%") in text.replace(" %", "\u00a0%")
    for over_all in (summary.mean, summary.worst_case):
        assert percent(over_all.accuracy, decimals=1) in text
        assert interval(over_all.low, over_all.high, decimals=1) in text


def test_marks_stand_where_the_accuracies_are(make_audit: Maker, html: str) -> None:
    _, summary = make_audit()
    rails = re.findall(r'<span class="rail">.*?</span>', html, flags=re.DOTALL)
    places = [float(found[1]) for rail in rails if (found := re.search(r'<svg x="([\d.]+)%" y="50%"><path', rail))]
    shown = [100 * entry.accuracy for entry in summary.transforms]
    assert places[: len(shown)] == pytest.approx(shown, abs=0.001)


def test_every_mark_has_a_class_of_the_style_sheet(html: str) -> None:
    pictures = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    used = {name for picture in pictures for name in re.findall(r'class="([\w-]+)"', picture)}
    assert {"f-before", "f-after", "chance", "grid", "chart"} <= used
    assert [name for name in used if f".{name} " not in STYLE_SHEET.read_text(encoding="utf-8")] == []


def test_charts_take_their_colors_from_the_palette_so_that_a_dark_page_has_dark_charts(html: str) -> None:
    charts = re.findall(r'<svg viewBox="[^"]*" aria-labelledby.*?</svg>', html, flags=re.DOTALL)
    assert len(charts) == 3
    black_and_white = {"#010101", "#404040", "#7f7f7f", "#bfbfbf", "#fefefe"}
    for chart in charts:
        assert set(re.findall(r"#[0-9a-f]{6}", chart)) <= black_and_white
        assert set(re.findall(r"var\(--(\w+)\)", chart)) <= set(LIGHT)
        assert {"var(--before)", "var(--after)", "var(--line)"} <= set(re.findall(r"var\(--\w+\)", chart))
    assert LIGHT.keys() == DARK.keys() == PRINT.keys()
    for palette in (LIGHT, DARK, PRINT):
        assert css_variables(palette) in html


def test_charts_describe_in_words_what_they_show(html: str) -> None:
    page = Page(html)
    labels = [label for tag, values in page.tags if tag == "svg" and (label := values.get("aria-labelledby"))]
    assert len(labels) == 3
    assert {name for label in labels for name in label.split()} <= set(page.attributes("id"))
    assert "Accuracy by confidence, clean and under negative" in page.text


@pytest.mark.parametrize("make", [page_of, audit_notebook])
def test_names_from_outside_are_only_ever_text(make_audit: Maker, make: Callable[..., str]) -> None:
    _, summary = make_audit(names=HOSTILE, rules=("clean=0.5",))
    summary = replace(summary, model=replace(summary.model, name=HOSTILE[0]), verdict=f"{HOSTILE[0]} and {HOSTILE[1]}")
    page = Page(make(summary))
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert summary.verdict in page.text


def test_class_names_from_outside_come_out_as_they_are(make_audit: Maker) -> None:
    _, summary = make_audit(names=HOSTILE)
    text = Page(page_of(summary)).text
    assert all(name in text for name in HOSTILE)


def test_what_was_not_audited_has_no_section(make_audit: Maker, html: str) -> None:
    _, few = make_audit(("gamma(exponent=0.5)",))
    assert {"path", "confidence", "confusion", "classes"} <= set(Page(html).attributes("id"))
    assert not {"path", "gallery"} & set(Page(page_of(few)).attributes("id"))


def test_a_transform_that_preserves_no_label_has_a_row_without_numbers(make_audit: Maker) -> None:
    _, summary = make_audit(("negative", "flip"), lost=("flip",))
    assert summary.transforms[1].n == 0
    page = Page(page_of(summary))
    assert "flip 0 of 3 classes – –" in page.text
    _, nothing = make_audit(("flip",), lost=("flip",))
    assert {"confidence", "confusion"}.isdisjoint(Page(page_of(nothing)).attributes("id"))


def test_more_classes_than_fit_are_folded_away_and_very_many_are_counted(make_audit: Maker) -> None:
    _, summary = make_audit(("negative",), n=900, size=210, classes=210)
    text = Page(page_of(summary)).text
    rows = len(summary.transforms[0].per_class)
    assert rows > 200
    assert "188 more classes" in text
    assert f"{rows - 200} more {'class' if rows == 201 else 'classes'}" in text


@pytest.mark.parametrize(("bound", "sentence"), [("0.99", "✗ Gate failed"), ("0.1", "✓ Gate passed")])
def test_the_gate_is_written_in_words(make_audit: Maker, bound: str, sentence: str) -> None:
    _, summary = make_audit(rules=(f"clean={bound}",))
    text = Page(page_of(summary)).text
    assert sentence in text
    assert f"clean={bound}" in text


def test_the_gallery_holds_the_very_pictures(make_audit: Maker, tmp_path: Path) -> None:
    make_gallery(tmp_path / "gallery")
    page = Page(page_of(make_audit()[1], pairs=read_gallery(tmp_path / "gallery")))
    held = [base64.b64decode(source.partition(",")[2]) for source in page.attributes("src")]
    names = ("0-before", "0-after", "1-before", "1-after")
    assert held == [(tmp_path / "gallery" / f"{name}.png").read_bytes() for name in names]
    assert page.attributes("class").count("grain") == 4
    assert "✓ bar 0 75.0 % ✗ bar 1 >99.9 % bar0.png" in page.text


def test_the_gallery_shows_all_of_one_transform_and_a_few_of_the_others(tmp_path: Path) -> None:
    for spec in ("flip", "negative"):
        make_gallery(tmp_path / spec, spec, pairs=5)
    pairs = [*read_gallery(tmp_path / "flip"), *read_gallery(tmp_path / "negative")]
    grouped = by_transform(pairs, first="negative")
    assert [(spec, len(members)) for spec, members in grouped.items()] == [("negative", 5), ("flip", 3)]


@pytest.mark.parametrize("changes", [{"before": "../plan.json"}, {"after": "gone.png"}, {"after": "gallery.json"}])
def test_a_gallery_with_a_missing_or_foreign_picture_is_an_error(tmp_path: Path, changes: dict[str, str]) -> None:
    make_gallery(tmp_path / "gallery", pairs=1, **changes)
    with pytest.raises(DataError, match="expected a PNG named"):
        read_gallery(tmp_path / "gallery")


@pytest.mark.parametrize("content", ["[{}]", "{", "3", '["x"]'])
def test_a_damaged_gallery_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "gallery.json").write_text(content)
    with pytest.raises(DataError, match="delete the folder and audit again"):
        read_gallery(tmp_path)


def test_a_report_is_a_page_figures_and_a_junit_file_and_the_same_bytes_each_time(
    make_audit: Maker, tmp_path: Path
) -> None:
    _, summary = make_audit(names=HOSTILE)
    make_gallery(tmp_path / "gallery")
    write_report(tmp_path, summary)
    figures = {f"{name}.{kind}" for name in ("accuracy", "path", "reliability", "confusion") for kind in ("png", "svg")}
    assert {path.name for path in (tmp_path / "figures").iterdir()} == figures
    for path in (tmp_path / "figures").glob("*.svg"):
        assert ET.parse(path).getroot().tag.endswith("svg")
    assert Page((tmp_path / "report.html").read_text(encoding="utf-8")).open == []
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    first = {path: path.read_bytes() for path in files}
    write_report(tmp_path, summary)
    assert {path: path.read_bytes() for path in files} == first


def test_a_notebook_shows_an_audit_of_clean_images_alone_and_names_what_it_leaves_out(make_audit: Maker) -> None:
    _, summary = make_audit()
    assert "In the report, too: The path to the negative; Random controls." in audit_notebook(summary)
    assert "In the report, too" not in audit_notebook(replace(summary, transforms=()))


def test_a_notebook_shows_the_verdict_and_each_label_preserving_transform(make_audit: Maker) -> None:
    _, summary = make_audit()
    page = Page(audit_notebook(summary))
    assert page.open == []
    assert page.text.count("[") == 1 + sum(entry.kind == "label_preserving" for entry in summary.transforms)
    for entry in summary.transforms:
        assert (entry.spec in page.text.replace("( ", "(")) == (entry.kind == "label_preserving")


def test_no_number_of_a_page_is_separated_from_its_percent_sign(html: str) -> None:
    assert len(re.findall("\\d\u00a0%", html)) > 9
    assert not re.findall(r".{20}\d %", html)


def test_a_printed_chart_stays_on_one_page_where_it_fits() -> None:
    printed = STYLE_SHEET.read_text(encoding="utf-8").partition("@media print {")[2]
    whole = next(line.partition("{")[0] for line in printed.splitlines() if "{ break-inside: avoid; }" in line)
    assert {".rails", ".bars", "#path", "#confidence"} <= set(map(str.strip, whole.split(",")))
