"""The columns of Table I's tables: in the report, in the CSV file and on a terminal.

Another column of Table I is one more pair of header and text here.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, TypeAlias

from rich import box
from rich.table import Table
from rich.text import Text

from negatoscope.reports.csv_table import csv_table
from negatoscope.reports.formatting import MISSING, interval, measured, percent
from negatoscope.reports.markdown import markdown_table
from negatoscope.reproduce.paper import SMOKE, classifier_name, dataset_name, short_classifier_name

if TYPE_CHECKING:  # they would load torch
    from negatoscope.reproduce.measure import Destinations
    from negatoscope.reproduce.table1_document import PaperComparison, SummaryRow, Table1
    from negatoscope.reproduce.table1_run import AttackAccuracies, Table1Run
    from negatoscope.statistics.measured import TrackedRate

_COLORS = {"agrees": "green", "ours higher": "yellow", "ours lower": "yellow", "undecided": "dim"}
_REPRODUCED = {True: "yes", False: "no", None: "undecided"}


@dataclass(frozen=True)
class Classifier:
    """One line of a table.

    Args:
        row: Its row of the summary.
        runs: The runs that it sums up, by seed.
        plain: The runs of the plain DNN beside it.
        title: Of its section.
    """

    row: "SummaryRow"
    runs: "Sequence[Table1Run]"
    plain: "Sequence[Table1Run]"
    title: str


@dataclass(frozen=True)
class Table1Section:
    """One dataset under one recipe.

    Args:
        title: The dataset's name, with the recipe where there are several; a smoke run's says so.
        classifiers: By epsilon.
        fast: Whether it is a smoke run's.
    """

    title: str
    classifiers: Sequence[Classifier]
    fast: bool

    @property
    def rows(self) -> "list[SummaryRow]":
        """The rows of its classifiers."""
        return [classifier.row for classifier in self.classifiers]


Column: TypeAlias = tuple[str, Callable[[Classifier], str]]
"""A column: its header, and its text for a classifier."""


def sections(result: "Table1") -> list[Table1Section]:
    """The sections of a table, in the order of its summary."""
    keys = list(dict.fromkeys((row.dataset, row.recipe) for row in result.summary))
    names = [dataset for dataset, _ in keys]
    parts = []
    for dataset, recipe in keys:
        several = f", recipe {recipe}" if names.count(dataset) > 1 else ""
        title = dataset_name(dataset) + several + (SMOKE if result.fast else "")
        rows = [row for row in result.summary if (row.dataset, row.recipe) == (dataset, recipe)]
        runs: dict[float, list[Table1Run]] = {}
        for run in sorted(result.runs, key=lambda run: run.seed):
            if (run.dataset, run.recipe.name) == (dataset, recipe):
                runs.setdefault(run.epsilon, []).append(run)
        lines = [
            Classifier(row, runs.get(row.epsilon, []), runs.get(0.0, []), title)
            for row in sorted(rows, key=lambda row: row.epsilon)
        ]
        parts.append(Table1Section(title, lines, result.fast))
    return parts


def plain_classifiers(shown: Sequence[Table1Section], dataset: str) -> list[Classifier]:
    """The plain DNN of a dataset by each recipe that has one."""
    lines = [line for section in shown for line in section.classifiers]
    return [line for line in lines if line.row.dataset == dataset and line.row.epsilon == 0]


def has_tracks(section: Table1Section) -> bool:
    """Whether an interval by track is known for any row."""
    return any(row.negative.track_low is not None for row in section.rows)


_DATASET: Column = ("Dataset", lambda line: line.title)
_CLASSIFIER: Column = ("Classifier", lambda line: classifier_name(line.row.epsilon))

ACCURACIES: tuple[Column, ...] = (
    _DATASET,
    _CLASSIFIER,
    ("Training images", lambda line: _rate([run.train for run in line.runs])),
    ("Validation images", lambda line: _rate([run.validation for run in line.runs])),
    ("Negatives of test images", lambda line: _rate([run.negative_test for run in line.runs])),
)
"""The other accuracies without an attack."""

DESTINATIONS: tuple[Column, ...] = (
    _DATASET,
    _CLASSIFIER,
    ("Entropy, bits", lambda line: _entropy([run.destinations for run in line.runs])),
    ("Information, bits", lambda line: _mean([run.destinations.mutual_information_bits for run in line.runs], 3)),
    ("If permuted", lambda line: _mean([run.destinations.mutual_information_null_bits for run in line.runs], 3)),
    ("Most frequent prediction", lambda line: _most_frequent([run.destinations.shares for run in line.runs])),
)
"""Which classes are predicted for negatives, and what that says about the label."""


def panel_columns() -> list[Column]:
    """The plain DNN by each recipe: beside the paper's, and beside what guessing scores on negatives."""
    return [
        ("Recipe", lambda line: line.row.recipe),
        ("Runs", lambda line: str(line.row.seeds)),
        *_beside_paper("Test images", "test"),
        *_beside_paper("Negatives", "negative"),
        ("Row reproduced", lambda line: _REPRODUCED[line.row.reproduced]),
        ("Versus chance", lambda line: line.row.beside_chance),
        ("Versus majority class", lambda line: line.row.beside_majority),
    ]


def panel_table(shown: Sequence[Table1Section], dataset: str) -> str:
    """These columns of a dataset as Markdown, a line for each recipe."""
    lines = [[text(line) for _, text in panel_columns()] for line in plain_classifiers(shown, dataset)]
    return markdown_table([header for header, _ in panel_columns()], lines)


def comparison_columns(section: Table1Section) -> list[Column]:
    """Ours beside the paper's: the columns of its Table I that it draws its conclusions from."""
    ours, *papers = _beside_paper("Negatives", "negative")
    if has_tracks(section):
        papers.insert(0, ("By track", lambda line: interval(line.row.negative.track_low, line.row.negative.track_high)))
    if any(row.negative_before_accuracy is not None for row in section.rows):
        papers.append(("Before equalization", lambda line: percent(line.row.negative_before_accuracy)))
    reproduced: Column = ("Row reproduced", lambda line: _REPRODUCED[line.row.reproduced])
    return [_CLASSIFIER, *_beside_paper("Test images", "test"), ours, *papers, reproduced]


def _beside_paper(header: str, kind: str) -> list[Column]:
    return [
        (f"{header}: ours", lambda line: _ours(line.row.comparisons[kind])),
        ("Paper", lambda line: percent(line.row.comparisons[kind].paper_accuracy)),
        ("Verdict", lambda line: _verdict(line.row.comparisons[kind])),
    ]


def attack_columns(attacks: Iterable[str]) -> list[Column]:
    """Accuracy under each attack beside the plain DNN's under the same, and the classifiers' confidence."""
    return [
        _DATASET,
        _CLASSIFIER,
        ("Attack's ε", lambda line: f"{line.row.attack_epsilon:.3g}"),
        *((name.upper(), partial(_attacked, name)) for name in attacks),
        *((f"DNN: {name.upper()}", partial(_plain_attacked, name)) for name in attacks),
        ("Confidence", lambda line: _mean([100 * run.confidence.train for run in line.runs])),
        ("On negatives", lambda line: _mean([100 * run.confidence.negative_train for run in line.runs])),
    ]


def table(columns: Sequence[Column], shown: Sequence[Table1Section]) -> str:
    """The columns as Markdown, a line for each classifier."""
    lines = [[text(line) for _, text in columns] for section in shown for line in section.classifiers]
    return markdown_table([header for header, _ in columns], lines)


def table1_csv(result: "Table1") -> str:
    """The summary as CSV, one line for each row; nothing stands for a missing value."""
    return csv_table([_flat(row) for row in result.summary])


def table1_live(summary: "Sequence[SummaryRow]", *, pending: Sequence[tuple[str, str, float]]) -> Table:
    """A table for 80 columns that fills in during a run.

    Ours "agrees" with the paper's number or is "higher" or "lower"; no word: undecided.

    Args:
        summary: The rows that are known.
        pending: Dataset, recipe and epsilon of the rows that are not; one that is in `summary` is shown once, as known.
    """
    known = {(row.dataset, row.recipe, row.epsilon): row for row in summary}
    keys = list(dict.fromkeys([*known, *pending]))
    groups = list(dict.fromkeys((dataset, recipe) for dataset, recipe, _ in keys))
    datasets = [dataset for dataset, _ in groups]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("\nclassifier")
    for kind in ("test images", "negatives"):
        table.add_column(f"{kind}\n% [95 %]", justify="right", no_wrap=True)
        table.add_column("\npaper", no_wrap=True, min_width=5)
    for dataset, recipe in groups:
        several = f", {recipe}" if datasets.count(dataset) > 1 else ""
        table.add_row(Text(dataset_name(dataset) + several, style="bold"))
        for epsilon in sorted(epsilon for *group, epsilon in keys if tuple(group) == (dataset, recipe)):
            table.add_row(short_classifier_name(epsilon), *_live_cells(known.get((dataset, recipe, epsilon))))
    return table


def _live_cells(row: "SummaryRow | None") -> list[Text]:
    if row is None:
        return [Text("…", style="dim")] * 4
    cells = []
    for compared in row.comparisons.values():
        cells.append(Text(measured(compared.accuracy, compared.low, compared.high, decimals=1)))
        verdict = "" if compared.verdict == "undecided" else f" {compared.verdict.removeprefix('ours ')}"
        known = compared.paper_accuracy is not None
        text = f"{percent(compared.paper_accuracy):>5}{verdict}" if known else MISSING
        cells.append(Text(text, style=_COLORS[compared.verdict]))
    return cells


def _flat(row: "SummaryRow") -> dict[str, Any]:
    """The row's numbers, those within "test" and "negative" as test_accuracy and so on."""
    flat: dict[str, Any] = {}
    for name, value in vars(row).items():
        if name in row.comparisons:
            flat |= {f"{name}_{key}": number for key, number in vars(value).items()}
        elif name == "attack_accuracies":
            flat |= {f"{attack}_accuracy": number for attack, number in value.items()}
        else:
            flat[name] = value
    return flat


def _ours(compared: "PaperComparison") -> str:
    spread = "" if compared.std is None else f" ± {percent(compared.std)}"
    return f"{percent(compared.accuracy)}{spread} {interval(compared.low, compared.high)}"


def _verdict(compared: "PaperComparison") -> str:
    return MISSING if compared.paper_accuracy is None else compared.verdict


def _attacked(attack: str, line: Classifier) -> str:
    return _under(attack, [run.shown_attacks for run in line.runs])


def _plain_attacked(attack: str, line: Classifier) -> str:
    """The plain DNN's accuracy under the attack of the classifier's own epsilon, where that was run."""
    groups = [group for run in line.plain for group in run.attacks if group.epsilon == line.row.attack_epsilon]
    return _under(attack, groups) if groups and line.row.epsilon else MISSING


def _under(attack: str, groups: "Sequence[AttackAccuracies]") -> str:
    """The mean over runs, where all of them have that attack."""
    rates = [group.accuracies.get(attack) for group in groups]
    return MISSING if None in rates else _rate(list(filter(None, rates)))


def _entropy(ends: "Sequence[Destinations]") -> str:
    """Of the predictions, and the most that it can be."""
    return f"{_mean([end.entropy_bits for end in ends])} of {math.log2(len(ends[0].shares)):.2f}"


def _most_frequent(shares: Sequence[Sequence[float]]) -> str:
    """Each run's most frequent class, once where all agree, and what share of the predictions it gets."""
    classes = [share.index(max(share)) for share in shares]
    several = f"classes {', '.join(map(str, classes))} (by seed)"
    name = several if len(set(classes)) > 1 else f"class {classes[0]}"
    return f"{name}: {_mean([100 * max(share) for share in shares], 1)} %"


def _rate(rates: "Sequence[TrackedRate]") -> str:
    """One run's accuracy with its interval, or the mean of several with their spread."""
    mean = _mean([100 * rate.accuracy for rate in rates])
    return mean if len(rates) > 1 else f"{mean} {interval(rates[0].low, rates[0].high)}"


def _mean(values: Sequence[float], decimals: int = 2) -> str:
    spread = f" ± {stdev(values):.{decimals}f}" if len(values) > 1 else ""
    return f"{fmean(values):.{decimals}f}{spread}"
