"""A closer look at what a search found: which settings fail, the smallest changes that do, and pictures of these."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from negatoscope.searching.failing import find_failing
from negatoscope.searching.pictures import FooledImage, draw_cases
from negatoscope.searching.plan import PlannedSpace, SearchPlan
from negatoscope.searching.result import SearchSummary, SpaceSummary
from negatoscope.searching.searched import read_searched
from negatoscope.searching.smallest_images import (
    SMALLEST,
    SmallestFound,
    find_smallest,
    summarize_smallest,
    write_smallest,
)


def examine(
    out: Path, plan: SearchPlan, summary: SearchSummary, *, say: Callable[[str], None]
) -> tuple[SearchSummary, dict[str, list[FooledImage]]]:
    """Look at each space, and write `smallest.parquet`.

    Returns:
        The summary with what fails and the smallest changes, and pictures by the text of the space.

    Raises:
        DataError: The rows cannot be read.
        OutputError: The folder cannot be written or the disk is full.
    """
    spaces: list[SpaceSummary] = []
    smallest: dict[str, SmallestFound] = {}
    cases: dict[str, list[FooledImage]] = {}
    for planned, entry in zip(plan.spaces, summary.spaces, strict=True):
        say(f"smallest changes, in {planned.space.name}")
        space, found, drawn = _examine_space(out, plan, planned, entry)
        spaces.append(space)
        cases[entry.space] = drawn
        if found is not None:
            smallest[entry.space] = found
    write_smallest(out / SMALLEST, smallest)
    return replace(summary, spaces=tuple(spaces)), cases


def _examine_space(
    out: Path, plan: SearchPlan, planned: PlannedSpace, entry: SpaceSummary
) -> tuple[SpaceSummary, SmallestFound | None, list[FooledImage]]:
    classifier, dataset, space = plan.classifier, plan.dataset, planned.space
    searched = read_searched(out, space.text)
    failing = find_failing(classifier, dataset, searched, entry.dimensions, space=space, seed=plan.config.seed)
    smallest = find_smallest(classifier, dataset, space, searched)
    summed = None if smallest is None else summarize_smallest(smallest, searched)
    cases = draw_cases(classifier, dataset, space, searched, smallest)
    return replace(entry, failing=failing, smallest=summed), smallest, cases
