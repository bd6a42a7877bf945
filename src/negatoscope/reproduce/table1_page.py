"""The paper's Table I beside ours: as Markdown, as CSV, and as it fills in on a terminal."""

import csv
import io
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from negatoscope.documents import Document
from negatoscope.reports.formatting import MISSING, interval, percent
from negatoscope.reproduce.table1_sections import Section, dataset_name, sections, short_classifier_name
from negatoscope.reproduce.table1_tables import accuracy_table, attack_table, comparison_table, destination_table
from negatoscope.reproduce.table1_text import caption, provenance, randomness, sizes, warnings

_INTRODUCTION = """\
Rates are in %. The paper is Hosseini and Poovendran 2017, arXiv 1703.06857v1. A verdict: its number *agrees* with our
runs if it could have been one more of them; otherwise our runs lie *above* or *below* it; *undecided*: too few runs."""

_ON_ATTACKS = """\
The attack's ε is the classifier's own, or a fixed one for the plain DNN; "DNN" is the plain DNN under the same attack.
Confidence is the mean softmax probability of
what was predicted, on training images and on their negatives."""

_ON_DESTINATIONS = """\
Of negatives of training images. Entropy: how evenly predictions spread, and at most can. Information: what a prediction
says about the label. If permuted: the 95 % quantile of the same under permuted labels; one random classifier in twenty
would lie above it too."""

_COLORS = {"agrees": "green", "above": "yellow", "below": "yellow", "undecided": "dim"}


def table1_markdown(result: Document) -> str:
    """The report of a table1 document: warnings, the paper's table beside ours, what lies behind it, provenance."""
    found = sections(result)
    parts = [
        "# Table I, run again: classifiers on negatives",
        *(f"> **{warning}.**" for warning in warnings(result)),
        *(_body(found) if found else []),
        "## Provenance",
        "\n".join(f"- {fact}" for fact in provenance(result)),
    ]
    return "\n\n".join(parts) + "\n"


def table1_csv(result: Document) -> str:
    """The summary as CSV, one line for each row; the header is its keys, nothing stands for a missing value."""
    summary = result["summary"]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(summary[0]) if summary else [], lineterminator="\n")
    if summary:
        writer.writeheader()
    writer.writerows(summary)
    return text.getvalue()


def table1_live(summary: Sequence[Document], *, pending: Sequence[tuple[str, float]]) -> Table:
    """A table for 80 columns that fills in while a run goes on.

    Ours "agrees" with the paper's number or lies "above" or "below" it; no word: undecided.

    Args:
        summary: The rows that are known.
        pending: Dataset and epsilon of the rows that are not; one that is in `summary` is shown once, as known.
    """
    rows: list[tuple[str, float, Document | None]] = [(row["dataset"], row["epsilon"], row) for row in summary]
    known = {(dataset, epsilon) for dataset, epsilon, _ in rows}
    rows += [(dataset, epsilon, None) for dataset, epsilon in pending if (dataset, epsilon) not in known]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("\nclassifier")
    for kind in ("test images", "negatives"):
        table.add_column(f"{kind}\n% [95 %]", justify="right", no_wrap=True)
        table.add_column("\npaper", no_wrap=True, min_width=5)
    for dataset in dict.fromkeys(name for name, _, _ in rows):
        table.add_row(Text(dataset_name(dataset), style="bold"))
        for _, epsilon, row in sorted((one for one in rows if one[0] == dataset), key=lambda one: one[1]):
            table.add_row(short_classifier_name(epsilon), *_live_cells(row))
    return table


def _body(found: Sequence[Section]) -> list[str]:
    answers = [f"- {answer}" for section in found for answer in randomness(section)]
    compared = [[f"## {section.title}", comparison_table(section), caption(section)] for section in found]
    return [
        _INTRODUCTION,
        *(part for parts in compared for part in parts),
        "## More accuracies",
        accuracy_table(found),
        "## Attacks and confidence",
        attack_table(found),
        _ON_ATTACKS,
        sizes(found),
        "## Where predictions on negatives go",
        destination_table(found),
        _ON_DESTINATIONS,
        *(["\n".join(answers)] if answers else []),
    ]


def _live_cells(row: Document | None) -> list[Text]:
    if row is None:
        return [Text("…", style="dim")] * 4
    cells = []
    for kind in ("test", "negative"):
        verdict, paper = row[f"verdict_{kind}"], row[f"paper_{kind}_accuracy"]
        ours = interval(row[f"{kind}_low"], row[f"{kind}_high"], decimals=1)
        cells.append(Text(f"{percent(row[f'{kind}_accuracy'], decimals=1)} {ours}"))
        said = "" if verdict == "undecided" else f" {verdict}"
        cells.append(Text(MISSING if paper is None else f"{percent(paper):>5}{said}", style=_COLORS[verdict]))
    return cells
