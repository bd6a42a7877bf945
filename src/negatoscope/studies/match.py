"""A search over all unstated choices at once for recipes that reach both of the numbers that the paper prints."""

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from negatoscope.documents import from_plain, read_document, to_plain, write_document
from negatoscope.errors import InputError, OutputError, expect, needed
from negatoscope.executors import LOCAL, Execution
from negatoscope.files import keep, locked, remove_all, remove_leftovers, write_whole
from negatoscope.hardware import Hardware
from negatoscope.provenance import record_provenance
from negatoscope.reports.figures import save_figure
from negatoscope.reports.formatting import counted, percent
from negatoscope.reproduce.paper import DATASETS
from negatoscope.reproduce.run_data import RunData
from negatoscope.reproduce.runs import read_run, run_folder
from negatoscope.stores import AnyPath
from negatoscope.studies.jobs import data_of, failure_of, make_runs
from negatoscope.studies.match_figure import draw_match
from negatoscope.studies.match_page import match_page
from negatoscope.studies.match_result import (
    FOUND_ACCURACY,
    FOUND_NEGATIVES,
    OPENED,
    Importance,
    Match,
    MatchCandidate,
    MatchSearch,
    NearestCandidate,
    OpenedCandidate,
)
from negatoscope.studies.match_trials import LEAST_EPOCHS, SEED, TrialJob, draw_recipe, printed_pair
from negatoscope.studies.sensitivity_jobs import PlannedRun, StudyJob
from negatoscope.studies.sensitivity_report import read_sensitivity
from negatoscope.studies.sensitivity_run import StudyRun, StudyRunSpec
from negatoscope.training.recipe import PLAIN, Recipe, named_recipe

if TYPE_CHECKING:
    from optuna import Study, Trial

KEEPS = ("runs/", "state/", "match.json", *(f"{dataset}.journal" for dataset in DATASETS))
"""How the names of files begin that a search goes on from."""

_DRAWN = 2  # trials for each of several workers that are drawn at once: runs are of 3 to 100 epochs
_FORESTS = 5  # that importances are averaged over


@dataclass(frozen=True)
class MatchRequest:
    """What is searched.

    Args:
        dataset: "mnist" or "gtsrb".
        trials: How many recipes are trained in all, with those of earlier calls.
        most_epochs: The longest run.
        base: What recipes take that the space does not have, data and split above all; by default `sgd`'s, of GTSRB
            validated by track.
        data_dir: A folder to look for data in first.
        execution: Where trials run. One worker trains each trial before the next is drawn; for several, several are
            drawn at once.
        command: Of provenance.

    Raises:
        InputError: The paper prints nothing for `dataset`, or there are no trials.
    """

    dataset: str
    trials: int = 60
    most_epochs: int = 100
    base: Recipe | None = None
    data_dir: Path | None = None
    execution: Execution = LOCAL
    command: str = "negatoscope reproduce match"

    def __post_init__(self) -> None:
        expect(self.dataset in DATASETS, f"--dataset of the paper, {' or '.join(DATASETS)}", repr(self.dataset))
        expect(self.trials >= OPENED, f"--trials of at least {OPENED}", self.trials)
        expect(self.most_epochs > LEAST_EPOCHS, f"most_epochs above {LEAST_EPOCHS}", self.most_epochs)

    @property
    def base_recipe(self) -> Recipe:
        """`base`, or what stands for it where none is given."""
        plain = named_recipe(PLAIN, self.dataset)
        return self.base or (replace(plain, split="track") if self.dataset == "gtsrb" else plain)


def reproduce_match(
    request: MatchRequest,
    *,
    out: Path,
    hardware: Hardware,
    sensitivity: AnyPath | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Match:
    """Search as `search_match` does, and write as `write_match` does, keeping an earlier search on the other dataset.

    Raises:
        InputError: As `search_match` says.
        OutputError: As `search_match` says, or another search writes to `out`.
    """
    with locked(out):
        remove_leftovers([out, *out.glob("runs/*"), *out.glob("state/*")])
        search, data = search_match(request, out=out, hardware=hardware, progress=progress)
        earlier = read_match(out).searches if (out / "match.json").is_file() else ()
        others = tuple(other for other in earlier if other.dataset != request.dataset)
        provenance = record_provenance(
            command=request.command,
            hardware=hardware.description,
            data=[dataset.provenance for dataset in data.datasets],
            packages=["optuna", "sklearn"],
        )
        result = Match(provenance=provenance, searches=(*others, replace(search, provenance=provenance)))
        write_match(result, out, sensitivity=sensitivity)
        return result


def write_match(result: Match, out: Path, *, sensitivity: AnyPath | None = None) -> None:
    """Write the page, the figure and, last, `match.json`.

    Args:
        result: The searches.
        out: The folder.
        sensitivity: What `reproduce sensitivity` wrote, whose effects the page shows beside importances; where it is
            not finished or not there, the page is without.

    Raises:
        DataError: The study in `sensitivity` is damaged.
        OutputError: `out` cannot be written.
    """
    is_there = sensitivity is not None and (sensitivity / "sensitivity.json").is_file()
    study = read_sensitivity(sensitivity) if sensitivity is not None and is_there else None
    write_whole(out / "match.md", match_page(result, study).encode())
    save_figure(draw_match(result), out, "match")
    write_document(out / "match.json", result)


def read_match(folder: Path) -> Match:
    """What `reproduce match` wrote to a folder.

    Raises:
        DataError: It is missing, damaged or of an earlier schema.
    """
    result = read_document(folder / "match.json", Match, what="finished searches", make="run `reproduce match` first")
    searches = (replace(each, provenance=each.provenance or result.provenance) for each in result.searches)
    return replace(result, searches=tuple(searches))


def report_match(out: Path, *, sensitivity: AnyPath | None = None) -> None:
    """Write as `write_match` does, from the `match.json` of `out` alone.

    Raises:
        DataError: It or the study in `sensitivity` is missing or damaged.
        OutputError: `out` cannot be written, or a search writes to it.
    """
    with locked(out):
        write_match(read_match(out), out, sensitivity=sensitivity)


def search_match(
    request: MatchRequest, *, out: Path, hardware: Hardware, progress: Callable[[str], None] = lambda line: None
) -> tuple[MatchSearch, RunData]:
    """Train recipes drawn by Optuna, open test images for the nearest five, and run the nearest with five fresh seeds.

    The search sees validation images and negatives of training images; GTSRB's validation images are of other tracks
    than those that are trained on. It is kept in `out`; stopped, the same call resumes within the run that it was at.

    Raises:
        InputError: As `load_run_data` says.
        MissingExtraError: Optuna is not installed.
        OutputError: `out` cannot be written, or holds a search that was begun with other threads.
    """
    optuna = needed("optuna", extra="match", why="reproduce match")
    base = request.base_recipe
    data = data_of(base, request.data_dir, fast=False)
    out.mkdir(parents=True, exist_ok=True)
    journal = out / f"{request.dataset}.journal"
    study = _open_study(journal)
    _expect_same_threads(study, request, hardware, journal)
    study.sampler = optuna.samplers.TPESampler(
        seed=SEED + len(study.trials),  # a search that resumes draws what it has not drawn before
        multivariate=True,
        constant_liar=True,
        n_startup_trials=20,
    )
    for stopped in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):
        study.tell(stopped.number, state=optuna.trial.TrialState.FAIL)
        study.enqueue_trial(stopped.params)
    while (left := request.trials - len(_candidates(study))) > 0:
        workers = request.execution.count(left)
        trials = {}
        jobs = []
        for _ in range(1 if workers == 1 else min(left, _DRAWN * workers)):
            trial = study.ask()
            recipe = draw_recipe(trial, base, most_epochs=request.most_epochs)
            trials[trial.number] = trial
            folder = out / "state" / recipe.digest
            jobs.append(TrialJob(request.dataset, trial.number, recipe, folder, request.data_dir, hardware))
            progress(f"{jobs[-1]}: {recipe.optimizer}, step {recipe.learning_rate:.2g}, {recipe.epochs} epochs")
        keep(journal)
        jobs.sort(key=lambda job: -job.recipe.epochs)
        for job in make_runs(jobs, execution=request.execution):
            line = _tell(study, trials[job.number], job)
            keep(journal)
            remove_all([job.folder])
            progress(line)
    return _conclude(study, request, data, out=out, hardware=hardware, progress=progress), data


def _expect_same_threads(study: "Study", request: MatchRequest, hardware: Hardware, journal: Path) -> None:
    """Hold a search that goes on to the threads that it was begun with: they may decide last bits on a processor."""
    threads = request.execution.threads if hardware.device.type == "cpu" else None
    if not study.trials:
        study.set_user_attr("threads", threads)
    begun = study.user_attrs.get("threads", threads)  # an earlier version did not write it down
    words = [f"--threads {number}" if number else "no --threads" for number in (begun, threads)]
    own = f"{words[0]} as when the search in {journal} was begun"
    expect(begun == threads, own, f"{words[1]}; give the same, or another --out", OutputError)


def _open_study(journal: Path) -> "Study":
    optuna = needed("optuna", extra="match", why="reproduce match")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(journal)))
    study: Study = optuna.create_study(storage=storage, study_name=journal.stem, load_if_exists=True)
    return study


def kept_candidates(request: MatchRequest, *, out: Path, hardware: Hardware) -> list[MatchCandidate]:
    """Those of earlier calls, the nearest first; nothing is written to `out`.

    Raises:
        MissingExtraError: Optuna is not installed.
        OutputError: `out` holds a search that was begun with other threads.
    """
    journal = out / f"{request.dataset}.journal"
    with TemporaryDirectory() as temporary:  # who opens a journal writes to it
        copied = Path(temporary) / journal.name
        if journal.is_file():
            shutil.copy(journal, copied)
        study = _open_study(copied)
        _expect_same_threads(study, request, hardware, journal)
        return _candidates(study)


def _tell(study: "Study", trial: "Trial", job: TrialJob) -> str:
    """Tell the search how a trial ended; what to say of it."""
    from optuna.trial import TrialState

    end = job.end()
    if end.candidate is None:
        trial.set_user_attr("diverged", end.reason)
        study.tell(trial, state=TrialState.FAIL)
        return f"{job}: it diverged"
    trial.set_user_attr("candidate", to_plain(end.candidate))
    study.tell(trial, end.candidate.distance)
    return f"{job}: {_words(end.candidate)}"


def _candidates(study: "Study") -> list[MatchCandidate]:
    """Those of all trials that ended, the nearest first."""
    kept = [trial.user_attrs["candidate"] for trial in study.trials if "candidate" in trial.user_attrs]
    return sorted((from_plain(values, MatchCandidate) for values in kept), key=lambda candidate: candidate.distance)


def _conclude(
    study: "Study",
    request: MatchRequest,
    data: RunData,
    *,
    out: Path,
    hardware: Hardware,
    progress: Callable[[str], None],
) -> MatchSearch:
    """Measure the nearest on test images, and the first, which validation chose, with fresh seeds."""
    dataset, candidates = request.dataset, _candidates(study)
    nearest, runs = candidates[0], nearest_runs(candidates, request, data, out=out, hardware=hardware)
    missing = [job for _, job in runs if read_run(job.folder, StudyRun) is None]
    progress(f"{counted(len(missing), 'run')} of the nearest, to be measured on test images")
    for job in make_runs(missing, execution=request.execution):
        progress(f"{job}: measured")
    opened = [_opened(candidate, job) for candidate, job in runs]
    fresh = opened[-OPENED:]
    test = fmean(run.test.accuracy for run in fresh)
    negatives = fmean(run.negative_train.accuracy for run in fresh)
    paper_test, paper_negatives = printed_pair(dataset)
    return MatchSearch(
        dataset=dataset,
        epsilon=0.0,
        paper_test_accuracy=paper_test,
        paper_negative_accuracy=paper_negatives,
        trials=len(candidates),
        diverged=sum("diverged" in trial.user_attrs for trial in study.trials),
        candidates=tuple(candidates),
        opened=tuple(opened),
        nearest=NearestCandidate(nearest.validation_accuracy, test, negatives, nearest.recipe),
        found=abs(test - paper_test) <= FOUND_ACCURACY and abs(negatives - paper_negatives) <= FOUND_NEGATIVES,
        importance=_importance(study),
    )


def nearest_runs(
    candidates: Sequence[MatchCandidate], request: MatchRequest, data: RunData, *, out: Path, hardware: Hardware
) -> list[tuple[MatchCandidate, StudyJob]]:
    """What is measured on test images: the nearest candidates, then the first of them with fresh seeds."""
    chosen = [(each, SEED) for each in candidates[:OPENED]] + [(candidates[0], seed) for seed in range(OPENED)]
    runs = []
    for candidate, seed in chosen:
        spec = StudyRunSpec(request.dataset, 0.0, seed, candidate.recipe)
        planned = PlannedRun(request.dataset, f"trial {candidate.trial}", spec)
        folder = run_folder(spec, data, hardware=hardware, out=out, threads=request.execution.threads)
        runs.append((candidate, StudyJob(planned, folder, request.data_dir, hardware, deadline=math.inf)))
    return runs


def _opened(candidate: MatchCandidate, job: StudyJob) -> OpenedCandidate:
    run = read_run(job.folder, StudyRun)
    if run is None:
        raise InputError(f"expected {job} to train again, but {failure_of(job.folder)}")
    return OpenedCandidate(candidate.trial, job.planned.spec.seed, run.test, run.negative_train)


def _importance(study: "Study") -> dict[str, Importance]:
    """By choice, of several forests; what a forest draws by chance is their spread."""
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    fits = [get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed)) for seed in range(_FORESTS)]
    return {
        name: Importance(fmean(fit[name] for fit in fits), stdev(fit[name] for fit in fits))
        for name in sorted(fits[0], key=lambda name: -fmean(fit[name] for fit in fits))
    }


def _words(candidate: MatchCandidate) -> str:
    accuracy, negatives = percent(candidate.validation_accuracy), percent(candidate.negative_accuracy)
    return f"nearest after epoch {candidate.recipe.epochs}: validation {accuracy} %, negatives {negatives} %"
