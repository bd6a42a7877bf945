import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure
from PIL import Image

from negatoscope.errors import OutputError
from negatoscope.reports.figures import draw_grid, save_figure, styled


def draw() -> Figure:
    with styled():
        figure, axes = draw_grid(1, 2, size=(1.5, 1.0), top=0.5, share="y")
        for panel in axes.flat:
            panel.plot([0, 1], [0, 1], label="a line")
        axes[0, 0].set_title("a title")
    return figure


def test_the_same_figure_gives_the_same_bytes_whatever_the_users_settings(tmp_path: Path) -> None:
    save_figure(draw(), tmp_path / "first", "figure")
    settings = {"font.size": 20, "savefig.bbox": "tight", "axes.facecolor": "red", "svg.hashsalt": "x"}
    with matplotlib.rc_context(settings):
        save_figure(draw(), tmp_path / "second", "figure")
    for name in ("figure.png", "figure.svg"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes(), name


def test_files_are_returned_and_hold_no_date_and_no_version(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert save_figure(draw(), folder, "name") == [folder / "name.png", folder / "name.svg"]
    for file in folder.iterdir():
        content = file.read_bytes()
        assert b"dc:date" not in content
        assert matplotlib.__version__.encode() not in content.split(b"<defs>")[0]


def test_a_png_has_two_hundred_pixels_an_inch(tmp_path: Path) -> None:
    figure = draw()
    png, _ = save_figure(figure, tmp_path, "figure")
    with Image.open(png) as image:
        assert image.size == tuple(round(200 * side) for side in figure.get_size_inches())


def test_a_folder_that_cannot_be_is_an_error_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError):
        save_figure(draw(), tmp_path / "taken", "figure")
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]


def test_drawing_and_saving_leave_the_users_settings_alone(tmp_path: Path) -> None:
    before = matplotlib.rcParams.copy()
    save_figure(draw(), tmp_path, "figure")
    assert matplotlib.rcParams.copy() == before


def test_importing_the_reports_loads_neither_pyplot_nor_torch_and_changes_no_setting() -> None:
    script = (
        "import sys, matplotlib; before = matplotlib.rcParams.copy();"
        "import negatoscope.reports.figures, negatoscope.reports.formatting, negatoscope.reports.markdown;"
        "assert matplotlib.rcParams.copy() == before;"
        "print([name for name in ('matplotlib.pyplot', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
