"""The paper's Figure 1 with predictions: pictures beside their negatives, and a classifier's prediction for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from negatoscope.errors import InputError
from negatoscope.reports.figures import DARK, GRAY, styled
from negatoscope.reports.formatting import percent
from negatoscope.reports.palette import CORRECT, MISCLASSIFIED

_SIDE, _GAP, _GROUP_GAP, _MARGIN = 1.5, 0.14, 0.5, 0.15
_HEADER, _LINE, _NAMES = 0.55, 0.165, 1.1


@dataclass(frozen=True)
class PanelPrediction:
    """What a classifier predicts for one picture.

    Args:
        truth: The name of the true class.
        prediction: The name of the predicted class.
        confidence: The classifier's confidence, in [0, 1].
    """

    truth: str
    prediction: str
    confidence: float


@dataclass(frozen=True)
class Panel:
    """One picture (pixels from 0 to 255, in one channel or three), and what a classifier predicts for it."""

    image: UInt8[np.ndarray, "channels height width"]
    caption: PanelPrediction


def draw_figure1(
    panels: Sequence[Sequence[Panel]], *, groups: Sequence[str] = (), classifiers: Sequence[str] = ()
) -> Figure:
    """Pictures beside their negatives, in groups (a), (b) and so on.

    Source: Hosseini and Poovendran 2017, arXiv 1703.06857v1, Figure 1, which shows the pictures alone.

    Args:
        panels: A row for each classifier; in a row a picture, its negative, the next picture, its negative.
        groups: A name for each picture with its negative.
        classifiers: A name for each row.

    Raises:
        InputError: Rows differ in length or do not hold pairs, or there are names for more or fewer of them.
    """
    _check(panels, groups, classifiers)
    left = _MARGIN + (_NAMES if classifiers else 0)
    lefts = [left + column * (_SIDE + _GAP) + column // 2 * (_GROUP_GAP - _GAP) for column in range(len(panels[0]))]
    tall = [_SIDE + _GAP + _LINE * max(len(_caption(panel.caption)) for panel in row) for row in panels]
    width, height = lefts[-1] + _SIDE + _MARGIN, _HEADER + sum(tall) + _GAP * (len(panels) - 1)
    with styled():
        figure = Figure(figsize=(width, height))
        for row, shown in enumerate(panels):
            bottom = height - _HEADER - _SIDE - sum(tall[:row]) - _GAP * row
            if classifiers:
                middle = (bottom + _SIDE / 2) / height
                name = classifiers[row].replace(" = ", "\u00a0=\u00a0")
                figure.text(_MARGIN / width, middle, "\n".join(wrap(name, 14)), va="center")
            for x, panel in zip(lefts, shown, strict=True):
                _draw(figure, panel, (x / width, bottom / height, _SIDE / width, _SIDE / height))
        _head(figure, [x / width for x in lefts], 1 - _HEADER / height, groups)
    return figure


def _check(panels: Sequence[Sequence[Panel]], groups: Sequence[str], classifiers: Sequence[str]) -> None:
    lengths = [len(row) for row in panels]
    if len(set(lengths)) != 1 or lengths[0] == 0 or lengths[0] % 2:
        raise InputError(f"expected panels in rows alike, each picture before its negative, got rows of {lengths}")
    for name, names, count in (("groups", groups, lengths[0] // 2), ("classifiers", classifiers, len(panels))):
        if names and len(names) != count:
            raise InputError(f"expected {count} names in {name}, got {len(names)}: {list(names)}")


def _head(figure: Figure, lefts: Sequence[float], top: float, groups: Sequence[str]) -> None:
    """The names over the columns."""
    inch = 1 / figure.get_figheight()
    for column, x in enumerate(lefts):
        if column % 2 == 0:
            group = f"({chr(ord('a') + column // 2)}) {groups[column // 2] if groups else ''}"
            figure.text(x, top + 0.3 * inch, group.strip(), fontsize=11, fontweight="bold")
        figure.text(x, top + 0.08 * inch, "negative" if column % 2 else "image", color=GRAY)


def _draw(figure: Figure, panel: Panel, place: tuple[float, float, float, float]) -> None:
    axes = figure.add_axes(place)
    pixels = panel.image[0] if len(panel.image) == 1 else panel.image.transpose(1, 2, 0)
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest", aspect="auto")
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set(visible=True, color=GRAY, linewidth=0.6)
    for index, (line, look) in enumerate(_caption(panel.caption)):
        beneath = (0, -72 * (_LINE * index + 0.07))
        axes.annotate(line, (0, 0), beneath, "axes fraction", textcoords="offset points", va="top", **look)


def _caption(shown: PanelPrediction) -> list[tuple[str, dict[str, Any]]]:
    """The lines under a picture, each with its look: the prediction, the truth where it is another, and confidence."""
    correct = shown.prediction == shown.truth
    bold = {"color": CORRECT if correct else MISCLASSIFIED, "fontweight": "bold"}
    prediction = wrap(f"{'✓' if correct else '✗'} {shown.prediction}", 20)
    truth = [] if correct else wrap(f"truth: {shown.truth}", 24)
    plain = [*truth, f"confidence {percent(shown.confidence, decimals=1)} %"]
    return [(line, bold) for line in prediction] + [(line, {"color": DARK}) for line in plain]
