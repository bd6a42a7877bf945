import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from PIL import Image

from negatoscope.errors import OutputError
from negatoscope.reports.figures import save_figure
from negatoscope.reproduce.figure1_drawing import Panel, draw_figure1
from negatoscope.reproduce.table1_figures import draw_epochs, draw_table1

Maker = Callable[..., dict[str, Any]]


def figures(make_document: Maker) -> list[Any]:
    image = np.arange(784, dtype=np.uint8).reshape(1, 28, 28)
    panels = [Panel(image, "7", "7", 0.9), Panel(255 - image, "7", "2", 0.5)]
    result = make_document(["mnist", "gtsrb"])
    return [draw_table1(result), draw_epochs(result), draw_figure1([panels], groups=["MNIST"])]


def test_the_same_numbers_give_the_same_bytes_whatever_the_users_settings(make_document: Maker, tmp_path: Path) -> None:
    for index, figure in enumerate(figures(make_document)):
        save_figure(figure, tmp_path / "first", f"figure{index}")
    with matplotlib.rc_context(
        {"font.size": 20, "savefig.bbox": "tight", "axes.facecolor": "red", "svg.hashsalt": "x"}
    ):
        for index, figure in enumerate(figures(make_document)):
            save_figure(figure, tmp_path / "second", f"figure{index}")
    names = sorted(file.name for file in (tmp_path / "first").iterdir())
    assert names == [f"figure{index}.{kind}" for index in range(3) for kind in ("png", "svg")]
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes(), name


def test_files_are_named_in_the_answer_and_hold_no_date_and_no_version(make_document: Maker, tmp_path: Path) -> None:
    figure = draw_table1(make_document(["mnist"]))
    assert save_figure(figure, tmp_path / "new" / "folder", "table1") == [
        tmp_path / "new" / "folder" / "table1.png",
        tmp_path / "new" / "folder" / "table1.svg",
    ]
    for file in (tmp_path / "new" / "folder").iterdir():
        content = file.read_bytes()
        assert b"dc:date" not in content
        assert matplotlib.__version__.encode() not in content.split(b"<defs>")[0]


def test_a_png_has_two_hundred_pixels_an_inch(make_document: Maker, tmp_path: Path) -> None:
    figure = draw_table1(make_document(["mnist"]))
    png, _ = save_figure(figure, tmp_path, "table1")
    with Image.open(png) as image:
        assert image.size == tuple(round(200 * side) for side in figure.get_size_inches())


def test_a_folder_that_cannot_be_is_an_error_and_nothing_is_left(make_document: Maker, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError):
        save_figure(draw_table1(make_document(["mnist"])), tmp_path / "taken", "table1")
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]


def test_drawing_and_saving_leave_the_users_settings_alone(make_document: Maker, tmp_path: Path) -> None:
    before = matplotlib.rcParams.copy()
    for figure in figures(make_document):
        save_figure(figure, tmp_path, "figure")
    assert matplotlib.rcParams.copy() == before


def test_importing_the_reports_loads_neither_pyplot_nor_torch_and_changes_no_setting() -> None:
    script = (
        "import sys, matplotlib; before = matplotlib.rcParams.copy();"
        "import negatoscope.reproduce.table1_figures, negatoscope.reproduce.figure1_drawing;"
        "import negatoscope.reproduce.table1_page;"
        "assert matplotlib.rcParams.copy() == before;"
        "print([name for name in ('matplotlib.pyplot', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
