"""The report of Table I in Markdown: the paper's table beside ours, and the sentences that its numbers make."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from negatoscope.data import DATASETS
from negatoscope.reports.formatting import counted, joined, percent
from negatoscope.reproduce.paper import dataset_name, short_classifier_name
from negatoscope.reproduce.table1_columns import (
    ACCURACIES,
    DESTINATIONS,
    Table1Section,
    attack_columns,
    comparison_columns,
    has_tracks,
    panel_table,
    plain_classifiers,
    sections,
    table,
)
from negatoscope.reproduce.table1_conclusions import conclusions

if TYPE_CHECKING:  # they would load torch
    from negatoscope.provenance import DataProvenance
    from negatoscope.reproduce.table1_document import SummaryRow, Table1

_INTRODUCTION = """\
Rates are in %. The paper is Hosseini and Poovendran 2017, arXiv 1703.06857v1. A verdict: its number *agrees* with a
recipe if it lies in the 95 % prediction interval of one more run; else *ours* are *higher* or *lower*; *undecided*:
fewer than three runs, or the number lies in an interval wider than 10 points. A row is *reproduced* by a recipe only
where both of its numbers agree."""

_ON_PANEL = """\
Versus chance and versus always naming the most frequent training class: where the mean accuracy on negatives lies, by
its 95 % t interval over runs."""

_ON_ATTACKS = """\
The attack's ε is the classifier's own, or a fixed one for the plain DNN; "DNN" is the plain DNN under the same attack.
Confidence is the mean softmax probability of the predicted class, on training images and on their negatives."""

_ON_DESTINATIONS = """\
Of negatives of training images. Entropy: how evenly predictions spread, and at most can. Information: what a prediction
says about the label. If permuted: the 95 % quantile of the same under permuted labels; one random classifier in twenty
would lie above it too, or more where images are frames of one sign, which it takes for independent."""

_INTERVALS = {
    "wilson": "the Wilson 95 % interval: it covers the draw of images, not another training seed",
    "prediction": "a 95 % prediction interval: where one new run with another seed should land",
}
_RUNS = {
    "wilson": ", after fewer than three runs",
    "prediction": ", after the mean ± standard deviation of three or more",
}
_FINDINGS = {
    "not random": ", more than",
    "random in some runs only": " on average, and not in every run more than",
    "not distinguishable from random": ", no more than",
}


def table1_markdown(result: "Table1") -> str:
    """The report: warnings, the paper's table beside ours, what lies behind it, provenance."""
    parts = ["# Table I, run again: classifiers on negatives", *(f"> **{warning}.**" for warning in warnings(result))]
    if shown := sections(result):
        parts.append(_INTRODUCTION)
        if not result.fast:
            parts += ["## What holds, and under which choice", "\n".join(f"- {line}" for line in conclusions(result))]
        for dataset in dict.fromkeys(row.dataset for row in result.summary):
            lines = plain_classifiers(shown, dataset)
            if len(lines) > 1:
                title = f"## {dataset_name(dataset)}: the plain DNN by recipe"
                parts += [title, panel_table(shown, dataset), _ON_PANEL]
        for section in shown:
            parts += [f"## {section.title}", table(comparison_columns(section), [section]), caption(section)]
        rows = (row for section in shown for row in section.rows)
        attacks = attack_columns(dict.fromkeys(attack for row in rows for attack in row.attack_accuracies))
        parts += ["## More accuracies", table(ACCURACIES, shown)]
        parts += ["## Attacks and confidence", table(attacks, shown), _ON_ATTACKS, sizes(shown)]
        parts += ["## Where predictions on negatives go", table(DESTINATIONS, shown), _ON_DESTINATIONS]
        if findings := [f"- {sentence}" for section in shown for sentence in randomness(section)]:
            parts.append("\n".join(findings))
    parts += ["## Provenance", "\n".join(f"- {line}" for line in provenance(result))]
    return "\n\n".join(parts) + "\n"


def warnings(result: "Table1") -> list[str]:
    """What a reader must know before believing any number: what was not run, and data that is not the paper's."""
    lines = [f"{dataset_name(entry.dataset)}: not run ({_line(entry.reason)})" for entry in result.not_run]
    if result.fast:
        lines.append("A smoke run on a few images: none of its numbers is a result")
    for dataset in dict.fromkeys(row.dataset for row in result.summary):
        name, base = dataset_name(dataset), dataset.partition("(")[0]
        rates = [rate for row in result.summary if row.dataset == dataset for rate in row.comparisons.values()]
        published = base in DATASETS.names() and not base.startswith("folder")
        copies = [entry for entry in result.provenance.data if entry.name == base and not entry.official and published]
        if base == "mnist_sample":
            lines.append(
                f"{name}: only a small sample of MNIST was used, so nothing here can confirm or refute the paper"
            )
            continue
        if not result.fast and all(rate.paper_accuracy is None for rate in rates):
            lines.append(f"{name}: the paper prints no numbers for these, so there is nothing to compare with")
        if copies:
            note = "; ".join(filter(None, dict.fromkeys(map(_note, copies))))
            lines.append(
                f"{name}: an unofficial copy was used{note and f' ({note})'}; differences may come from the data"
            )
    return lines


def caption(section: Table1Section) -> str:
    """What the numbers of a section's main table are: n, seeds, kind of interval, and what guessing would score."""
    rows = section.rows
    seeds = sorted({run.seed for classifier in section.classifiers for run in classifier.runs})
    runs = _span(row.seeds for row in rows)
    parts = [
        f"n = {_span(row.test.n for row in rows)} test images; negatives are those of "
        f"{_span(row.negative.n for row in rows)} training images.",
        f"Runs per classifier: {runs} ({'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}).",
    ]
    kinds = list(dict.fromkeys(row.interval for row in rows))
    parts += [f"In brackets{_RUNS[kind] if len(kinds) > 1 else ''}: {_INTERVALS[kind]}." for kind in kinds]
    if len(kinds) == 1 and any(row.seeds > 1 for row in rows):
        parts.append("Before them: mean ± standard deviation over seeds.")
    if has_tracks(section):
        parts.append(
            "By track: resampled by whole tracks, because the frames of one physical sign are not independent."
        )
    chance, majority = percent(rows[0].chance), percent(rows[0].majority)
    parts.append(f"Chance scores {chance} %, always naming the most frequent training class {majority} %.")
    return " ".join(parts)


def sizes(shown: Sequence[Table1Section]) -> str:
    """On how many images the accuracies outside the main tables were counted."""
    parts = []
    for section in shown:
        run = section.classifiers[0].runs[0]
        under = [f"under {name.upper()}" for name in run.shown_attacks.accuracies]
        names = ["training images", "validation images", "negatives of test images", f"images {under[0]}", *under[1:]]
        rates = [run.train, run.validation, run.negative_test, *run.shown_attacks.accuracies.values()]
        counts = joined([f"{rate.n:,} {name}" for rate, name in zip(rates, names, strict=True)])
        parts.append(f"{section.title} {counts}")
    return f"n: {'; '.join(parts)}."


def randomness(section: Table1Section) -> list[str]:
    """Whether the predictions on negatives are random, a sentence for each finding; none for a smoke run."""
    if section.fast:
        return []
    findings: dict[str, list[SummaryRow]] = {}
    for classifier in section.classifiers:
        ends = [run.destinations for run in classifier.runs]
        above = sum(end.mutual_information_bits > end.mutual_information_null_bits for end in ends)
        finding = "random in some runs only" if above else "not distinguishable from random"
        findings.setdefault("not random" if above == len(ends) else finding, []).append(classifier.row)
    sentences = []
    for finding, rows in findings.items():
        names = joined([short_classifier_name(row.epsilon) for row in rows])
        whom = "every classifier" if len(rows) == len(section.rows) > 1 else names
        bits = [row.mutual_information_bits for row in rows]
        amount = " to ".join(dict.fromkeys(f"{end:.3f}" for end in (min(bits), max(bits))))
        sentences.append(
            f"{section.title}, {whom}: predictions on negatives are **{finding}**: they carry {amount} bits about the "
            f"label{_FINDINGS[finding]} with permuted labels."
        )
    return sentences


def provenance(result: "Table1") -> list[str]:
    """What made the numbers, a line each."""
    facts = result.provenance
    negatives = {run.dataset: f"{run.dataset} {run.recipe.negatives} preparation" for run in result.runs}
    return [
        f"negatoscope {facts.negatoscope}, commit {facts.commit or 'unknown'}, {facts.created}",
        f"command: `{_line(facts.command)}`",
        f"versions: {', '.join(f'{name} {version}' for name, version in facts.versions.items())}",
        f"hardware: {_line(facts.hardware)}",
        *_made_by(result),
        *map(_data_line, facts.data),
        *(["fast: True"] if result.fast else []),
        f"negatives: {', '.join(negatives.values())}",
        f"training: {counted(len(result.runs), 'run')}, {sum(run.seconds for run in result.runs):,.0f} seconds in all",
    ]


def _made_by(result: "Table1") -> list[str]:
    """What made the runs, where they record it."""
    ways = Counter(run.made_by for run in result.runs)
    known = [
        f"{counted(number, 'run')} at commit {way.commit or 'unknown'} with negatoscope {way.negatoscope}, "
        f"torch {way.torch}, {way.hardware}"
        for way, number in ways.items()
        if way
    ]
    earlier = [f"{counted(ways[None], 'run')} of versions that did not record it"] if ways[None] else []
    return [f"made: {joined([*known, *earlier])}"] if known else []


def _data_line(entry: "DataProvenance") -> str:
    sums = ", ".join(f"{name} {digest[:12]}" for name, digest in entry.sha256.items())
    own = entry.note.startswith("images of the user")
    origin = "official" if entry.official else ": ".join(filter(None, ["" if own else "unofficial copy", _note(entry)]))
    return f"data {entry.spec}: {origin}; sha256 {sums or 'unknown'}"


def _note(entry: "DataProvenance") -> str:
    return _line(entry.note).removeprefix("unofficial copy").lstrip(": ").rstrip(".")


def _span(values: Iterable[int]) -> str:
    distinct = set(values)
    low, high = min(distinct), max(distinct)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _line(text: str) -> str:
    return " ".join(text.split())
