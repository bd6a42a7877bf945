"""What a sensitivity study writes, from its runs: also from finished runs alone, without images or training."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from negatoscope.documents import read_document, write_document
from negatoscope.errors import DataNotFoundError
from negatoscope.files import locked, write_whole
from negatoscope.provenance import Provenance, record_provenance
from negatoscope.reports.figures import save_figure
from negatoscope.reproduce.runs import finished_runs
from negatoscope.stores import AnyPath
from negatoscope.studies.sensitivity_figure import draw_sensitivity
from negatoscope.studies.sensitivity_jobs import PlannedRun, plan_runs
from negatoscope.studies.sensitivity_page import sensitivity_page
from negatoscope.studies.sensitivity_plan import Study
from negatoscope.studies.sensitivity_result import SensitivityResult
from negatoscope.studies.sensitivity_run import StudyRun, StudyRunSpec
from negatoscope.studies.sensitivity_summary import summarize_studies

KEEPS = ("runs/", "sensitivity.json")
"""How the names of files begin that a study goes on from."""


def read_sensitivity(folder: AnyPath) -> SensitivityResult:
    """What `reproduce sensitivity` wrote to a folder.

    Raises:
        DataError: It is missing, damaged or of an earlier schema.
    """
    return read_document(
        folder / "sensitivity.json", SensitivityResult, what="a sensitivity study", make="make it first"
    )


def report_sensitivity(studies: Sequence[Study], *, out: Path, seeds: int, command: str) -> SensitivityResult:
    """Write `sensitivity.json`, its page and its figure anew, from the `runs/*/run.json` of `out` alone.

    What made the runs is the runs' own; the data, the hardware and what could not be run are those of the earlier
    `sensitivity.json` in `out`. A run belongs to the plan by its dataset, recipe, epsilon and seed.

    Args:
        studies: What was to be run.
        out: The folder.
        seeds: How many runs of each recipe the plan has at least; `out` may hold more.
        command: Of provenance.

    Raises:
        DataError: A run is damaged, two have the same recipe and seed, or there is no earlier `sensitivity.json`.
        DataNotFoundError: There is no run of these studies.
        OutputError: `out` cannot be written, or another run writes to it.
    """
    with locked(out):
        earlier = read_sensitivity(out)
        kinds = {_place(run.spec)[:-1] for run in plan_runs(studies, seeds=1, fast=earlier.fast)}
        made = [seed for *kind, seed in finished_runs(out, StudyRun, _place) if tuple(kind) in kinds]
        if not made:
            names = ", ".join(study.name for study in studies)
            raise DataNotFoundError(
                f"expected finished runs of {names} in {out / 'runs'}, found none; give their --plan"
            )
        seeds = max(seeds, 1 + max(made))
        result = replace(
            summarize_runs(studies, out, seeds=seeds, earlier=earlier),
            provenance=record_provenance(
                command=command, hardware=earlier.provenance.hardware, data=earlier.provenance.data
            ),
        )
        write_study(result, out)
        return result


def summarize_runs(studies: Sequence[Study], out: Path, *, seeds: int, earlier: SensitivityResult) -> SensitivityResult:
    """What the finished runs of a folder say of some studies.

    Args:
        studies: Those that have a run of their default are summed up, and of the others those that `earlier` names.
        out: The folder.
        seeds: How many runs of each recipe the plan has.
        earlier: Where provenance, and what could not be run, come from.

    Raises:
        DataError: A run is damaged, or two have the same recipe and seed.
    """
    known = finished_runs(out, StudyRun, _place)
    runs = {run: known.get(_place(run.spec)) for run in plan_runs(studies, seeds=seeds, fast=earlier.fast)}
    begun = {run.study for run, made in runs.items() if made} | {*earlier.missing, *(s.name for s in earlier.studies)}
    begun_runs = {run: made for run, made in runs.items() if run.study in begun}
    result = summarize_planned(
        [study for study in studies if study.name in begun],
        begun_runs,
        earlier.provenance,
        fast=earlier.fast,
        jobs=earlier.jobs,
    )
    there = {(run.study, run.key, run.spec.seed) for run, made in runs.items() if made}
    failed = tuple(each for each in earlier.failed if (each.study, each.recipe, each.seed) not in there)
    skipped = tuple(each for each in earlier.not_run if each.study not in {study.name for study in result.studies})
    return replace(result, failed=failed, not_run=skipped)


def _place(run: StudyRunSpec | StudyRun) -> tuple[str, float, str, int]:
    """What a run that has ended must share with one that is planned to be its result."""
    return run.dataset, run.epsilon, run.recipe.digest, run.seed


def summarize_planned(
    studies: Sequence[Study],
    runs: Mapping[PlannedRun, StudyRun | None],
    provenance: Provenance,
    *,
    fast: bool,
    jobs: int,
) -> SensitivityResult:
    """What those of the planned runs that have ended say."""
    finished: dict[str, dict[str, dict[int, StudyRun]]] = {study.name: {} for study in studies}
    for planned, run in runs.items():
        if run is not None:
            finished[planned.study].setdefault(planned.key, {})[planned.spec.seed] = run
    return summarize_studies(studies, finished, provenance=provenance, fast=fast, jobs=jobs, planned_runs=len(runs))


def write_study(result: SensitivityResult, out: Path) -> None:
    """The document last: its presence means complete."""
    if result.studies:
        write_whole(out / "sensitivity.md", sensitivity_page(result).encode())
        save_figure(draw_sensitivity(result), out, "sensitivity")
    write_document(out / "sensitivity.json", result)
