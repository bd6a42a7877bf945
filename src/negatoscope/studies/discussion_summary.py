"""From the runs of the discussion's experiments to what `discussion.json` holds."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeVar

import numpy as np

from negatoscope.provenance import Provenance
from negatoscope.studies.discussion_plan import DiscussionPlan, DiscussionRunSpec, Variant
from negatoscope.studies.discussion_result import (
    Discussion,
    ExperimentCost,
    MeanOverSeeds,
    NetworkResult,
    NoiseResult,
    NumberResult,
    TransferResult,
    UnseenResult,
    VariantGap,
    Way,
)
from negatoscope.studies.discussion_run import DiscussionRun
from negatoscope.studies.sensitivity_result import RunsMadeBy

_Result = TypeVar("_Result")

Planned = Mapping[DiscussionRunSpec, DiscussionRun | None]
"""Every run that is planned, and what came of it."""


def summarize_discussion(
    plan: DiscussionPlan, planned: Planned, *, experiments: Sequence[str], provenance: Provenance
) -> Discussion:
    """What is written to `discussion.json`; a dataset without a plain run is only named as missing.

    Args:
        plan: What there is to run.
        planned: What was asked for, with the runs that are there.
        experiments: Those that were asked for.
        provenance: Of the document.
    """
    made = {spec: run for spec, run in planned.items() if run is not None}
    names = dict.fromkeys(spec.dataset for spec in made if spec.variant.is_plain)
    groups = [_Group(name, plan, {spec: run for spec, run in made.items() if spec.dataset == name}) for name in names]
    by_version = Counter(run.made_by for run in made.values())

    def found(experiment: str, summarize: Callable[[_Group], Iterable[_Result]]) -> tuple[_Result, ...]:
        return tuple(each for group in groups for each in summarize(group)) if experiment in experiments else ()

    return Discussion(
        provenance=provenance,
        fast=any(spec.fast for spec in planned),
        recipe=plan.recipe,
        experiments=tuple(experiments),
        planned_runs=len(planned),
        made_by=tuple(RunsMadeBy(**vars(each), runs=number) for each, number in by_version.most_common()),
        missing=tuple(_gaps(planned)),
        costs=tuple(_costs(made, experiments)),
        chance={group.dataset: 1 / len(group.plain[0].class_names) for group in groups},
        noise=found("a", _noise),
        number=found("b", _number),
        unseen=found("c", _unseen),
        transfer=found("d", _transfer),
        networks=found("e", _networks),
    )


@dataclass(frozen=True)
class _Group:
    """The runs of one dataset."""

    dataset: str
    plan: DiscussionPlan
    made: Mapping[DiscussionRunSpec, DiscussionRun]

    @property
    def plain(self) -> list[DiscussionRun]:
        return self.of(self.plan.plain)

    def of(self, variant: Variant) -> list[DiscussionRun]:
        """A variant's runs, by seed."""
        return [run for spec, run in self.made.items() if spec.variant == variant]

    def variants(self, experiment: str) -> list[tuple[Variant, list[DiscussionRun]]]:
        """Those of an experiment that have been run."""
        chosen = [each for each in self.plan.variants if experiment in each.experiments]
        return [(variant, runs) for variant in chosen if (runs := self.of(variant))]

    def paired(self, runs: Sequence[DiscussionRun]) -> list[tuple[DiscussionRun, DiscussionRun]]:
        """Runs with the plain ones of the same seeds, where these are there."""
        plain = {run.seed: run for run in self.plain}
        return [(run, plain[run.seed]) for run in runs if run.seed in plain]


def _noise(group: _Group) -> Iterable[NoiseResult]:
    runs = group.plain
    for same in zip(*(run.measured for run in runs), strict=True):
        noises = [each.noise.accuracy for each in same if each.noise]
        clipped = [each.clipped_noise.accuracy for each in same if each.clipped_noise]
        if noises and clipped:
            transformed = [each.accuracy.accuracy for each in same]
            yield NoiseResult(
                dataset=group.dataset,
                transform=same[0].transform,
                l2=fmean(each.l2 for each in same),
                clean=_clean(runs),
                transformed=MeanOverSeeds.of(transformed),
                noise=MeanOverSeeds.of(noises),
                clipped_noise=MeanOverSeeds.of(clipped),
                clipped_l2=fmean(each.clipped_l2 or 0.0 for each in same),
                difference=MeanOverSeeds.difference(transformed, noises),
            )


def _number(group: _Group) -> Iterable[NumberResult]:
    for variant, runs in group.variants("b"):
        for way in _ways(variant):
            negatives = runs[0].negatives
            yield NumberResult(group.dataset, way, negatives, _clean(runs), _on_negatives(runs))


def _ways(variant: Variant) -> tuple[Way, ...]:
    """How a variant learns negatives; the plain one is where all ways begin."""
    if variant.is_plain:
        return "from scratch", "fine-tuned on negatives alone", "fine-tuned, half clean"
    if not variant.fine_tuned:
        return ("from scratch",)
    return ("fine-tuned, half clean",) if variant.clean else ("fine-tuned on negatives alone",)


def _unseen(group: _Group) -> Iterable[UnseenResult]:
    for variant, runs in group.variants("c"):
        pairs = [] if variant.is_plain else group.paired(runs)
        for transform in [each.transform for each in runs[0].measured]:
            rates = [(run.under(transform), plain.under(transform)) for run, plain in pairs]
            known = [(after, before) for after, before in rates if after is not None and before is not None]
            if known:
                learned, plain = zip(*known, strict=True)
                yield UnseenResult(
                    dataset=group.dataset,
                    variant=variant.name,
                    transform=transform,
                    plain=MeanOverSeeds.of(plain),
                    learned=MeanOverSeeds.of(learned),
                    difference=MeanOverSeeds.difference(learned, plain),
                )


def _transfer(group: _Group) -> Iterable[TransferResult]:
    for variant, runs in group.variants("d"):
        pairs = [pair for pair in group.paired(runs) if 0 < len(pair[0].classes) < len(pair[0].class_names)]
        if not pairs:
            continue
        alike = (each for each in group.variants("d") if each[0].negatives == "all" and each[0].classes == 1)
        whole = {run.seed: run for each, of in alike if each.fine_tuned == variant.fine_tuned for run in of}
        others = [_on_classes(run, run.classes, others=True) for run, _ in pairs]
        plain = [_on_classes(plain, run.classes, others=True) for run, plain in pairs]
        every = [_on_classes(whole[run.seed], run.classes, others=True) for run, _ in pairs if run.seed in whole]
        yield TransferResult(
            dataset=group.dataset,
            variant=variant.name,
            shown_classes=len(pairs[0][0].classes),
            shown=MeanOverSeeds.of([_on_classes(run, run.classes) for run, _ in pairs]),
            others=MeanOverSeeds.of(others),
            plain_others=MeanOverSeeds.of(plain),
            all_others=MeanOverSeeds.of(every) if every else None,
            gain=MeanOverSeeds.difference(others, plain),
            taken_for_shown=MeanOverSeeds.of([_taken_for_shown(run) for run, _ in pairs]),
        )


def _networks(group: _Group) -> Iterable[NetworkResult]:
    for variant, runs in group.variants("e"):
        yield NetworkResult(group.dataset, variant.name, runs[0].parameters, _clean(runs), _on_negatives(runs))


def _clean(runs: Sequence[DiscussionRun]) -> MeanOverSeeds:
    return MeanOverSeeds.of([run.test.accuracy for run in runs])


def _on_negatives(runs: Sequence[DiscussionRun]) -> MeanOverSeeds:
    return MeanOverSeeds.of([run.negative_test.accuracy for run in runs])


def _on_classes(run: DiscussionRun, classes: Sequence[int], *, others: bool = False) -> float:
    """Accuracy on negatives of test images of some classes, or of the others."""
    counts = np.array(run.destinations.counts)
    chosen = np.isin(np.arange(len(counts)), classes) != others
    return float(counts.diagonal()[chosen].sum() / counts[chosen].sum())


def _taken_for_shown(run: DiscussionRun) -> float:
    """Of the negatives of other classes, the share that is predicted as a class whose negatives were shown."""
    counts = np.array(run.destinations.counts)
    shown = np.isin(np.arange(len(counts)), run.classes)
    return float(counts[~shown][:, shown].sum() / counts[~shown].sum())


def _costs(made: Mapping[DiscussionRunSpec, DiscussionRun], experiments: Sequence[str]) -> Iterable[ExperimentCost]:
    def first(variant: Variant) -> str:
        return next((each for each in experiments if each in variant.experiments), experiments[0])

    for experiment in experiments:
        runs = [run for spec, run in made.items() if first(spec.variant) == experiment]
        yield ExperimentCost(experiment, len(runs), round(sum(run.seconds for run in runs), 1))


def _gaps(planned: Planned) -> Iterable[VariantGap]:
    missing: dict[tuple[str, str], list[int]] = {}
    for spec, run in planned.items():
        if run is None:
            missing.setdefault((spec.dataset, spec.variant.name), []).append(spec.seed)
    return (VariantGap(dataset, variant, tuple(seeds)) for (dataset, variant), seeds in missing.items())
