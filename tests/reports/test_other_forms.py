"""What reports are made of beside Markdown: CSV, LaTeX, pictures in a page, templates, and what a dry run says."""

import base64
import csv
import io

import jinja2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from negatoscope.reports.csv_table import csv_table, guarded
from negatoscope.reports.data_uri import GRAIN, data_uri
from negatoscope.reports.dry_run import DryRun
from negatoscope.reports.latex import latex_table
from negatoscope.reports.palette import DARK, LIGHT, NOTEBOOK, PRINT, css_variables
from negatoscope.reports.templates import breakable, environment, position
from negatoscope.reports.terminal import foldable

CELLS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\0"), max_size=20)


@given(st.lists(st.fixed_dictionaries({"name": CELLS, "note": CELLS}), max_size=5))
def test_any_text_comes_back_from_csv_and_none_is_a_formula(lines: list[dict[str, str]]) -> None:
    read = list(csv.DictReader(io.StringIO(csv_table(lines), newline="")))
    assert read == [{name: guarded(cell) for name, cell in line.items()} for line in lines]
    for line in read:
        assert not any(cell.lstrip()[:1] in tuple("=+-@") and cell.strip() for cell in line.values())


def test_lines_of_csv_may_have_different_columns_and_numbers_stay_numbers() -> None:
    text = csv_table([{"a": -1.5}, {"b": "x,y", "a": None}, {}])
    assert text == 'a,b\n-1.5,\n,"x,y"\n,\n'
    assert csv_table([]) == ""


def test_every_sign_that_latex_takes_for_its_own_is_escaped() -> None:
    table = latex_table(["a_b", "%"], [["50 % & $3 #1 {x}", "\\~^"], ["<0.01 | >99", "\u22121 \u00d7 –"]])
    assert r"a\_b & \% \\" in table
    assert r"50 \% \& \$3 \#1 \{x\} & \textbackslash{}\textasciitilde{}\textasciicircum{} \\" in table
    assert r"$<$0.01 $|$ $>$99 & $-$1 $\times$ -- \\" in table
    assert table.startswith("\\begin{tabular}{lr}\n\\toprule\n")
    assert table.endswith("\\bottomrule\n\\end{tabular}\n")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_small_picture_is_in_the_page_to_the_pixel(channels: int) -> None:
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (channels, 28, 20), dtype=np.uint8))
    kind, _, content = data_uri(pixels / 255).partition(";base64,")
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
    assert kind == "data:image/png"
    assert np.array_equal(picture.reshape(28, 20, channels).transpose(2, 0, 1), pixels.numpy())


@pytest.mark.parametrize(("side", "kind"), [(GRAIN - 1, "png"), (GRAIN, "jpeg"), (500, "jpeg")])
def test_a_large_picture_is_made_smaller_and_smoothed(side: int, kind: str) -> None:
    gray = torch.linspace(0, 1, side).expand(1, side // 2, side)
    begin, _, content = data_uri(gray).partition(";base64,")
    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    assert begin == f"data:image/{kind}"
    assert max(picture.size) == min(side, 192)
    assert picture.size[0] == pytest.approx(2 * picture.size[1], abs=2)


def test_values_beyond_the_range_of_pixels_are_black_and_white() -> None:
    content = data_uri(torch.tensor([[[-3.0, 0.5, 7.0]]])).partition(";base64,")[2]
    assert np.asarray(Image.open(io.BytesIO(base64.b64decode(content)))).tolist() == [[0, 128, 255]]


RUN = DryRun(
    title="Audit of net", noun="part", jobs=12, done=4, workers=2, images=3000, passes=6000, size_bytes=250_000,
    seconds=125.0, basis="64 images timed here", notes=("a note",),
)  # fmt: skip


def test_a_dry_run_says_what_is_left_how_much_and_how_long() -> None:
    assert str(RUN).splitlines() == [
        "Audit of net:",
        "  12 parts, 4 done: 8 to run, 2 at once",
        "  3,000 images, shown to models 6,000 times",
        "  about 0.2 MB to write, reports aside",
        "  about 2 min, estimated from 64 images timed here",
        "  a note",
    ]


def test_a_dry_run_with_nothing_left_says_no_more_than_that() -> None:
    done = DryRun(
        title="Audit of net", noun="part", jobs=1, done=1, workers=2, images=0, passes=0, size_bytes=0, seconds=0.0,
        basis="",
    )  # fmt: skip
    assert str(done) == "Audit of net:\n  1 part, 1 done: 0 to run"


def test_a_time_that_is_not_known_is_not_guessed() -> None:
    unknown = DryRun(**(vars(RUN) | {"seconds": None, "basis": "a smoke run is not timed", "workers": 1}))
    assert "  12 parts, 4 done: 8 to run" in str(unknown).splitlines()
    assert "  time not known: a smoke run is not timed" in str(unknown).splitlines()


@pytest.mark.parametrize(("share", "place"), [(0, "0%"), (1, "100%"), (0.5, "50%"), (1 / 3, "33.333%"), (0.1, "10%")])
def test_a_share_is_a_place_without_empty_decimals(share: float, place: str) -> None:
    assert position(share) == place


def test_a_spec_breaks_after_its_brackets_and_is_escaped() -> None:
    assert breakable("f(a=1, b='<i>')") == "f(<wbr>a=1,<wbr> b=&#39;&lt;i&gt;&#39;)"


def test_a_template_that_lacks_a_value_fails_and_html_is_escaped_where_markdown_is_not() -> None:
    page, note = (environment().overlay(loader=jinja2.DictLoader({name: "{{ x }}"})).get_template(name)
                  for name in ("a.html.jinja", "a.md.jinja"))  # fmt: skip
    assert (page.render(x="<b>"), note.render(x="<b>")) == ("&lt;b&gt;", "<b>")
    with pytest.raises(jinja2.UndefinedError):
        page.render()


def test_a_long_spec_folds_at_its_brackets_on_a_terminal() -> None:
    assert foldable("gamma(exponent=2.0)").plain == "gamma(exponent=2.0)"
    folded = foldable("negative_sigmoid_contrast(steepness=5.0)").plain
    assert folded == "negative_sigmoid_contrast\n  (steepness=5.0)"


def _luminance(color: str) -> float:
    """Relative luminance. Source: WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("palette", [LIGHT, DARK, PRINT], ids=["light", "dark", "print"])
@pytest.mark.parametrize("name", ["ink", "soft", "before", "after", "good", "bad"])
def test_text_in_every_color_stands_out_from_its_paper(palette: dict[str, str], name: str) -> None:
    light, dark = sorted((_luminance(palette["paper"]), _luminance(palette[name])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_every_color_of_a_palette_is_a_property_of_the_style_sheet() -> None:
    text = css_variables(LIGHT)
    assert text.count(";") == len(LIGHT)
    assert all(f"--{name}: {color};" in text for name, color in LIGHT.items())
    assert set(NOTEBOOK) <= set(LIGHT)
