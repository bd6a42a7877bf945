"""The tables of the Markdown report."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from negatoscope.documents import Document
from negatoscope.reports.formatting import MISSING, interval, percent
from negatoscope.reports.markdown import markdown_table
from negatoscope.reproduce.table1_sections import Section, classifier_name
from negatoscope.reproduce.table1_text import has_tracks

_ACCURACIES = ("train", "validation", "negative_test")
_INFORMATION = ("mutual_information_bits", "mutual_information_null_bits")


def comparison_table(section: Section) -> str:
    """Ours beside the paper's: the columns of its Table I that it draws its conclusions from."""
    by_track = has_tracks(section)
    header = ["Classifier", "Test images: ours", "Paper", "Verdict", "Negatives: ours"]
    header += [*(["By track"] if by_track else []), "Paper", "Verdict"]
    lines = []
    for row in section.rows:
        ours, *paper = _comparison(row, "negative")
        tracks = [interval(row["negative_track_low"], row["negative_track_high"])] if by_track else []
        lines.append([classifier_name(row["epsilon"]), *_comparison(row, "test"), ours, *tracks, *paper])
    return markdown_table(header, lines)


def accuracy_table(found: Sequence[Section]) -> str:
    """The other accuracies without an attack."""
    header = ["Dataset", "Classifier", "Training images", "Validation images", "Negatives of test images"]
    lines = [
        [section.title, classifier_name(row["epsilon"]), *(_rate(runs, name) for name in _ACCURACIES)]
        for section in found
        for row, runs in zip(section.rows, section.runs, strict=True)
    ]
    return markdown_table(header, lines)


def attack_table(found: Sequence[Section]) -> str:
    """Accuracy under attack beside the plain DNN's under the same, and how sure the classifiers are."""
    header = [
        "Dataset",
        "Classifier",
        "Attack's ε",
        "FGSM",
        "PGD",
        "DNN: FGSM",
        "DNN: PGD",
        "Confidence",
        "On negatives",
    ]
    lines = []
    for section in found:
        for row, runs in zip(section.rows, section.runs, strict=True):
            epsilon = row["attack_epsilon"]
            attacked = [f"{epsilon:.3g}", _rate(runs, "fgsm"), _rate(runs, "pgd")]
            plain = _attacks_on_plain(section, epsilon) if row["epsilon"] else [MISSING, MISSING]
            sure = [_mean([100 * run["confidence"][name] for run in runs]) for name in ("train", "negative_train")]
            lines.append([section.title, classifier_name(row["epsilon"]), *attacked, *plain, *sure])
    return markdown_table(header, lines)


def destination_table(found: Sequence[Section]) -> str:
    """Which classes negatives are taken for, and what that says about the label."""
    header = ["Dataset", "Classifier", "Entropy, bits", "Information, bits", "If permuted", "Most frequent prediction"]
    lines = []
    for section in found:
        for row, runs in zip(section.rows, section.runs, strict=True):
            ends = [run["destinations"] for run in runs]
            entropy = f"{_mean([end['entropy_bits'] for end in ends])} of {math.log2(len(ends[0]['shares'])):.2f}"
            bits = [_mean([end[name] for end in ends], decimals=3) for name in _INFORMATION]
            lines.append([section.title, classifier_name(row["epsilon"]), entropy, *bits, _favourite(ends)])
    return markdown_table(header, lines)


def _comparison(row: Document, kind: str) -> list[str]:
    paper = row[f"paper_{kind}_accuracy"]
    spread = row[f"{kind}_std"]
    mean = percent(row[f"{kind}_accuracy"]) + ("" if spread is None else f" ± {percent(spread)}")
    verdict = MISSING if paper is None else row[f"verdict_{kind}"]
    return [f"{mean} {interval(row[f'{kind}_low'], row[f'{kind}_high'])}", percent(paper), verdict]


def _attacks_on_plain(section: Section, epsilon: float) -> list[str]:
    """The plain DNN's accuracy under FGSM and PGD of `epsilon`, where the document has it."""
    found = [
        attack
        for row, runs in zip(section.rows, section.runs, strict=True)
        for run in runs
        for attack in run["attacks"]
        if row["epsilon"] == 0 and attack["epsilon"] == epsilon
    ]
    return [_rate(found, name) if found else MISSING for name in ("fgsm", "pgd")]


def _favourite(ends: Sequence[Document]) -> str:
    """Each run's most frequent class, once where all agree, and what share of the predictions it gets."""
    most = [max(end["shares"]) for end in ends]
    classes = [list(end["shares"]).index(share) for end, share in zip(ends, most, strict=True)]
    several = f"classes {', '.join(map(str, classes))} (by seed)"
    name = several if len(set(classes)) > 1 else f"class {classes[0]}"
    return f"{name}: {_mean([100 * share for share in most], decimals=1)} %"


def _rate(runs: Sequence[Document], name: str) -> str:
    """One run's rate with its interval, or the mean of several with their spread."""
    mean = _mean([100 * run[name]["accuracy"] for run in runs])
    return mean if len(runs) > 1 else f"{mean} {interval(runs[0][name]['low'], runs[0][name]['high'])}"


def _mean(values: Sequence[float], *, decimals: int = 2) -> str:
    spread = f" ± {stdev(values):.{decimals}f}" if len(values) > 1 else ""
    return f"{fmean(values):.{decimals}f}{spread}"
