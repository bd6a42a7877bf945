"""What the README says of the paper: three sentences and the plain DNN by recipe, from Table I's document alone."""

from collections.abc import Sequence
from textwrap import fill

from negatoscope.reports.formatting import joined
from negatoscope.reproduce.paper import dataset_name
from negatoscope.reproduce.table1_columns import panel_table, plain_classifiers, sections
from negatoscope.reproduce.table1_conclusions import range_of_plain
from negatoscope.reproduce.table1_document import Table1
from negatoscope.studies import claims_of_table1 as claims
from negatoscope.studies.claims_finding import ClaimVerdict, Judgement

_ON_TABLES = """\
The plain DNN by recipe: accuracy in %; in brackets after a single run Wilson's 95 % interval, after a mean ± standard
deviation where 95 % of new runs should land."""


def first_screen(table1: Table1) -> str:
    """Markdown: the sentences, then a table for each dataset, whose lines are those of `table1.md`."""
    parts = [*(fill(sentence, 140, break_on_hyphens=False) for sentence in three_sentences(table1)), _ON_TABLES]
    shown = sections(table1)
    for dataset in dict.fromkeys(row.dataset for row in table1.summary):
        row = plain_classifiers(shown, dataset)[0].row
        n = f"n = {row.test.n:,} test images, negatives of {row.negative.n:,} training images"
        parts += [f"**{dataset_name(dataset)}** ({n})", panel_table(shown, dataset)]
    return "\n\n".join(parts)


def three_sentences(table1: Table1) -> list[str]:
    """What holds, what does not, and under which choice."""
    level, fail, table = (judge(table1).judgements for judge in (claims.random_level, claims.fail, claims.table))
    classes = claims.random_class(table1).judgements
    by_dataset = [
        f"on {dataset_name(dataset)} {range_of_plain(rows)}"
        for dataset in dict.fromkeys(row.dataset for row in table1.summary)
        if (rows := [row for row in table1.summary if row.dataset == dataset and not row.epsilon])
    ]
    undecided = any(each.verdict == "undecided" for each in level)
    is_open = f"; undecided so far with {_who(level, 'undecided')}" if undecided else ""
    return [
        f"**What holds**: the plain DNN misclassifies most negatives of its training images with {_who(fail, 'holds')} "
        f"and is at chance or below on them with {_who(level, 'holds')}.",
        f"**What does not**: it is above chance with {_who(level, 'does not hold')}; its predictions on negatives "
        f"still say something about the label with {_who(classes, 'does not hold')}; both numbers that the paper "
        f"prints of it come out with {_who(table, 'holds')}.",
        f"**Under which choice**: {'; '.join(by_dataset)}{is_open}.",
    ]


def _who(judgements: Sequence[Judgement], verdict: ClaimVerdict) -> str:
    """Which recipes have a verdict, and on which datasets."""
    datasets: dict[str, list[str]] = {}
    for dataset in dict.fromkeys(each.dataset for each in judgements):
        of_dataset = [each for each in judgements if each.dataset == dataset]
        names = [f"`{each.recipe}`" for each in of_dataset if each.verdict == verdict]
        whom = "every recipe" if len(names) == len(of_dataset) > 1 else joined(names)
        if names:
            datasets.setdefault(whom, []).append(dataset_name(dataset))
    return joined([f"{whom} ({joined(names)})" for whom, names in datasets.items()]) or "no recipe"
