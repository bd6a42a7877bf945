"""The words of an audit's reports that page and Markdown share."""

from collections.abc import Sequence

from negatoscope.auditing.compare import Comparison
from negatoscope.auditing.compare_models import ModelRate
from negatoscope.auditing.results import AuditSummary, TransformResult, UnreadableImage
from negatoscope.auditing.verdict import constant_words
from negatoscope.data import LeftOut
from negatoscope.data.dicom import DicomSummary
from negatoscope.reports.formatting import MISSING, counted, interval, joined, percent, points


def notes(summary: AuditSummary) -> list[str]:
    """What a reader must know before believing a number."""
    dataset, sentences = summary.dataset, assumptions(summary)
    if summary.n < dataset.available - summary.unreadable:
        sentences.append(
            f"A stratified sample: {summary.n:,} of {counted(dataset.available, 'image')}, each class in proportion."
        )
    if dataset.prepared:
        sentences.append(
            f"The images were prepared before the audit ({dataset.prepared}); transforms came after that, and the "
            "negative of a prepared image is not the prepared negative."
        )
    if dataset.files and dataset.official is False:
        sentences.append("The data files are not the published ones byte for byte; differences may come from the data.")
    if dataset.objects == 1:
        sentences.append(
            "All images show one object: intervals and p-values count images, and say nothing of other objects."
        )
    elif dataset.objects is not None:
        sentences.append(
            f"The images show {counted(dataset.objects, 'object')}, some several times: intervals and p-values "
            "count whole objects, since images of one object are not independent."
        )
    if summary.clean.unequal:
        sentences.append(_unequal(summary))
    sentences += left_out(dataset.left_out)
    if dataset.dicom is not None:
        sentences += dicom_facts(dataset.dicom)
    if summary.unreadable:
        sentences.append(unreadable_sentence(summary.unreadable, summary.unreadable_named))
    if summary.model.runs_code:
        sentences.append("The model is the user's own code, which this audit ran.")
    if summary.self_check.suggestion:
        sentences.append(f"Self-check: {summary.self_check.suggestion}")
    return sentences


def assumptions(summary: AuditSummary) -> list[str]:
    """What is assumed of data that nobody annotated, and what is not known of them."""
    sentences = []
    if summary.assumed:
        names = joined(list(dict.fromkeys(entry.name for entry in summary.assumed)))
        sentences.append(
            f"Nobody annotated these data. Assumed to preserve every label, since shapes stay in place: {names}. Even "
            "a negative can change a label, for example light on/off, or day/night."
        )
    if summary.not_annotated:
        n = len(summary.not_annotated)
        sentences.append(
            f"{counted(n, 'transform')} {'is' if n == 1 else 'are'} not annotated and shown apart; to say whose label "
            f"{'it keeps' if n == 1 else 'they keep'}, start with: negatoscope annotate DATA{_labels(summary)}"
        )
    return sentences


def _labels(summary: AuditSummary) -> str:
    """The options with which the audit, called from a shell or from Python, found its labels."""
    command = summary.provenance.command
    names = ("labels", "label-columns")
    return "".join(
        f" --{name} {name.upper()}"
        for name in names
        if f" --{name} " in command or f" {name.replace('-', '_')}=" in command
    )


def attack_lines(summary: AuditSummary) -> list[str]:
    """What each attack spent, and what it chose, as sentences."""
    attacks = [entry for entry in summary.transforms if entry.mean_queries is not None]
    return [f"{entry.spec}: {queries(entry)}{chosen(entry)}." for entry in attacks]


def queries(entry: TransformResult) -> str:
    """How many forward passes an attack spent on an image."""
    mean, median = (f"{value or 0:,.1f}".removesuffix(".0") for value in (entry.mean_queries, entry.median_queries))
    return f"{mean} queries an image on average, median {median}"


def chosen(entry: TransformResult) -> str:
    """Settings by which an attack had images misclassified, "" where it does not choose any."""
    return f"; misclassified for example under {joined(list(entry.examples))}" if entry.examples else ""


def preserving_words(summary: AuditSummary) -> str:
    """Over how many transforms mean and worst case are, and whether these are label-preserving by assumption."""
    n, assumed = len(summary.label_preserving), len(summary.assumed)
    again = " (in the mean each distinct one once)" if summary.mean and summary.mean.transforms < n else ""
    if n == assumed:
        return f"{counted(n, 'transform')} assumed to be label-preserving{again}"
    return counted(n, "label-preserving transform") + (f" ({assumed} by assumption)" if assumed else "") + again


def caption(summary: AuditSummary) -> str:
    """What stands beneath a table of all transforms."""
    whose = "McNemar's" if summary.dataset.objects in (None, 1) else "that of whole objects"
    return (
        "Accuracy in percent with 95 % intervals; the change, in points, is against the same images when clean; p is "
        f"{whose}, corrected by Holm's method for the transforms of one kind."
    )


def sums(summary: AuditSummary) -> list[str]:
    """The sentence on mean and worst case, in pieces: each second one is a rate; none where nothing keeps its label."""
    mean, worst = summary.mean, summary.worst_case
    if not mean or not worst:
        return []
    return [
        f"Over {preserving_words(summary)}: mean accuracy ",
        percent(mean.accuracy, decimals=1, unit=True),
        f" {interval(mean.low, mean.high, decimals=1)}; worst case ",
        percent(worst.accuracy, decimals=1, unit=True),
        f" {interval(worst.low, worst.high, decimals=1)}, the share of {worst.n:,} images that are classified "
        "correctly when clean and under every one that preserves their label.",
    ]


def _unequal(summary: AuditSummary) -> str:
    """What accuracy hides where classes are unequal."""
    rates = [f"{percent(summary.clean.balanced_accuracy, decimals=1, unit=True)} clean"]
    negatives = [entry.balanced_accuracy for entry in summary.transforms if entry.spec == "negative" and entry.n]
    rates += [f"{percent(rate, decimals=1, unit=True)} on negatives" for rate in negatives]
    constant = constant_words(summary.clean)
    return f"Classes are unequal: compare with {constant}. Balanced over classes, accuracy is {joined(rates)}."


def left_out(entries: Sequence[LeftOut]) -> list[str]:
    """What has no part in a dataset, as sentences: one for all files, and one for each other kind."""
    files = [entry for entry in entries if entry.noun == "file"]
    kinds = [f"{entry.n:,} {entry.why}{_named(entry, ' (', ')')}" for entry in files]
    n = sum(entry.n for entry in files)
    passed_over = [f"{counted(n, 'file')} skipped: {joined(kinds)}."] if files else []
    others = [entry for entry in entries if entry.noun != "file"]
    return passed_over + [
        f"{entry} {'is' if entry.n == 1 else 'are'} left out{_named(entry, ': ', '')}." for entry in others
    ]


def _named(entry: LeftOut, before: str, after: str) -> str:
    more = [f"{entry.n - 3:,} more"] if entry.n > 3 else []
    return f"{before}{joined([*entry.names[:3], *more])}{after}" if entry.names else ""


def dicom_facts(dicom: DicomSummary) -> list[str]:
    """What the headers of DICOM images say, as sentences."""
    n, sentences = dicom.images, []
    if dicom.files < n:
        sentences.append(f"{counted(n, 'DICOM image')} are frames of {counted(dicom.files, 'file')}.")
    if dicom.monochrome1:
        sentences.append(
            f"{_of(dicom.monochrome1, n)} MONOCHROME1, whose smallest value is white: they are turned, so that in all "
            "images more is brighter."
        )
    if dicom.unwindowed:
        whose = "its" if dicom.unwindowed == 1 else "their"
        sentences.append(
            f"{_of(dicom.unwindowed, n)} without a window of {whose} own: --window decides which values are black and "
            "white, or else all that their files can hold."
        )
    if dicom.burnt_in:
        sentences.append(
            f"{_of(dicom.burnt_in, n)} flagged as having burned-in text, which may identify a person: no pictures "
            "are shown."
        )
    return sentences


def _of(part: int, n: int) -> str:
    return f"{part:,} of {counted(n, 'image')} {'is' if part == 1 else 'are'}"


def unreadable_sentence(n: int, images: Sequence[UnreadableImage]) -> str:
    """How many images could not be read, and the first of them with the reason."""
    named = [f"{image.name} ({image.reason})" if image.name else f'"{image.reason}"' for image in images[:3]]
    more = [f"{n - len(named):,} more"] if n > len(named) else []
    listed = f": {joined([*named, *more])}" if named else ""
    return f"{counted(n, 'image')} could not be read and {'is' if n == 1 else 'are'} left out{listed}."


def change(drop: float | None) -> str:
    """A drop as what happened to the accuracy: a drop of 0.25 is −25.0 points."""
    return MISSING if drop is None else points(-drop)


def change_interval(low: float | None, high: float | None) -> str:
    """The interval of a drop, as that of the change."""
    return MISSING if low is None or high is None else interval(-high, -low, decimals=1, signed=True)


def difference_interval(model: ModelRate) -> str:
    """The interval of how far a model's accuracy is from the first one's."""
    return interval(model.difference_low, model.difference_high, decimals=1, signed=True)


def method_of_comparison(*, paired: bool, several: bool = True) -> str:
    """How the accuracies of two audits, or of several, are compared."""
    images = (
        "are the same, so predictions are compared image by image, with McNemar's test, or that of whole objects where "
        "several images show one"
        if paired
        else f"differ, so these are {'' if several else 'two '}samples, compared by Fisher's test"
    )
    family = "all models and the accuracies" if several else "the accuracies"
    return f"The images {images}; p is corrected by Holm's method over {family} of one kind."


def not_in_both(comparison: Comparison) -> list[str]:
    """What only one of two audits has, as sentences."""
    sides = (("A", comparison.only_a), ("B", comparison.only_b))
    return [f"Only {letter} was audited under {joined(list(specs))}." for letter, specs in sides if specs]
