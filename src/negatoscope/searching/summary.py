"""From rows to `search.json`: every number of a search."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from negatoscope.auditing.measure import measure_classes
from negatoscope.auditing.parts import RunTotals
from negatoscope.auditing.results import SelfCheck
from negatoscope.auditing.summary import describe_dataset, describe_model
from negatoscope.provenance import Provenance
from negatoscope.searching.gate import judge
from negatoscope.searching.measure import (
    accuracy_interval,
    measure_curve,
    measure_first_errors,
    over_spaces,
)
from negatoscope.searching.plan import PlannedSpace, SearchPlan
from negatoscope.searching.result import DimensionSummary, SearchSummary, SpaceSummary
from negatoscope.searching.searched import SearchedImages, correct_after, read_searched
from negatoscope.searching.text import verdict_sentence
from negatoscope.searching.transfer import measure_transfer
from negatoscope.searching.universal import find_universal


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a run knows beside its rows.

    Args:
        self_check: How the self-check ended.
        totals: What was read.
        warnings: What a reader must know.
        provenance: Where the result comes from.
    """

    self_check: SelfCheck
    totals: RunTotals
    warnings: tuple[str, ...]
    provenance: Provenance


def summarize(out: Path, plan: SearchPlan, findings: Findings, *, say: Callable[[str], None]) -> SearchSummary:
    """Count everything that `search.json` holds, search one setting for all, and show what was found to other models.

    Raises:
        DataError: The rows cannot be read.
    """
    searched = {planned.space.text: read_searched(out, planned.space.text) for planned in plan.spaces}
    first_errors, tracks = over_spaces(list(searched.values()))
    spaces = tuple(_summarize_space(plan, planned, searched[planned.space.text], say=say) for planned in plan.spaces)
    transfer = []
    for other in plan.transfer:
        for planned in plan.spaces:
            say(f"{other.name} in {planned.space.name}")
            space = planned.space_of(other)
            transfer.append(measure_transfer(other, plan.dataset, space, searched[planned.space.text]))
    universal = [entry.universal for entry in spaces if entry.universal is not None]
    config = plan.config
    summary = SearchSummary(
        model=describe_model(plan.classifier),
        dataset=describe_dataset(plan.audit),
        n=len(first_errors),
        unreadable=findings.totals.unreadable,
        unreadable_named=findings.totals.unreadable_named,
        self_check=findings.self_check,
        strategy=plan.identity.strategy,
        budget=config.budget,
        feedback=config.feedback,
        seed=config.seed,
        clean_accuracy=float(np.mean(first_errors != 1)),
        accuracy_under_attack=accuracy_interval(correct_after(first_errors, config.budget), tracks),
        curve=measure_curve(first_errors, tracks, budget=config.budget),
        universal=min(universal, key=lambda entry: entry.fit_accuracy, default=None),
        transfer=tuple(transfer),
        spaces=spaces,
        warnings=findings.warnings,
        provenance=findings.provenance,
    )
    summary = replace(summary, gate=judge(summary, config.fail_under))
    return replace(summary, verdict=verdict_sentence(summary))


def _summarize_space(
    plan: SearchPlan, planned: PlannedSpace, searched: SearchedImages, *, say: Callable[[str], None]
) -> SpaceSummary:
    space, config = planned.space, plan.config
    say(f"one setting for all, in {space.name}")
    tried = find_universal(plan.classifier, plan.dataset, searched, search=plan.search(space))
    return SpaceSummary(
        space=space.text,
        name=space.name if space.name != space.text else "",
        dimensions=tuple(
            DimensionSummary(
                stage=each.stage,
                name=each.name,
                low=each.low,
                high=each.high,
                identity=each.identity,
                choices=tuple(map(str, each.choices)),
                whole=each.whole,
            )
            for each in space.dimensions
        ),
        preserved=planned.preserved,
        annotated=planned.annotated,
        assumed=planned.assumed,
        n=len(searched),
        queries=int(searched.queries.sum()),
        clean_accuracy=float(searched.clean_correct.mean()),
        accuracy_under_attack=accuracy_interval(searched.correct, searched.tracks),
        curve=measure_curve(searched.first_errors, searched.tracks, budget=config.budget),
        mean=tried.mean,
        settings=tried.settings,
        first_errors=measure_first_errors(searched),
        per_class=measure_classes(searched.labels, searched.correct, plan.dataset.class_names),
        universal=tried.universal,
    )
