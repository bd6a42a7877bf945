"""The figures of an audit as files: accuracy by transform, the way to the negative, reliability, confusion."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from negatoscope.auditing.page_contents import Curve, class_name, curves, focus, groups, is_significant
from negatoscope.auditing.page_text import title
from negatoscope.auditing.results import AuditSummary, Measurement, TransformResult
from negatoscope.reports.figures import DARK, GRAY, styled
from negatoscope.reports.formatting import measured, percent

BEFORE, AFTER = "#0a66a8", "#b84a00"

_ROW, _HEAD, _FOOT = 0.25, 0.85, 0.5  # inches
_NAMES, _PLOT, _VALUES = 3.5, 4.2, 1.5
_WAYS = {"negative_path": (AFTER, "D", "-", "straight line"), "pixel_flips": (DARK, "s", "--", "pixel flips")}
_KEY: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.02, 0.5), "labelspacing": 1}
_TITLE: dict[str, Any] = {"ha": "left", "va": "top", "fontsize": 11, "fontweight": "bold", "parse_math": False}


def draw_audit(summary: AuditSummary) -> dict[str, Figure]:
    """Every figure that an audit has numbers for, by the name of its file."""
    found = {"accuracy": draw_accuracies(summary)}
    if ways := curves(summary):
        found["path"] = draw_path(summary, ways)
    if entry := focus(summary):
        found["reliability"] = draw_reliability(summary, entry)
        if entry.confusion:
            found["confusion"] = draw_confusion(summary, entry)
    return found


def draw_accuracies(summary: AuditSummary) -> Figure:
    """Accuracy with its interval under each transform, by kind; hollow where it is not told apart from clean."""
    lines: list[str | TransformResult] = []
    for group in groups(summary):
        lines += [group.title, *group.transforms]
    with styled():
        figure, axes = _rows(len(lines), title(summary))
        axes.set_xlabel("right answers, %")
        chance, clean = summary.chance, summary.clean.accuracy
        _draw_reference(axes, chance, "chance", color=GRAY, dashes="--")
        _draw_reference(axes, clean, "unchanged", color=BEFORE, dashes="-", lift=11 if abs(clean - chance) < 0.4 else 0)
        for place, line in enumerate(lines):
            if isinstance(line, str):
                _beside(axes, place, line, side="left", weight="bold")
            else:
                _draw_accuracy(axes, place, line)
    return figure


def draw_path(summary: AuditSummary, ways: Sequence[Curve]) -> Figure:
    """Accuracy along the straight line to the negative, and along random pixel flips."""
    with styled():
        figure = Figure(figsize=(6.6, 3.6))
        axes = figure.add_axes((0.1, 0.15, 0.66, 0.76))
        axes.set(xlim=(0, 100), ylim=(0, 100), xlabel="of the way to the negative, %", ylabel="right answers, %")
        axes.axhline(100 * summary.clean.accuracy, color=BEFORE, linewidth=1, zorder=1, label="unchanged")
        axes.axhline(100 * summary.chance, color=GRAY, linestyle="--", linewidth=1, zorder=1, label="chance")
        for way in ways:
            color, marker, dashes, name = _WAYS[way.name]
            shares = [100 * point.share for point in way.points]
            low, high = ([100 * point.low for point in way.points], [100 * point.high for point in way.points])
            axes.fill_between(shares, low, high, color=color, alpha=0.15, linewidth=0)
            look: dict[str, Any] = {"color": color, "marker": marker, "linestyle": dashes, "markersize": 4.5}
            axes.plot(shares, [100 * point.accuracy for point in way.points], label=name, clip_on=False, **look)
        axes.legend(**_KEY)
    return figure


def draw_reliability(summary: AuditSummary, entry: TransformResult) -> Figure:
    """Accuracy against confidence before and after a transform; the area of a mark is the share of images."""
    with styled():
        figure = Figure(figsize=(5.9, 3.9))
        axes = figure.add_axes((0.11, 0.13, 0.55, 0.8))
        axes.set(xlim=(0, 100), ylim=(0, 100), xlabel="confidence, %", ylabel="right answers, %", aspect="equal")
        axes.plot([0, 100], [0, 100], color=GRAY, linestyle="--", linewidth=1)
        _draw_bins(axes, summary.clean, "unchanged", color=BEFORE, marker="o")
        _draw_bins(axes, entry, _plain(entry.spec, 22), color=AFTER, marker="D")
        for text in axes.legend(**_KEY).get_texts():
            text.set_parse_math(False)
    return figure


def draw_confusion(summary: AuditSummary, entry: TransformResult) -> Figure:
    """The most frequent errors under a transform, as shares of the images of the true class."""
    errors = entry.confusion
    with styled():
        figure, axes = _rows(len(errors), f"The most frequent errors under {entry.spec}")
        axes.set_xlabel("of the images of the true class, %")
        for place, error in enumerate(errors):
            axes.barh(place, 100 * error.share, height=0.5, color=AFTER)
            pair = [_drawable(class_name(summary, index), index) for index in (error.label, error.prediction)]
            _beside(axes, place, " → ".join(pair), side="left")
            _beside(axes, place, f"{percent(error.share, decimals=1)}  ({error.n:,})", side="right")
    return figure


def _rows(count: int, heading: str) -> tuple[Figure, Axes]:
    """A panel of rows, the first on top, with room for names to their left and numbers to their right."""
    width, height = _NAMES + _PLOT + _VALUES, _HEAD + _ROW * count + _FOOT
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((_NAMES / width, _FOOT / height, _PLOT / width, _ROW * count / height))
    axes.set(xlim=(0, 100), ylim=(count - 0.5, -0.5), yticks=[])
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
    figure.text(0.2 / width, 1 - 0.18 / height, _plain(heading, 90), **_TITLE)
    return figure, axes


def _draw_accuracy(axes: Axes, place: int, entry: TransformResult) -> None:
    _beside(axes, place, _plain(entry.spec, 42), side="left")
    if not entry.n:
        return
    rates = (entry.low, entry.accuracy, entry.high, entry.clean_accuracy)
    low, value, high, clean = (100 * (share or 0) for share in rates)
    axes.plot([clean, value], [place, place], color=AFTER, linewidth=1, alpha=0.4)
    axes.plot([low, high], [place, place], color=AFTER, linewidth=4, alpha=0.4, solid_capstyle="butt")
    face = AFTER if is_significant(entry) else "white"
    axes.plot(value, place, "D", color=AFTER, markerfacecolor=face, markersize=4.5, clip_on=False, zorder=3)
    _beside(axes, place, measured(entry.accuracy, entry.low, entry.high, decimals=1), side="right")


def _draw_bins(axes: Axes, result: Measurement, name: str, *, color: str, marker: str) -> None:
    bins = [one for one in result.reliability if one.n]
    total = sum(one.n for one in bins)
    x, y = [100 * one.confidence for one in bins], [100 * one.accuracy for one in bins]
    axes.vlines(x, x, y, color=color, linewidth=1, alpha=0.45)
    sizes = [12 + 130 * one.n / total for one in bins]
    label = f"{name}\nECE {percent(result.ece, decimals=1)} points"
    axes.scatter(x, y, sizes, color=color, marker=marker, clip_on=False, zorder=3, label=label)


def _draw_reference(axes: Axes, share: float, name: str, *, color: str, dashes: str, lift: float = 0) -> None:
    """A line over all rows, its name above it (`lift` points higher), inside the panel's width."""
    axes.axvline(100 * share, color=color, linestyle=dashes, linewidth=1, zorder=1)
    align = "right" if share > 0.5 else "left"
    where: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "fontsize": 8}
    label = f"{name} {percent(share, decimals=1)}"
    axes.annotate(label, (100 * share, 1), xytext=(0, 5 + lift), color=color, ha=align, **where)


def _beside(axes: Axes, place: int, text: str, *, side: str, weight: str = "normal") -> None:
    x, offset, align = (0, -9, "right") if side == "left" else (1, 9, "left")
    where: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"}
    look: dict[str, Any] = {"ha": align, "weight": weight, "parse_math": False, "annotation_clip": False}
    axes.annotate(text, (x, place), xytext=(offset, 0), **where, **look)


def _drawable(name: str, index: int) -> str:
    """A class's name where the figures' font has all its letters, else its number."""
    shown = _plain(name, 20)
    glyphs = get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap()
    return shown if all(ord(letter) in glyphs for letter in shown) else f"class {index}"


def _plain(text: str, width: int) -> str:
    """One line of at most `width` letters."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"
