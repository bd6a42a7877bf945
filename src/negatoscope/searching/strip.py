"""The smallest changes that fool, as one picture: above, what is read correctly, and below, what is not."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from negatoscope.registry import parse_spec
from negatoscope.reports.figures import DARK, FAINT, GRAY, styled, write_at
from negatoscope.reports.formatting import MINUS, counted, one_line, percent
from negatoscope.reports.palette import PRINT
from negatoscope.searching.pictures import FooledImage, Look

_SIDE, _GAP, _EDGE, _HEAD, _BETWEEN, _FOOT = 1.3, 0.28, 0.15, 0.42, 1.42, 0.5
"""Inches: the side of an image, between columns, beside them, above each row, between rows, below."""

_SIDES = {("translation", "right"): ("right", "left"), ("translation", "down"): ("down", "up")}
_WORDS = {
    ("hue_shift", "degrees"): ("hue ", "°"),
    ("rotation", "degrees"): ("turned ", "°"),
    ("saturation", "factor"): ("saturation × ", ""),
    ("saturation_shift", "amount"): ("saturation ", ""),
    ("brightness", "factor"): ("brightness × ", ""),
    ("contrast", "factor"): ("contrast × ", ""),
    ("gamma", "exponent"): ("gamma ", ""),
}
"""What settings are called beside an arrow, before and after the number."""


def draw_strip(cases: Sequence[FooledImage], *, heading: str) -> Figure:
    """A column for each image: clean, what is changed, and changed; with the predictions and their confidence.

    The last frame of each case is the one below, where `heading` stands.
    """
    width = 2 * _EDGE + len(cases) * (_SIDE + _GAP) - _GAP
    height = _HEAD + 2 * _SIDE + _BETWEEN + _FOOT
    with styled():
        figure = Figure(figsize=(width, height))
        for place, case in enumerate(cases):
            left = (_EDGE + place * (_SIDE + _GAP)) / width
            size = _SIDE / width, _SIDE / height
            above, below = (
                figure.add_axes((left, 1 - (top + _SIDE) / height, *size)) for top in (_HEAD, _HEAD + _SIDE + _BETWEEN)
            )
            _draw_frame(above, case.frames[0], small=case.small)
            _draw_frame(below, case.frames[-1], small=case.small)
            _draw_change(above, case)
            if place == 0:
                _write_heading(above, "read correctly", color=PRINT["before"])
                _write_heading(below, heading, color=PRINT["after"])
    return figure


def _write_heading(axes: Axes, text: str, *, color: str) -> None:
    write_at(axes, text, (0, 1), "axes fraction", offset=(0, 6), va="bottom", fontsize=11, weight="bold", color=color)


def _draw_frame(axes: Axes, frame: Look, *, small: bool) -> None:
    picture = Image.open(io.BytesIO(base64.b64decode(frame.picture.partition(",")[2])))
    shown: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": 255} if picture.mode == "L" else {}
    axes.imshow(np.asarray(picture), interpolation="nearest" if small else "antialiased", **shown)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set(visible=True, color=FAINT)
    name, color = one_line(frame.prediction, width=20), PRINT["before" if frame.correct else "after"]
    write_at(axes, name, (0, 0), "axes fraction", offset=(0, -5), va="top", weight="bold", color=color, fontsize=8.5)
    confidence = f"confidence {percent(frame.confidence, decimals=0)} %"
    write_at(axes, confidence, (0, 0), "axes fraction", offset=(0, -19), va="top", color=GRAY)


def _draw_change(axes: Axes, case: FooledImage) -> None:
    """An arrow below an image, and beside it what is changed."""
    stages = case.frames[-1].parameters.split(" | ")
    lines = [line for stage in stages for line in change_words(stage, size=case.size)]
    end: dict[str, Any] = {"xycoords": "axes points", "textcoords": "axes points", "annotation_clip": False}
    look = {"arrowstyle": "-|>", "color": DARK, "linewidth": 1.25, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (5, -78), (5, -40), arrowprops=look, **end)
    write_at(axes, "\n".join(lines), (0, 0), "axes points", offset=(16, -59), va="center", color=DARK)


def change_words(stage: str, *, size: tuple[int, int]) -> list[str]:
    """What a transform changes, a line for each setting: "up by 1 pixel", or the setting where there are no words.

    `size` is the height and width of the image in pixels.
    """
    spec = parse_spec(stage)
    lines = []
    for name, value in spec.arguments.items():
        if (spec.name, name) in _SIDES and isinstance(value, float):
            pixels = round(abs(value) * size[name == "right"])
            lines += [f"{_SIDES[spec.name, name][value < 0]} by {counted(pixels, 'pixel')}"] if pixels else []
        elif isinstance(value, float):
            words, unit = _WORDS.get((spec.name, name), (f"{spec.name}, {name} ", ""))
            lines.append(f"{words}{round(value, 3) + 0.0:.3g}{unit}".replace("-", MINUS))
        else:
            lines.append(f"{spec.name} {value}")
    return lines or [spec.name]
