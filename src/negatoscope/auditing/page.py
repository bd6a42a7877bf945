"""The report of an audit: one page that opens without a network, with its figures and a JUnit file beside it."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from negatoscope.auditing import page_text as words
from negatoscope.auditing.junit import junit_xml
from negatoscope.auditing.page_contents import class_name, class_rows, curves, focus, groups, is_significant
from negatoscope.auditing.page_figures import draw_audit
from negatoscope.auditing.page_gallery import Pair, by_transform, read_gallery
from negatoscope.auditing.page_markdown import audit_markdown, compare_markdown
from negatoscope.auditing.results import AuditSummary
from negatoscope.documents import to_plain
from negatoscope.files import write_whole
from negatoscope.reports import formatting
from negatoscope.reports.figures import save_figure
from negatoscope.reports.formatting import interval
from negatoscope.statistics import ReliabilityBin

__all__ = ["audit_html", "audit_markdown", "audit_notebook", "compare_markdown", "write_report"]

_CLASSES_SHOWN, _CLASSES_AT_MOST = 12, 200
_TOLD = ("model", "dataset", "self_check", "provenance")
_SMALLEST, _LARGEST = 2.0, 8.0  # radius in pixels of a mark that stands for no images, and for all


def write_report(out: Path, summary: AuditSummary) -> None:
    """Write `report.html`, `junit.xml` and `figures/` to `out`; pictures come from `gallery/` there, if there is one.

    Args:
        out: The folder of the audit.
        summary: What the audit found.

    Raises:
        DataError: The gallery is damaged.
        OutputError: The folder cannot be written or the disk is full.
    """
    pairs = read_gallery(out / "gallery") if (out / "gallery").is_dir() else []
    for name, figure in draw_audit(summary).items():
        save_figure(figure, out / "figures", name)
    write_whole(out / "junit.xml", junit_xml(summary).encode())
    write_whole(out / "report.html", audit_html(summary, pairs=pairs).encode())


def audit_html(summary: AuditSummary, *, pairs: Sequence[Pair] = ()) -> str:
    """The page; all that it shows is in it, and whatever names say is escaped.

    Args:
        summary: What the audit found.
        pairs: Pictures of failures.
    """
    shown = focus(summary)
    names = list(summary.dataset.class_names)
    environment = _environment().overlay()
    environment.filters["class_name"] = partial(class_name, summary)
    return environment.get_template("page.html.jinja").render(
        summary=summary,
        title=words.title(summary),
        notes=words.notes(summary),
        method=words.METHOD,
        limits=words.LIMITS,
        facts=words.facts({key: to_plain(getattr(summary, key)) for key in _TOLD}, without=("class_names",)),
        groups=groups(summary),
        meaning=sum(entry.kind == "label_preserving" and entry.n > 0 for entry in summary.transforms),
        partly=[entry for entry in summary.transforms if entry.preserved is not None],
        focus=shown,
        rows=class_rows(summary, shown) if shown else [],
        shown=_CLASSES_SHOWN,
        most=_CLASSES_AT_MOST,
        curves=curves(summary),
        classes=len(names),
        gallery=by_transform(pairs, first=shown.spec if shown else ""),
        top5=any(entry.top5_accuracy is not None for entry in summary.transforms),
    )


def audit_notebook(summary: AuditSummary) -> str:
    """The verdict and the picture of all transforms as a piece of HTML for a notebook's cell, light or dark."""
    template = _environment().get_template("notebook.html.jinja")
    return template.render(summary=summary, title=words.title(summary), groups=groups(summary))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("negatoscope", "auditing"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_FILTERS)
    environment.tests["significant"] = is_significant
    return environment


def _at(share: float) -> str:
    """A place from left to right."""
    return f"{100 * share:.3f}".rstrip("0").rstrip(".") + "%"


def _up(share: float) -> str:
    """A place from bottom to top."""
    return _at(1 - share)


def _line(curve: Any) -> str:
    return " ".join(f"{100 * point.share:.3f},{100 * (1 - point.accuracy):.3f}" for point in curve.points)


def _band(curve: Any) -> str:
    above = [(point.share, point.high) for point in curve.points]
    below = [(point.share, point.low) for point in reversed(curve.points)]
    return " ".join(f"{100 * share:.3f},{100 * (1 - rate):.3f}" for share, rate in [*above, *below])


def _filled(bins: Sequence[ReliabilityBin]) -> list[dict[str, Any]]:
    """The bins that hold images, with the radius of their mark: its area is their share of the images."""
    total = sum(one.n for one in bins)
    return [
        {**vars(one), "radius": round(_SMALLEST + (_LARGEST - _SMALLEST) * (one.n / total) ** 0.5, 2)}
        for one in bins
        if one.n
    ]


def _breakable(text: str) -> Markup:
    """A spec that may break after a bracket or a comma."""
    return Markup(str(escape(text)).replace("(", "(<wbr>").replace(", ", ",<wbr> "))


_FILTERS: dict[str, Callable[..., Any]] = {
    "at": _at,
    "up": _up,
    "line": _line,
    "band": _band,
    "filled": _filled,
    "breakable": _breakable,
    "tight": formatting.tight,
    "percent": partial(formatting.percent, decimals=1),
    "ends": partial(interval, decimals=1),
    "change": words.change,
    "change_ends": words.change_interval,
    "p_value": formatting.p_value,
    "bits": formatting.bits,
    "thousands": "{:,}".format,
    "destinations": lambda entry, classes: words.destinations(entry, classes=classes),
    "kept_note": lambda entry, classes: words.kept_note(entry, classes=classes),
    "left_out": words.left_out,
}
