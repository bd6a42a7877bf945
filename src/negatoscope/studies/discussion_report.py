"""What the discussion's experiments write, from their runs: also from finished runs alone."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from negatoscope.documents import read_document, write_document
from negatoscope.errors import DataNotFoundError
from negatoscope.files import locked, write_whole
from negatoscope.provenance import record_provenance
from negatoscope.reports.figures import save_figure
from negatoscope.reproduce.runs import finished_runs
from negatoscope.stores import AnyPath
from negatoscope.studies.discussion_figures import draw_experiment
from negatoscope.studies.discussion_jobs import plan_variants
from negatoscope.studies.discussion_page import discussion_page, discussion_sentences, figure_name
from negatoscope.studies.discussion_plan import DiscussionPlan
from negatoscope.studies.discussion_result import Discussion
from negatoscope.studies.discussion_run import DiscussionRun
from negatoscope.studies.discussion_summary import summarize_discussion

KEEPS = ("runs/", "discussion.json")
"""How the names of files begin that experiments go on from."""


def read_discussion(folder: AnyPath) -> Discussion:
    """What `reproduce discussion` wrote to a folder.

    Raises:
        DataError: It is missing, damaged or of an earlier schema.
    """
    return read_document(
        folder / "discussion.json", Discussion, what="the experiments of a discussion", make="make them first"
    )


def report_discussion(
    plan: DiscussionPlan,
    *,
    out: Path,
    experiments: Sequence[str],
    datasets: Sequence[str],
    seeds: int,
    command: str,
) -> Discussion:
    """Write `discussion.json`, its page and its figures anew, from the `runs/*/run.json` of `out` alone.

    What made the runs is the runs' own; data, hardware and what could not be run are those of the earlier
    `discussion.json` in `out`.

    Args:
        plan: What there is to run.
        out: The folder.
        experiments: Those to report.
        datasets: Likewise.
        seeds: How many runs of each variant the plan has at least; `out` may hold more.
        command: Of provenance.

    Raises:
        DataError: A run is damaged, two are the same, or there is no earlier `discussion.json`.
        DataNotFoundError: There is no run of these experiments.
        OutputError: `out` cannot be written, or another run writes to it.
    """
    with locked(out):
        earlier = read_discussion(out)
        known = finished_runs(out, DiscussionRun, lambda run: run.place).values()
        most = max((1 + run.seed for run in known), default=0)
        planned = plan_variants(
            plan, experiments=experiments, datasets=datasets, seeds=max(seeds, most), fast=earlier.fast
        )
        made = {run.place for run in known} & {spec.place for spec in planned}
        if not made:
            where = f"experiments {', '.join(experiments)} in {out / 'runs'}"
            raise DataNotFoundError(f"expected finished runs of {where}, found none; give their --plan")
        seeds = max(seeds, 1 + max(spec.seed for spec in planned if spec.place in made))
        earlier = replace(
            earlier,
            provenance=record_provenance(
                command=command, hardware=earlier.provenance.hardware, data=earlier.provenance.data
            ),
        )
        result = summarize_folder(plan, out, experiments=experiments, seeds=seeds, earlier=earlier, datasets=datasets)
        write_discussion(result, out)
        return result


def summarize_folder(
    plan: DiscussionPlan,
    out: Path,
    *,
    experiments: Sequence[str],
    seeds: int,
    earlier: Discussion,
    datasets: Sequence[str] = (),
) -> Discussion:
    """What the finished runs of a folder say of some experiments.

    Args:
        plan: What there is to run.
        out: The folder.
        experiments: Those to sum up.
        seeds: How many runs of each variant the plan has.
        earlier: Where provenance, and what could not be run, come from.
        datasets: Those to sum up; those of the plan if none is given.

    Raises:
        DataError: A run is damaged, or two are the same.
    """
    known, among = finished_runs(out, DiscussionRun, lambda run: run.place), datasets or plan.datasets
    planned = plan_variants(plan, experiments=experiments, datasets=among, seeds=seeds, fast=earlier.fast)
    made = {spec: known.get(spec.place) for spec in planned}
    result = summarize_discussion(plan, made, experiments=experiments, provenance=earlier.provenance)
    there = {(spec.dataset, spec.variant.name, spec.seed) for spec, run in made.items() if run}
    failed = tuple(each for each in earlier.failed if (each.study, each.recipe, each.seed) not in there)
    skipped = tuple(each for each in earlier.not_run if each.study not in result.datasets)
    return replace(result, failed=failed, not_run=skipped)


def write_discussion(result: Discussion, out: Path) -> None:
    """The document last: its presence means complete."""
    write_whole(out / "discussion.md", discussion_page(result).encode())
    for experiment in result.experiments:
        if discussion_sentences(result, experiment):
            save_figure(draw_experiment(result, experiment), out, figure_name(experiment))
    write_document(out / "discussion.json", result)
