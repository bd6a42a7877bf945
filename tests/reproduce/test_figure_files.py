import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from negatoscope.documents import from_plain
from negatoscope.reports.figures import save_figure
from negatoscope.reproduce.figure1_drawing import Panel, PanelPrediction, draw_figure1
from negatoscope.reproduce.table1_document import Table1
from negatoscope.reproduce.table1_figure import draw_epochs, draw_table1

Maker = Callable[..., dict[str, Any]]


def figures(make_document: Maker) -> list[Any]:
    image = np.arange(784, dtype=np.uint8).reshape(1, 28, 28)
    panels = [
        Panel(image, PanelPrediction("7", "7", 0.9)),
        Panel(255 - image, PanelPrediction("7", "2", 0.5)),
    ]
    result = from_plain(make_document(["mnist", "gtsrb"]), Table1)
    return [draw_table1(result), draw_epochs(result), draw_figure1([panels], groups=["MNIST"])]


def test_the_same_numbers_give_the_same_bytes_whatever_the_users_settings(make_document: Maker, tmp_path: Path) -> None:
    before = matplotlib.rcParams.copy()
    for index, figure in enumerate(figures(make_document)):
        save_figure(figure, tmp_path / "first", f"figure{index}")
    assert matplotlib.rcParams.copy() == before
    with matplotlib.rc_context(
        {"font.size": 20, "savefig.bbox": "tight", "axes.facecolor": "red", "svg.hashsalt": "x"}
    ):
        for index, figure in enumerate(figures(make_document)):
            save_figure(figure, tmp_path / "second", f"figure{index}")
    names = sorted(file.name for file in (tmp_path / "first").iterdir())
    assert names == [f"figure{index}.{kind}" for index in range(3) for kind in ("png", "svg")]
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes(), name


def test_importing_the_drawings_loads_neither_pyplot_nor_torch_and_changes_no_setting() -> None:
    script = (
        "import sys, matplotlib; before = matplotlib.rcParams.copy();"
        "import negatoscope.reproduce.table1_figure, negatoscope.reproduce.figure1_drawing;"
        "import negatoscope.reproduce.table1_page;"
        "assert matplotlib.rcParams.copy() == before;"
        "print([name for name in ('matplotlib.pyplot', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
