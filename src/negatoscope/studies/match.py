"""A search over all unstated choices at once for recipes that reach both of the numbers that the paper prints."""

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from negatoscope.documents import from_plain, read_document, to_plain, write_document
from negatoscope.errors import InputError, expect, needed
from negatoscope.files import locked, write_whole
from negatoscope.hardware import Hardware
from negatoscope.provenance import record_provenance
from negatoscope.reports.figures import save_figure
from negatoscope.reports.formatting import percent
from negatoscope.reproduce.paper import DATASETS, printed
from negatoscope.reproduce.run_data import RunData, load_run_data, split_training
from negatoscope.reproduce.runs import read_run, run_folder
from negatoscope.studies.match_figure import draw_match
from negatoscope.studies.match_page import match_page
from negatoscope.studies.match_result import (
    ACCURACY_UNIT,
    FOUND_ACCURACY,
    FOUND_NEGATIVES,
    NEGATIVES_UNIT,
    OPENED,
    Importance,
    Match,
    MatchCandidate,
    MatchSearch,
    NearestCandidate,
    OpenedCandidate,
)
from negatoscope.studies.sensitivity_report import read_sensitivity
from negatoscope.studies.sensitivity_run import StudyRun, StudyRunSpec, make_study_run
from negatoscope.training.loop import Epoch
from negatoscope.training.recipe import PLAIN, Recipe, named_recipe
from negatoscope.training.train import train

if TYPE_CHECKING:
    from optuna import Study, Trial

_STEPS = {"sgd": 0.01, "nesterov": 0.01, "adam": 0.001, "adadelta": 1.0}
"""Optimizers, and the middle of the three decades that their step size is drawn from."""

_LEAST_EPOCHS = 3
_SEED = 2000  # of the searched runs: no table reports it
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
        command: Of provenance.

    Raises:
        InputError: The paper prints nothing for `dataset`, or there are no trials.
    """

    dataset: str
    trials: int = 60
    most_epochs: int = 100
    base: Recipe | None = None
    data_dir: Path | None = None
    command: str = "negatoscope reproduce match"

    def __post_init__(self) -> None:
        expect(self.dataset in DATASETS, f"a dataset of the paper, {' or '.join(DATASETS)}", repr(self.dataset))
        expect(self.trials >= OPENED, f"at least {OPENED} trials", self.trials)
        expect(self.most_epochs > _LEAST_EPOCHS, f"most_epochs above {_LEAST_EPOCHS}", self.most_epochs)


def printed_pair(dataset: str) -> tuple[float, float]:
    """What the paper prints of the plain DNN: accuracy on test images, and on negatives of training images."""
    paper = printed(dataset, 0.0)
    assert paper.test is not None, "the paper has it"
    assert paper.negative is not None, "the paper has it"
    return paper.test, paper.negative


def distance(dataset: str, accuracy: float, negative_accuracy: float) -> float:
    """How far accuracies in [0, 1] lie from the printed pair, in units of 0.15 points and of 2 points on negatives."""
    test, negatives = printed_pair(dataset)
    return math.hypot((accuracy - test) / ACCURACY_UNIT, (negative_accuracy - negatives) / NEGATIVES_UNIT)


_CHOICES: Mapping[str, Sequence[str | float]] = {
    "optimizer": ("sgd", "nesterov", "adam", "adadelta"),
    "momentum": (0.0, 0.5, 0.9, 0.95),
    "batch_size": (32, 64, 128, 256, 512),
    "weight_decay": (0.0, 1e-5, 1e-4, 5e-4),
    "label_smoothing": (0.0, 0.05, 0.1),
}
_NETWORK_CHOICES: Mapping[str, Sequence[str | float]] = {
    "initialization": ("glorot", "he", "pytorch", "small", "truncated_normal"),
    "padding": ("valid", "same"),
    "pool_size": (2, 3),
    "conv_activation": ("relu", "tanh", "linear"),
    "input_scaling": ("unit", "centered", "half"),
    "dropout_pool": (0.0, 0.25, 0.5),
    "dropout_first": (0.0, 0.25, 0.5),
    "dropout_second": (0.0, 0.25, 0.5),
}


def draw_recipe(trial: "Trial", base: Recipe, *, most_epochs: int) -> Recipe:
    """A recipe drawn from the whole space; every epoch of its run is a candidate, so its step size is constant.

    Of the paper's network only what it leaves open is drawn. It names rectified units for the two fully connected
    layers alone, so that convolutions may be linear.
    """

    def draw(choices: Mapping[str, Sequence[str | float]]) -> dict[str, str | float | None]:
        return {name: trial.suggest_categorical(name, values) for name, values in choices.items()}

    drawn, network = draw(_CHOICES), draw(_NETWORK_CHOICES)
    optimizer = str(drawn["optimizer"])
    settings = {
        **base.to_dict(),
        **drawn,
        "name": f"match {trial.number}",
        "optimizer": "sgd" if optimizer == "nesterov" else optimizer,
        "nesterov": optimizer == "nesterov",
        "learning_rate": _STEPS[optimizer] * trial.suggest_float("step", 10**-1.5, 10**1.5, log=True),
        "epochs": trial.suggest_int("epochs", _LEAST_EPOCHS, most_epochs, log=True),
        "rho": 0.95,
        "optimizer_epsilon": 1e-8,
        "network": {**base.to_dict()["network"], **network},
    }
    return Recipe.from_dict(settings, where="match")


def reproduce_match(
    request: MatchRequest,
    *,
    out: Path,
    hardware: Hardware,
    sensitivity: Path | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Match:
    """Search as `search_match` does, and write as `write_match` does, keeping an earlier search on the other dataset.

    Raises:
        InputError: As `search_match` says.
        OutputError: `out` cannot be written, or another search writes to it.
    """
    with locked(out):
        search, data = search_match(request, out=out, hardware=hardware, progress=progress)
        earlier = read_match(out).searches if (out / "match.json").is_file() else ()
        others = tuple(other for other in earlier if other.dataset != request.dataset)
        provenance = record_provenance(
            command=request.command,
            hardware=hardware.description,
            data=[dataset.provenance for dataset in data.datasets],
            packages=["optuna", "sklearn"],
        )
        result = Match(provenance=provenance, searches=(*others, search))
        write_match(result, out, sensitivity=sensitivity)
        return result


def write_match(result: Match, out: Path, *, sensitivity: Path | None = None) -> None:
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
    return read_document(folder / "match.json", Match, what="finished searches", make="run `reproduce match` first")


def search_match(
    request: MatchRequest, *, out: Path, hardware: Hardware, progress: Callable[[str], None] = lambda line: None
) -> tuple[MatchSearch, RunData]:
    """Train recipes drawn by Optuna, open test images for the nearest five, and run the nearest with five fresh seeds.

    The search sees validation images and negatives of training images; GTSRB's validation images are of other tracks
    than those that are trained on. It is kept in `out`; stopped, the same call resumes within the run that it was at.

    Raises:
        InputError: As `load_run_data` says.
        MissingExtraError: Optuna is not installed.
        OutputError: `out` cannot be written.
    """
    optuna = needed("optuna", extra="match", why="reproduce match")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    base = request.base or named_recipe(PLAIN, request.dataset)
    if request.base is None and request.dataset == "gtsrb":
        base = replace(base, split="track")
    data = load_run_data(base, data_dir=request.data_dir)
    out.mkdir(parents=True, exist_ok=True)
    backend = optuna.storages.journal.JournalFileBackend(str(out / f"{request.dataset}.journal"))
    study = optuna.create_study(
        storage=optuna.storages.JournalStorage(backend),
        study_name=request.dataset,
        sampler=optuna.samplers.TPESampler(seed=_SEED, multivariate=True, n_startup_trials=20),
        load_if_exists=True,
    )
    for stopped in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):
        study.tell(stopped.number, state=optuna.trial.TrialState.FAIL)
        study.enqueue_trial(stopped.params)
    while len(_candidates(study)) < request.trials:
        trial = study.ask()
        recipe = draw_recipe(trial, base, most_epochs=request.most_epochs)
        progress(f"trial {trial.number}: {recipe.optimizer}, step {recipe.learning_rate:.2g}, {recipe.epochs} epochs")
        try:
            history = _train(recipe, data, hardware, out / "state")
        except InputError as error:
            shutil.rmtree(out / "state" / recipe.digest, ignore_errors=True)
            trial.set_user_attr("diverged", str(error))
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            continue
        nearest = _nearest_epoch(request.dataset, trial.number, recipe, history)
        trial.set_user_attr("candidate", to_plain(nearest))
        study.tell(trial, nearest.distance)
        progress(f"trial {trial.number}: {_words(nearest)}")
    return _conclude(study, request, data, out=out, hardware=hardware, progress=progress), data


def _train(recipe: Recipe, data: RunData, hardware: Hardware, state: Path) -> Sequence[Epoch]:
    """Accuracies after each epoch; a run that was stopped resumes."""
    training, validation = split_training(data.train, recipe, seed=_SEED, fast=False)
    folder = state / recipe.digest
    trained = train(recipe, training, validation=validation, seed=_SEED, hardware=hardware, folder=folder)
    shutil.rmtree(folder)
    return trained.history


def _nearest_epoch(dataset: str, number: int, recipe: Recipe, history: Sequence[Epoch]) -> MatchCandidate:
    def candidate(epoch: Epoch) -> MatchCandidate:
        accuracies = epoch.validation_accuracy, epoch.negative_accuracy
        return MatchCandidate(number, replace(recipe, epochs=epoch.epoch), *accuracies, distance(dataset, *accuracies))

    return min(map(candidate, history), key=lambda candidate: candidate.distance)


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

    def run(candidate: MatchCandidate, seed: int) -> OpenedCandidate:
        spec = StudyRunSpec(dataset, 0.0, seed, candidate.recipe)
        folder = run_folder(spec, data, hardware=hardware, out=out)
        done = read_run(folder, StudyRun)
        if done is None:
            progress(f"trial {candidate.trial}: {candidate.recipe.epochs} epochs with seed {seed}, to be measured")
            done = make_study_run(spec, data, hardware=hardware, folder=folder, progress=lambda _: None)
        return OpenedCandidate(candidate.trial, seed, done.test, done.negative_train)

    opened = [run(candidate, _SEED) for candidate in candidates[:OPENED]]
    nearest = candidates[0]
    fresh = [run(nearest, seed) for seed in range(OPENED)]
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
        opened=(*opened, *fresh),
        nearest=NearestCandidate(nearest.validation_accuracy, test, negatives, nearest.recipe),
        found=abs(test - paper_test) <= FOUND_ACCURACY and abs(negatives - paper_negatives) <= FOUND_NEGATIVES,
        importance=_importance(study),
    )


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
