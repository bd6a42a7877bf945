"""What a search would run: its parts that are not there yet, timed on a few queries for one batch of its images."""

import time
from dataclasses import replace
from pathlib import Path

from negatoscope.auditing.dry_run import parts_left, some_images
from negatoscope.auditing.folder import expect_free_for, is_held
from negatoscope.errors import DataError, expect
from negatoscope.executors import LOCAL, Execution
from negatoscope.reports.dry_run import DryRun
from negatoscope.reports.formatting import joined
from negatoscope.rows import estimate_size
from negatoscope.searching.gate import parse_rules
from negatoscope.searching.plan import SearchPlan
from negatoscope.searching.run import SEARCH, search_batch, whole_part

_QUERIES = 10  # of the search that is timed, for each image and space


def dry_run_search(plan: SearchPlan, *, out: Path, execution: Execution = LOCAL) -> DryRun:
    """What `run_search` would do at most, were no image fooled before its budget is spent; nothing is written.

    Raises:
        InputError: What `run_search` would refuse before it searches, or what the classifier gives for one batch.
    """
    parse_rules(plan.config.fail_under)
    expect_free_for(out, plan)
    left = parts_left(out, plan.parts, is_held=is_held(out, plan))
    positions = [position for job in left for position in plan.parts[job.part]]
    labels = plan.dataset.labels[positions]
    searched = sum(int(planned.counts(labels).sum()) for planned in plan.spaces)
    queries, workers = searched * plan.config.budget, execution.count(len(left))
    seconds, basis = 0.0, ""
    if queries:
        pace, timed = _time_queries(plan)
        seconds, basis = queries * pace / workers / SEARCH, f"{timed:,} queries timed here"
    steps = 1 + len(plan.spaces)
    return DryRun(
        title=f"Search of {plan.classifier.name} in {joined([planned.space.name for planned in plan.spaces])}",
        noun="part",
        jobs=len(plan.parts),
        done=len(plan.parts) - len(left),
        images=len(positions),
        passes=queries,
        size_bytes=estimate_size(len(positions) + searched, groups=len(left) * steps),
        seconds=seconds,
        basis=basis,
        workers=workers,
        notes=("at most: an image that is fooled is searched no further",) if queries else (),
    )


def _time_queries(plan: SearchPlan) -> tuple[float, int]:
    """Seconds for a query, and how many were timed, after a search of one image that warms up."""
    few = replace(plan, config=replace(plan.config, budget=min(_QUERIES, plan.config.budget)))
    seconds, queries = 0.0, 0
    for count in (1, plan.audit.batch_size):
        part = whole_part(few, some_images(plan.dataset, count))
        began = time.perf_counter()
        found = [search_batch(few, planned.space, part) for planned in plan.spaces]
        seconds, queries = time.perf_counter() - began, sum(int(each.queries.sum()) for each in found)
    expect(queries, f"images in {plan.dataset.spec}", "none that can be read among those that are timed", DataError)
    return seconds / queries, queries
