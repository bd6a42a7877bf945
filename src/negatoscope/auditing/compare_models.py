"""Several audits side by side: each accuracy of every model, its place, and its difference from the first model's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from negatoscope.auditing.audit_result import AuditResult
from negatoscope.auditing.compare import COUNTED, ComparedAudit, describe_audit, kinds_and_repeats, measure_two
from negatoscope.auditing.families import corrected
from negatoscope.auditing.results import SIGNIFICANT, PlannedKind
from negatoscope.auditing.shared_accuracies import SharedAccuracy, shared_accuracies
from negatoscope.errors import expect, needed
from negatoscope.reports.formatting import joined, percent
from negatoscope.reports.latex import latex_table
from negatoscope.statistics.measured import widened_rate

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

MOST = len(_LETTERS)
"""Audits that are compared at most."""


@dataclass(frozen=True, kw_only=True)
class ModelRate:
    """The accuracy of one model.

    Args:
        n: Images that count, at least 0.
        accuracy: In [0, 1]; None where no image counts.
        low: The lower end of its 95 % interval, in [0, 1].
        high: The upper end, in [0, 1].
        place: At least 1, which is the highest accuracy; equal ones share a place.
        difference: The accuracy less the first model's, in [-1, 1]; None for the first model itself.
        difference_low: The lower end of its 95 % interval, in [-1, 1].
        difference_high: The upper end, in [-1, 1].
        p_value: McNemar's test of the same images, or that of whole objects; Fisher's of two samples; in [0, 1].
        p_holm: `p_value`, corrected by Holm's method over all models and the rates of one kind; in [0, 1].
    """

    n: int
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    place: int | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    p_value: float | None = None
    p_holm: float | None = None

    @property
    def significant(self) -> bool:
        """Whether it differs from the first model's after Holm's correction."""
        return self.p_holm is not None and self.p_holm < SIGNIFICANT


@dataclass(frozen=True, kw_only=True)
class ModelRates:
    """One accuracy of every model, in the order of the audits.

    Args:
        spec: A transform's spec, "clean" or "worst_case".
        kind: The transform's kind, "not_annotated" where the audits differ in it.
        repeats: Another rate that is over bit for bit the same predictions, "" for none: both are counted as one.
        models: A rate for each model.
    """

    spec: str
    kind: PlannedKind
    repeats: str = ""
    models: tuple[ModelRate, ...]


@dataclass(frozen=True, kw_only=True)
class ModelComparison:
    """Several audits side by side; the first is what the others are compared with.

    Args:
        audits: Which they are.
        paired: Whether most images are the same in all, so that predictions are compared image by image.
        rates: Clean accuracy, each transform that all have, and the worst case over those that preserve labels.
        means: Of each model, the mean accuracy, in [0, 1], over the label-preserving transforms that all have, each
            once; empty where there is no such transform.
        not_shared: Transforms that some audits lack.
        verdict: The result in a few sentences.
    """

    schema: Literal[2] = 2
    audits: tuple[ComparedAudit, ...]
    paired: bool
    rates: tuple[ModelRates, ...]
    means: tuple[float, ...] = ()
    not_shared: tuple[str, ...] = ()
    verdict: str = ""

    @property
    def letters(self) -> str:
        """What tables call the audits: A, B, C and so on."""
        return _LETTERS[: len(self.audits)]

    @property
    def order(self) -> list[int]:
        """The audits from the highest mean accuracy; of clean accuracies where there are no means."""
        rates = self.means or [model.accuracy or 0 for model in self.rates[0].models]
        return sorted(range(len(rates)), key=lambda index: -rates[index])

    def __str__(self) -> str:
        from negatoscope.auditing.page_markdown import models_markdown

        return models_markdown(self)

    def _repr_markdown_(self) -> str:
        return str(self)

    def to_pandas(self) -> Any:
        """The rates as a pandas data frame, in [0, 1].

        Raises:
            MissingExtraError: pandas is not installed.
        """
        from negatoscope.auditing.page_csv import compare_lines

        return needed("pandas", extra="pandas", why="to_pandas()").DataFrame(compare_lines(self))

    def to_latex(self) -> str:
        """The table as LaTeX, for the package booktabs."""
        from negatoscope.auditing.page_markdown import table_of_models

        return latex_table(*table_of_models(self))


def compare_models(audits: Sequence[AuditResult]) -> ModelComparison:
    """Compare any number of audits, the first with each of the others, on the images that all of them have.

    Raises:
        InputError: There are fewer than 2 audits, or more than letters to call them by.
        DataError: Rows are gone, damaged or lack images.
    """
    expect(2 <= len(audits) <= MOST, f"2 to {MOST} audits to compare", len(audits))
    paired, compared = shared_accuracies(audits)
    specs = dict.fromkeys(spec for audit in audits for spec in audit.transforms)
    shared = {one.spec for one in compared}
    rates = _correct([_rates(one, paired=paired) for one in compared], compared)
    comparison = ModelComparison(
        audits=tuple(map(describe_audit, audits)),
        paired=paired,
        rates=rates,
        means=_means(rates),
        not_shared=tuple(spec for spec in specs if spec not in shared),
    )
    return replace(comparison, verdict=" ".join(comparison_sentences(comparison)))


def _rates(accuracy: SharedAccuracy, *, paired: bool) -> ModelRates:
    """Each model's accuracy, with its place and its difference from the first one's, uncorrected."""
    correct = [
        widened_rate(one, tracks) if len(one) else None
        for one, tracks in zip(accuracy.correct, accuracy.tracks, strict=True)
    ]
    models = []
    for number, rate in enumerate(correct):
        if rate is None:
            models.append(ModelRate(n=0))
            continue
        place = 1 + sum(other.accuracy > rate.accuracy for other in correct if other)
        model = ModelRate(n=rate.n, accuracy=rate.accuracy, low=rate.low, high=rate.high, place=place)
        if number and correct[0]:
            two = measure_two(accuracy, paired=paired, sides=(0, number))
            model = replace(
                model,
                difference=two.difference,
                difference_low=two.low,
                difference_high=two.high,
                p_value=two.p_value,
            )
        models.append(model)
    return ModelRates(spec=accuracy.spec, kind=accuracy.kind, models=tuple(models))


def _correct(rates: Sequence[ModelRates], compared: Sequence[SharedAccuracy]) -> tuple[ModelRates, ...]:
    """The rates with p-values that are corrected over all models."""
    kinds, repeats = kinds_and_repeats(compared)
    tests = {
        (rate.spec, number): model.p_value
        for rate in rates
        for number, model in enumerate(rate.models)
        if model.p_value is not None
    }
    p_holm = corrected(
        tests,
        kinds={(spec, number): kinds[spec] for spec, number in tests},
        repeats={(spec, number): (repeats[spec], number) for spec, number in tests if spec in repeats},
    )
    return tuple(
        replace(
            rate,
            repeats=repeats.get(rate.spec, ""),
            models=tuple(
                replace(model, p_holm=p_holm.get((rate.spec, number))) for number, model in enumerate(rate.models)
            ),
        )
        for rate in rates
    )


def _means(rates: Sequence[ModelRates]) -> tuple[float, ...]:
    preserving = [
        rate.models
        for rate in rates[1:]
        if (rate.kind, rate.repeats) == ("label_preserving", "")
        and rate.spec != "worst_case"
        and all(model.n for model in rate.models)
    ]
    return tuple(sum(model.accuracy or 0 for model in models) / len(models) for models in zip(*preserving, strict=True))


def comparison_sentences(comparison: ModelComparison) -> Iterator[str]:
    """Which model is the best on average, and in how many accuracies each differs from the first."""
    names = [f"{letter} ({audit.model})" for letter, audit in zip(comparison.letters, comparison.audits, strict=True)]
    clean = [model.accuracy for model in comparison.rates[0].models]
    rates = comparison.means or clean
    listed = joined([f"{names[index]} {percent(rates[index], decimals=1, unit=True)}" for index in comparison.order])
    what = "Mean accuracy under label-preserving transforms" if comparison.means else "Accuracy on clean images"
    yield f"{what}: {listed}."
    counted = [rate for rate in comparison.rates if rate.kind in COUNTED and not rate.repeats]
    for number, name in enumerate(names[1:], start=1):
        models = [rate.models[number] for rate in counted if rate.models[number].difference is not None]
        better = sum(model.significant and (model.difference or 0) > 0 for model in models)
        worse = sum(model.significant and (model.difference or 0) < 0 for model in models)
        counts = [f"{word} in {n}" for word, n in (("better", better), ("worse", worse)) if n]
        if counts:
            yield f"{name} is significantly {' and '.join(counts)} of {len(models)} accuracies, compared with A."
        else:
            yield f"{name} does not differ significantly from A in any of {len(models)} accuracies."
