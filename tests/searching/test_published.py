"""What docs/search.md and results/search say is what was measured; run this file to write both anew."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from negatoscope.documents import read_document
from negatoscope.reports.figures import GRAY, draw_grid, save_figure, styled
from negatoscope.reports.formatting import interval, percent
from negatoscope.reports.markdown import markdown_table
from negatoscope.reports.palette import PRINT
from negatoscope.searching.result import AccuracyAtBudget, SearchSummary, SpaceSummary
from negatoscope.transforms.spaces import describe_spaces, resolve_space

TOP = Path(__file__).parents[2]
FOLDER = TOP / "results" / "search"
PAGE = TOP / "docs" / "search.md"
BLOCK = re.compile(r"(?<=<!-- search: begin -->\n).*?(?=<!-- search: end -->)", re.DOTALL)
TITLES = {"gtsrb_color": "GTSRB in color", "mnist": "MNIST"}
STRATEGIES = ("random", "sobol", "grid", "local", "gradient")
BUDGETS = (3, 10, 100)
TICKS = (100, 99.5, 99, 98.5, 98, 97, 95, 90, 80, 70, 65, 60, 55, 50, 20, 10, 5, 2, 1, 0.5, 0.2)
LOOKS = {
    "grid": {"color": GRAY, "linestyle": ":"},
    "random": {"color": PRINT["ink"], "linestyle": "--"},
    "sobol": {"color": PRINT["good"], "linestyle": "-."},
    "local": {"color": PRINT["after"], "linestyle": "-"},
    "gradient": {"color": PRINT["before"], "linestyle": (0, (6, 1.5))},
}
EXPLANATION = """\
Accuracy in percent that is left after 3, 10 and 100 queries for each image, the clean image among them, with the 95 %
interval at 100; all three are of the same search. *Mean*: over settings spread evenly over the space. *First error*:
the median number of queries over the images misclassified under attack. *Smallest*: the median distance of the smallest
changes that fool, of which 1 is the longer side of a range. All strategies were asked about the same images."""

FINDINGS = """
Turns of up to 20° and shifts of up to a tenth of the width, which change no meaning, leave next to nothing of either
network's accuracy, although the mean over all of them is far higher. `local` needs the fewest queries: after ten,
GTSRB's network reads {color[0]} % of images under changes of color, where `random` leaves {color[1]} %, and MNIST's
{ten[0]} % under geometry, where `random` leaves {ten[1]} %. After a hundred, strategies are close where hardly an image
is left; elsewhere `local` stays ahead of `random`: tone on GTSRB has {tone[0]} % against {tone[1]} %, geometry on MNIST
{hundred[0]} % against {hundred[1]} %. `grid` is its equal by then, in two and three dimensions. Gradients do not help
here, as Engstrom et al. 2019 found of few parameters.
"""

PICTURE = """\
Signs that the network of GTSRB in color reads with confidence, and the smallest change in `geometry` on the way back
from what `local` found: one pixel. Of the third of the fooled images of which it is most confident when clean, those
with the smallest changes, one of each class. It is `figures/smallest-changes-2.png` of that search."""


def read(name: str, strategy: str) -> SearchSummary | None:
    file = FOLDER / f"{name}_{strategy}.json"
    return read_document(file, SearchSummary, what="a search", make="run search") if file.is_file() else None


def searches(name: str) -> dict[str, SearchSummary]:
    """By strategy, of one model."""
    found = {strategy: read(name, strategy) for strategy in STRATEGIES}
    return {strategy: summary for strategy, summary in found.items() if summary is not None}


def short(space: str) -> str:
    """A space's name."""
    return next(entry.name for entry in describe_spaces() if space == resolve_space(entry.name, channels=3).text)


def left(entry: SpaceSummary, budget: int) -> str:
    """Accuracy after so many queries."""
    return percent(next(point.accuracy for point in entry.curve if point.queries == budget), decimals=1)


def line(strategy: str, entry: SpaceSummary) -> list[str]:
    worst, first = entry.accuracy_under_attack, entry.first_errors.median
    return [
        f"`{short(entry.space)}`",
        strategy,
        percent(entry.clean_accuracy, decimals=1),
        percent(entry.mean.accuracy, decimals=1) if entry.mean else "",
        *(left(entry, budget) for budget in BUDGETS),
        interval(worst.low, worst.high, decimals=1),
        f"{first:g}" if first is not None else "",
        f"{entry.smallest.median:.2f}" if entry.smallest else "",
    ]


def table(name: str) -> str:
    """A line for each space and strategy."""
    found = searches(name)
    lines = [
        line(strategy, entry)
        for place in range(len(next(iter(found.values())).spaces))
        for strategy, entry in ((strategy, summary.spaces[place]) for strategy, summary in found.items())
    ]
    after = [f"{budget} queries" for budget in BUDGETS]
    return markdown_table(
        ["Space", "Strategy", "Clean", "Mean", *after, "95 % interval", "First error", "Smallest"], lines
    )


def tables() -> str:
    parts = []
    for name, title in TITLES.items():
        found = searches(name)
        if found:
            first = next(iter(found.values()))
            parts.append(f"**{title}**: {first.model.name}, {first.n:,} test images\n\n{table(name)}")
    return "\n\n".join(parts)


def after(budget: int, name: str, space: str, strategy: str) -> str:
    entries = searches(name)[strategy].spaces
    return left(next(entry for entry in entries if short(entry.space) == space), budget)


def findings() -> str:
    """What there is to learn from the tables."""
    gtsrb, mnist = TITLES
    text = FINDINGS.format(
        color=[after(10, gtsrb, "color", strategy) for strategy in ("local", "random")],
        ten=[after(10, mnist, "geometry", strategy) for strategy in ("local", "random")],
        tone=[after(100, gtsrb, "tone", strategy) for strategy in ("local", "random")],
        hundred=[after(100, mnist, "geometry", strategy) for strategy in ("local", "random")],
    )
    return textwrap.fill(" ".join(text.split()), 120, break_on_hyphens=False)


def block() -> str:
    picture = "![Accuracy against queries, by data, space and strategy](../results/search/search.png)"
    return f"{findings()}\n\n{EXPLANATION}\n\n{tables()}\n\n{picture}\n"


def page() -> str:
    commands = [summary.provenance.command for name in TITLES for summary in searches(name).values()]
    listed = "\n".join(f"- `{command}`" for command in commands)
    return (
        f"# Space, strategy and budget\n\n{findings()}\n\n{EXPLANATION}\n\n{tables()}\n\n"
        "![Accuracy against queries](search.png)\n\n"
        f"![The smallest changes that fool](smallest.png)\n\n{PICTURE}\n\n## Commands\n\n{listed}\n\n"
        "Each `.json` file is the `search.json` of one of them. From these, this page and its figure are written by\n"
        "`python tests/searching/test_published.py`.\n"
    )


def figure() -> Figure:
    """A panel for each model and space: accuracy against queries, a line for each strategy."""
    rows = [(title, searches(name)) for name, title in TITLES.items() if searches(name)]
    columns = max(len(next(iter(found.values())).spaces) for _, found in rows)
    with styled():
        drawing, axes = draw_grid(len(rows), columns, size=(2.5, 2.0), top=0.9, share="x", between=0.85)
        for panel in axes.flat:
            panel.set_axis_off()
        for row, (title, found) in enumerate(rows):
            for column, entry in enumerate(next(iter(found.values())).spaces):
                lines = {strategy: summary.spaces[column].curve for strategy, summary in found.items()}
                draw_panel(axes[row, column], lines, title=f"{title}, {short(entry.space)}")
        drawn = {line.get_label(): line for panel in axes.flat for line in panel.get_lines()}
        listed = [strategy for strategy in STRATEGIES if strategy in drawn]
        drawing.legend([drawn[name] for name in listed], listed, loc="upper left", ncols=len(listed))
    return drawing


def draw_panel(panel: Axes, lines: Mapping[str, Sequence[AccuracyAtBudget]], *, title: str) -> None:
    """One panel, from the lowest accuracy to the highest, each tick a multiple of the one below."""
    panel.set_axis_on()
    for strategy, curve in lines.items():
        queries, rates = [point.queries for point in curve], [100 * point.accuracy for point in curve]
        panel.plot(queries, rates, linewidth=1.6, label=strategy, **LOOKS[strategy])
    accuracies = [100 * point.accuracy for curve in lines.values() for point in curve if point.accuracy]
    room = max(1.01, (max(accuracies) / min(accuracies)) ** 0.06)
    low, high = min(accuracies) / room, min(101.0, max(accuracies) * room)
    ticks: list[float] = []
    for tick in TICKS:
        if low <= tick <= high and (not ticks or tick <= ticks[-1] / (high / low) ** 0.1):
            ticks.append(tick)
    panel.set(xscale="log", xlim=(1, 100), yscale="log", ylim=(low, high))
    panel.set_xticks([1, 10, 100], ["1", "10", "100 queries"])
    panel.set_yticks(ticks, [f"{tick:g} %" for tick in ticks])
    panel.tick_params(labelbottom=True)
    panel.minorticks_off()
    panel.set_title(title, fontsize=10, fontweight="normal")


def test_the_page_on_searching_has_the_published_numbers() -> None:
    (written,) = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert written == block()


def test_the_published_page_is_what_its_documents_say() -> None:
    assert (FOLDER / "search.md").read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("name", ["gtsrb_color", "mnist"])
def test_every_strategy_was_asked_about_the_same_images(name: str) -> None:
    found = searches(name)
    assert {"grid", "random", "sobol", "local"} <= set(found)
    assert len({(summary.n, summary.clean_accuracy, summary.budget, summary.seed) for summary in found.values()}) == 1


if __name__ == "__main__":
    (FOLDER / "search.md").write_text(page(), encoding="utf-8")
    save_figure(figure(), FOLDER, "search")
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(BLOCK.sub(lambda _: block(), text), encoding="utf-8")
