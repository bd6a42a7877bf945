"""What a table says of the paper, in sentences that its numbers make: for reports and the README."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from negatoscope.reports.formatting import counted, joined, percent
from negatoscope.reproduce.paper import dataset_name, short_classifier_name

if TYPE_CHECKING:  # they would load torch
    from negatoscope.reproduce.table1_document import SummaryRow, Table1


def conclusions(result: "Table1") -> list[str]:
    """For each dataset how far accuracy on negatives depends on the recipe, and which rows of the paper came out."""
    sentences = []
    for dataset in dict.fromkeys(row.dataset for row in result.summary):
        rows = [row for row in result.summary if row.dataset == dataset]
        plain = [row for row in rows if row.epsilon == 0]
        printed = [row for row in rows if None not in (row.paper_test_accuracy, row.paper_negative_accuracy)]
        name = dataset_name(dataset)
        sentences += [f"**{name}**: {range_of_plain(plain)}."] if plain else []
        sentences += [f"**{name}**: {_of_rows(printed)}"] if printed else []
    return sentences


def range_of_plain(rows: "Sequence[SummaryRow]") -> str:
    """The lowest and the highest accuracy on negatives among the recipes."""
    low, high = (choose(rows, key=lambda row: row.negative_accuracy) for choose in (min, max))
    tests = sorted(row.test_accuracy for row in rows)
    if low is high:
        return f"the plain DNN classifies {percent(tests[0])} % of test images and {_named(low)} of negatives correctly"
    return (
        f"plain DNNs that classify {percent(tests[0])} to {percent(tests[-1])} % of test images correctly have an "
        f"accuracy from {_named(low)} to {_named(high)} on negatives"
    )


def _of_rows(rows: "Sequence[SummaryRow]") -> str:
    """Which of the paper's rows are reproduced, by which recipes, and which are undecided."""
    by_epsilon: dict[float, list[SummaryRow]] = {}
    for row in sorted(rows, key=lambda row: row.epsilon):
        by_epsilon.setdefault(row.epsilon, []).append(row)
    yes, undecided = [], []
    for epsilon, group in by_epsilon.items():
        recipes = [row.recipe for row in group if row.reproduced]
        if recipes:
            yes.append(f"{short_classifier_name(epsilon)} (by {joined(recipes)})")
        elif any(row.reproduced is None for row in group):
            undecided.append(short_classifier_name(epsilon))
    text = f"of {counted(len(by_epsilon), 'row')} of the paper, {joined(yes) or 'none'} reproduced in both numbers"
    return f"{text}; undecided: {joined(undecided)}." if undecided else f"{text}."


def _named(row: "SummaryRow") -> str:
    return f"{percent(row.negative_accuracy)} % ({row.recipe})"
