"""The report of a search: what fools the classifier, how soon, where, and by how little."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from negatoscope.auditing.sections.method import facts
from negatoscope.documents import to_plain
from negatoscope.files import write_whole
from negatoscope.reports.figures import save_figure
from negatoscope.reports.page import Section, render_section
from negatoscope.reports.templates import render
from negatoscope.searching.figures import Line, draw_lines, draw_map, draw_shares, misclassified
from negatoscope.searching.pictures import FooledImage
from negatoscope.searching.result import FailingMap, SearchSummary, SpaceSummary
from negatoscope.searching.strip import draw_strip
from negatoscope.searching.text import search_csv, search_markdown, search_notes

_SCALES = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Shares at which scales of misclassified images end."""

_IN_A_STRIP = 6  # images

_QUERIES = "queries of each image, the clean image among them"
_SIZE = "size of the change: 1 is the longer side of a range"


def write_search_report(out: Path, summary: SearchSummary, cases: Mapping[str, Sequence[FooledImage]]) -> None:
    """Write `report.html`, `report.md`, `search.csv` and `figures/` to `out`.

    Raises:
        OutputError: The folder cannot be written or the disk is full.
    """
    sections = search_sections(summary, cases)
    for section in sections.values():
        for name, figure in section.figures.items():
            save_figure(figure, out / "figures", name)
    write_whole(out / "report.md", search_markdown(summary).encode())
    write_whole(out / "search.csv", search_csv(summary).encode())
    write_whole(out / "report.html", search_html(summary, sections).encode())


def search_html(summary: SearchSummary, sections: Mapping[str, Section]) -> str:
    """The page; all that it shows is in it, and whatever names say is escaped."""
    hardest = hardest_space(summary)
    names = {entry.space: name for name, entry in named_spaces(summary).items()}
    where = names[hardest.space] if len(names) > 1 else "the space"
    context = {"hardest": hardest, "where": where, "chance": summary.chance}
    notes = search_notes(summary, gate=False)
    return str(render("searching/search.html.jinja", summary=summary, sections=sections, notes=notes, **context))


def hardest_space(summary: SearchSummary) -> SpaceSummary:
    """The space with the lowest accuracy under attack."""
    return min(summary.spaces, key=lambda entry: entry.accuracy_under_attack.accuracy)


def named_spaces(summary: SearchSummary) -> dict[str, SpaceSummary]:
    """Each space by what charts call it: its name or its transforms, where these tell spaces apart, else its text."""
    names = [entry.name or " | ".join(transform_names(entry.space)) for entry in summary.spaces]
    if len(set(names)) < len(names):
        names = [entry.label for entry in summary.spaces]
    return dict(zip(names, summary.spaces, strict=True))


def transform_names(space: str) -> list[str]:
    """The transforms of a space, in order; those that it has more than once with a number."""
    names = [stage.partition("(")[0].strip() for stage in space.split("|")]
    numbers = [names[: place + 1].count(name) for place, name in enumerate(names)]
    return [f"{name} {n}" if names.count(name) > 1 else name for name, n in zip(names, numbers, strict=True)]


def search_sections(summary: SearchSummary, cases: Mapping[str, Sequence[FooledImage]]) -> dict[str, Section]:
    """The sections that have something to show by name, in their order."""
    hardest = hardest_space(summary)
    universals = [entry.universal for entry in summary.spaces if entry.universal is not None]
    rows = sorted(hardest.per_class, key=lambda rate: (rate.accuracy, rate.high))
    described = {name: to_plain(getattr(summary, name)) for name in ("model", "provenance")}
    own: dict[str, dict[str, Any] | None] = {
        "queries": _queries(summary),
        "spaces": {},
        "settings": _settings(summary),
        "smallest": _smallest(summary),
        "pictures": _pictures({summary.labels[space]: members for space, members in cases.items()}),
        "classes": {"entry": hardest, "rows": rows} if rows else None,
        "shared": {"universals": universals} if universals or summary.transfer else None,
        "method": {"facts": list(facts(described))},
    }
    return {
        name: render_section(
            f"searching/search_{name}.jinja",
            place=10 * place,
            wide=name in ("settings", "pictures", "method"),
            summary=summary,
            chance=summary.chance,
            **context,
        )
        for place, (name, context) in enumerate(own.items(), start=1)
        if context is not None
    }


def _queries(summary: SearchSummary) -> dict[str, Any]:
    """Accuracy against queries, of each space, and of the worst of them where there are several."""
    curves = {name: entry.curve for name, entry in named_spaces(summary).items()}
    if len(curves) > 1:
        curves = {"all spaces": summary.curve, **curves}
    lines = {name: [(float(point.queries), point) for point in curve] for name, curve in curves.items()}
    return _charts(summary, "queries", lines, label=_QUERIES, log=True)


def _smallest(summary: SearchSummary) -> dict[str, Any] | None:
    """Accuracy against the size of the change, of each space with an identity."""
    spaces = {name: entry for name, entry in named_spaces(summary).items() if entry.smallest is not None}
    lines = {
        name: [(point.distance, point) for point in entry.smallest.curve]
        for name, entry in spaces.items()
        if entry.smallest is not None
    }
    shown = {"spaces": list(spaces.values())}
    return shown | _charts(summary, "smallest", lines, label=_SIZE, log=False) if lines else None


def _charts(summary: SearchSummary, name: str, lines: Mapping[str, Line], *, label: str, log: bool) -> dict[str, Any]:
    """A chart for a wide page and one for a phone."""
    clean, chance = summary.clean_accuracy, summary.chance
    charts = [
        draw_lines(lines, clean=clean, chance=chance, label=label, log=log, narrow=narrow) for narrow in (False, True)
    ]
    return {"charts": charts, "figures": {name: charts[0]}}


def _pictures(cases: Mapping[str, Sequence[FooledImage]]) -> dict[str, Any] | None:
    """Images misclassified under attack; a strip of each space is exported."""
    shown = {space: members for space, members in cases.items() if members}
    strips = {
        f"smallest-changes-{number}": draw_strip(members[:_IN_A_STRIP], heading=_heading(members))
        for number, members in enumerate(shown.values(), start=1)
    }
    return {"cases": shown, "figures": strips} if shown else None


def _heading(members: Sequence[FooledImage]) -> str:
    return f"misread after the {'first' if members[0].distance is None else 'smallest'} change found"


def _settings(summary: SearchSummary) -> dict[str, Any] | None:
    """Which settings fail, space by space."""
    parts = [_failing(entry) for entry in summary.spaces if entry.failing]
    figures = {
        f"settings-{number}-{place}": chart
        for number, part in enumerate(parts, start=1)
        for place, chart in enumerate(part["charts"].values(), start=1)
    }
    return {"parts": parts, "figures": figures} if parts else None


def _failing(entry: SpaceSummary) -> dict[str, Any]:
    """The charts of one space: along each dimension with one scale, and over two."""
    names = transform_names(entry.space)
    sides = [replace(dimension, name=f"{dimension.name} of {names[dimension.stage]}") for dimension in entry.dimensions]
    charts, most, clean = {}, _scales(entry.failing), 1 - entry.clean_accuracy
    for shares in entry.failing:
        own = [sides[place] for place in shares.dimensions]
        charts[" and ".join(side.name for side in own)] = (
            draw_map(shares, own[0], own[1], most=most[2])
            if len(own) > 1
            else draw_shares(shares, own[0], clean=clean, most=most[1])
        )
    pairs = [name for name, shares in zip(charts, entry.failing, strict=True) if len(shares.parts) > 1]
    return {"space": entry.label, "n": sum(entry.failing[0].n), "most": most, "charts": charts, "pairs": pairs}


def _scales(failing: Sequence[FailingMap]) -> dict[int, float]:
    """By the number of dimensions, where the scale of misclassified images ends."""
    reached: dict[int, float] = {}
    for shares in failing:
        count = len(shares.dimensions)
        reached[count] = max(reached.get(count, 0.0), float(np.nanmax(misclassified(shares))))
    return {count: next(scale for scale in _SCALES if scale >= share) for count, share in reached.items()}
