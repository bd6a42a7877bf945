"""Accuracy on the path from an image to its negative."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, DrawingArea
from matplotlib.patches import Rectangle

from negatoscope.auditing.measurement import Measurement
from negatoscope.auditing.results import AuditSummary
from negatoscope.auditing.sections import Report, Section, register_section, render_section
from negatoscope.reports.figures import DARK, GRAY, TICKS, draw_legend, draw_panel, styled
from negatoscope.reports.palette import PRINT

_PATHS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "negative_path": ("share", {"color": PRINT["after"], "marker": "D", "label": "straight line"}),
    "pixel_flips": ("probability", {"color": DARK, "marker": "s", "linestyle": "--", "label": "pixel flips"}),
}
"""For each path the parameter that says how far along it an image is, and what its line looks like."""

Points = Sequence[tuple[float, Measurement]]
"""Shares of the path, from the image itself at 0 to its negative at 1, each with what was measured there."""


@register_section
def path(report: Report) -> Section | None:
    """The two paths to the negative, of those that were audited."""
    curves = measured_paths(report.summary)
    if not curves:
        return None
    wide, narrow = (draw_path(report.summary, curves, narrow=narrow) for narrow in (False, True))
    return render_section("auditing/sections/path.jinja", place=20, figures={"path": wide}, charts=(wide, narrow))


def measured_paths(summary: AuditSummary) -> dict[str, Points]:
    """The paths to the negative that were audited by name: the straight line through gray, and random pixel flips.

    Where its own ends were not audited, a path starts at the clean images and ends at the negative, if all of these are
    the same images.
    """
    negatives = [(1.0, entry) for entry in summary.transforms if entry.spec == "negative"]
    paths: dict[str, Points] = {}
    for name, (parameter, _) in _PATHS.items():
        members = [entry for entry in summary.transforms if entry.name == name and entry.n]
        ends = [(share, end) for share, end in [(0.0, summary.clean), *negatives] if members and end.n == members[0].n]
        points: dict[float, Measurement] = dict(ends) | {float(entry.parameters[parameter]): entry for entry in members}
        if members:
            paths[name] = sorted(points.items(), key=lambda point: point[0])
    return paths


def draw_path(summary: AuditSummary, curves: Mapping[str, Points], *, narrow: bool = False) -> Figure:
    """Accuracy along the straight line to the negative, and along random pixel flips; `narrow` fits a phone."""
    with styled():
        figure, axes = draw_panel(*(4.3, 3.9) if narrow else (7.6, 4.1), top=0.85 if narrow else 0.65, bottom=0.72)
        axes.tick_params(axis="x", pad=20)
        axes.set_xlabel("share of the path: how far each pixel moves, or how likely it is to flip, %", loc="left")
        for name, points in curves.items():
            look = _PATHS[name][1]
            shares = [100 * share for share, _ in points]
            rates, low, high = (
                [100 * (getattr(entry, field) or 0.0) for _, entry in points] for field in ("accuracy", "low", "high")
            )
            axes.fill_between(shares, low, high, color=look["color"], alpha=0.15, linewidth=0)
            axes.plot(shares, rates, clip_on=False, markersize=4.5, zorder=3, **look)
        axes.axhline(100 * summary.clean.accuracy, color=PRINT["before"], linewidth=1, zorder=1, label="clean")
        axes.axhline(100 * summary.chance, color=GRAY, linestyle="--", linewidth=1, zorder=1, label="chance")
        for tick in TICKS:
            _draw_black_and_white(axes, tick)
        draw_legend(figure, columns=2 if narrow else 4)
    return figure


def _draw_black_and_white(axes: Axes, tick: int) -> None:
    """Beneath a tick, what the straight line makes of a black and of a white pixel."""
    box = DrawingArea(18, 9)
    for left, share in ((0, tick), (9, 100 - tick)):
        level = 1 + round(2.53 * share)  # of no color of the palette, so that a dark page leaves it alone
        box.add_artist(Rectangle((left, 0), 9, 9, facecolor=f"#{level:02x}{level:02x}{level:02x}", linewidth=0))
    box.add_artist(Rectangle((0, 0), 18, 9, fill=False, edgecolor=GRAY, linewidth=0.5))
    where: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "boxcoords": "offset points"}
    axes.add_artist(AnnotationBbox(box, (tick, 0), (0, -12), frameon=False, pad=0, annotation_clip=False, **where))
