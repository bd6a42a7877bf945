"""How the default recipes were chosen: on validation accuracy and cost, never on test images or negatives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from negatoscope.documents import read_document, read_settings, write_document
from negatoscope.errors import DataError, RecipeError, expect
from negatoscope.hardware import Hardware
from negatoscope.reproduce.run_data import load_split, split_training
from negatoscope.stores import AnyPath
from negatoscope.studies.locked_file import locked_file
from negatoscope.studies.sensitivity_plan import Changes, expect_distinct
from negatoscope.training.recipe import Recipe
from negatoscope.training.train import train

TOLERANCE = 0.001
"""Validation accuracies closer than this count as equal, and the cheaper recipe is taken."""

FINALISTS = 2
"""How many candidates are trained for every epsilon; the others are trained for the first one only."""


@dataclass(frozen=True)
class Candidates:
    """What is tried for one dataset: the recipes, and the epsilons that they are judged at."""

    epsilons: tuple[float, ...]
    recipes: tuple[Recipe, ...]


@dataclass(frozen=True)
class _CandidatesFile:
    epsilons: tuple[float, ...]
    base: Changes
    candidates: tuple[Changes, ...]

    def __post_init__(self) -> None:
        counts = f"{len(self.epsilons)} and {len(self.candidates)} of them"
        expect(self.candidates and self.epsilons, "epsilons and candidates", counts, RecipeError)
        expect_distinct("candidates", [str({**self.base, **each}.get("name")) for each in self.candidates])


@dataclass(frozen=True)
class SearchRun:
    """One candidate trained at one epsilon, with its accuracy on `validation_n` validation images.

    `images` is how many were trained on, counted anew in each epoch.

    Args:
        recipe: The recipe's name.
        digest: Of all that the recipe decides.
        epsilon: Of adversarial training, in [0, 1]: the largest change of a pixel value; 0 for the plain DNN.
        seed: Decides every random draw; at least 0.
        validation_n: How many validation images, at least 1.
        validation_accuracy: The accuracy on them, in [0, 1].
        images: How many images were trained on, counted anew in each epoch.
        seconds: How long training took, in seconds.
    """

    recipe: str
    digest: str
    epsilon: float
    seed: int
    validation_n: int
    validation_accuracy: float
    images: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class RecipeSearchResult:
    """A search so far: its runs, the candidates, and the name of the chosen one, None while there is none.

    Args:
        epsilons: The epsilons of the search, in [0, 1].
        chosen: The name of the chosen recipe; None while there is none.
        runs: The runs so far.
        recipes: The candidates.
    """

    schema: Literal[2] = 2
    epsilons: tuple[float, ...]
    chosen: str | None
    runs: tuple[SearchRun, ...]
    recipes: tuple[Recipe, ...]


def load_candidates(path: AnyPath) -> Candidates:
    """Read candidates from a TOML file: `epsilons`, a table `base`, and a list `candidates` of changes to it.

    Raises:
        RecipeError: The file cannot be read, names no epsilon or no candidate, or a candidate is impossible or without
            data.
    """
    file = read_settings(path, _CandidatesFile, what="epsilons, base and candidates", error=RecipeError)
    recipes = tuple(Recipe.from_dict({**file.base, **changes}, where=str(path)) for changes in file.candidates)
    for recipe in recipes:
        if not recipe.data:
            raise RecipeError(f"{path}: expected data in base or in each candidate, got {recipe.name!r} without")
    return Candidates(file.epsilons, recipes)


def packaged_candidates(dataset: str) -> Candidates:
    """The candidates that `dataset`'s default recipe was chosen from.

    Raises:
        RecipeError: There are none for it.
    """
    path = Path(__file__).parent / "candidates" / f"{dataset}.toml"
    if not path.is_file():
        raise RecipeError(f"expected --dataset mnist or gtsrb, whose candidates come with the package, got {dataset!r}")
    return load_candidates(path)


def search_recipes(
    candidates: Candidates,
    *,
    out: Path,
    data_dir: Path | None = None,
    hardware: Hardware | None = None,
    seed: int = 0,
    progress: Callable[[str], None] = lambda line: None,
) -> RecipeSearchResult:
    """Train every candidate for the first epsilon and the best few for all; write `out` after each run.

    A run that `out` already holds is not done again.

    Args:
        candidates: What is tried.
        out: The file of the result.
        data_dir: A folder to look for data in first.
        hardware: Where to train; picked by what is there if not given.
        seed: Of all runs.
        progress: Called with a line after each run.

    Raises:
        DataError: `out` is there, but holds no search, or one with another seed.
        OutputError: `out` cannot be written, or another search writes to it.
    """
    with locked_file(out):
        runs: list[SearchRun] = []
        if out.is_file():
            runs += read_document(out, RecipeSearchResult, what="the runs of an earlier search", make="delete it").runs
        for run in runs:
            got = f"those of seed {run.seed}; give another file"
            expect(run.seed == seed, f"runs of seed {seed} in {out}", got, DataError)
        for stage, epsilon in enumerate(candidates.epsilons):
            chosen = candidates.recipes if stage == 0 else finalists(candidates, runs)
            for recipe in chosen:
                if _accuracy(runs, recipe, epsilon) is None:
                    runs.append(_run(recipe, epsilon, seed, data_dir, hardware))
                    progress(f"{recipe.name} at epsilon {epsilon}: {runs[-1].validation_accuracy:.4f}")
                    write_document(out, _result(candidates, runs))
        return _result(candidates, runs)


def finalists(candidates: Candidates, runs: Sequence[SearchRun]) -> list[Recipe]:
    """The candidates with the best validation accuracy at the first epsilon."""
    first = candidates.epsilons[0]
    return sorted(candidates.recipes, key=lambda recipe: -(_accuracy(runs, recipe, first) or 0.0))[:FINALISTS]


def choose(candidates: Candidates, runs: Sequence[SearchRun]) -> str | None:
    """The recipe with the best mean validation accuracy over all epsilons; among equals the cheapest."""
    scores = {}
    for recipe in candidates.recipes:
        accuracies = [_accuracy(runs, recipe, epsilon) for epsilon in candidates.epsilons]
        if None not in accuracies:
            scores[recipe.name] = sum(filter(None, accuracies)) / len(accuracies)
    if not scores:
        return None
    least = max(scores.values()) - TOLERANCE
    close = [recipe for recipe in candidates.recipes if scores.get(recipe.name, 0.0) >= least]
    return min(close, key=lambda recipe: (recipe.epochs, -scores[recipe.name])).name


def _result(candidates: Candidates, runs: Sequence[SearchRun]) -> RecipeSearchResult:
    return RecipeSearchResult(
        epsilons=candidates.epsilons, chosen=choose(candidates, runs), runs=tuple(runs), recipes=candidates.recipes
    )


def _accuracy(runs: Sequence[SearchRun], recipe: Recipe, epsilon: float) -> float | None:
    matching = (run for run in runs if (run.digest, run.epsilon) == (recipe.digest, epsilon))
    return next((run.validation_accuracy for run in matching), None)


def _run(recipe: Recipe, epsilon: float, seed: int, data_dir: Path | None, hardware: Hardware | None) -> SearchRun:
    dataset = load_split(recipe.data, "train", data_dir=data_dir, fast=False)
    training, validation = split_training(dataset, recipe, seed=seed, fast=False)
    trained = train(recipe, training, validation=validation, epsilon=epsilon, seed=seed, hardware=hardware)
    accuracies = [epoch.validation_accuracy for epoch in trained.history]
    return SearchRun(
        recipe=recipe.name,
        digest=recipe.digest,
        epsilon=epsilon,
        seed=seed,
        validation_n=len(validation),
        validation_accuracy=accuracies[-1] if recipe.selection == "last" else max(accuracies),
        images=len(training) * recipe.epochs,
        seconds=round(trained.seconds, 1),
    )
