"""How the default recipes were chosen: on validation accuracy and cost, never on test images or negatives."""

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from negatoscope.data import load_dataset
from negatoscope.data.split import split_validation
from negatoscope.errors import DataError, RecipeError
from negatoscope.files import write_whole
from negatoscope.hardware import Hardware
from negatoscope.training.loop import train
from negatoscope.training.recipe import Recipe
from negatoscope.training.step import derive_seed

TOLERANCE = 0.001
"""Validation accuracies closer than this count as equal, and the cheaper recipe is taken."""

FINALISTS = 2
"""How many candidates are trained for every epsilon; the others are trained for the first one only."""


@dataclass(frozen=True)
class Plan:
    """What is tried for one dataset: the recipes, and the epsilons that they are judged at."""

    epsilons: tuple[float, ...]
    candidates: tuple[Recipe, ...]


def load_plan(path: Path) -> Plan:
    """Read candidates from a TOML file: `epsilons`, a table `base`, and a list `candidates` of changes to it.

    Raises:
        RecipeError: The file cannot be read, names no epsilon or no candidate, or a candidate is impossible or without
            data.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        recipes = [{**values["base"], **each} for each in values["candidates"]]
        epsilons = tuple(map(float, values["epsilons"]))
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise RecipeError(f"expected epsilons, base and candidates in {path}, got another file ({error})") from error
    if not recipes or not epsilons:
        raise RecipeError(f"expected epsilons and candidates in {path}, got {len(epsilons)} and {len(recipes)} of them")
    candidates = tuple(Recipe.from_dict(each, where=str(path)) for each in recipes)
    for recipe in candidates:
        if not recipe.data:
            raise RecipeError(f"{path}: expected data in base or in each candidate, got {recipe.name!r} without")
    return Plan(epsilons, candidates)


def packaged_plan(dataset: str) -> Plan:
    """The candidates that `dataset`'s default recipe was chosen from.

    Raises:
        RecipeError: There are none for it.
    """
    known = files("negatoscope.studies").joinpath("candidates", f"{dataset}.toml")
    if not known.is_file():
        raise RecipeError(f"expected --dataset mnist or gtsrb, whose candidates come with the package, got {dataset!r}")
    with as_file(known) as path:
        return load_plan(path)


def search(
    plan: Plan,
    *,
    out: Path,
    data_dir: Path | None = None,
    hardware: Hardware | None = None,
    seed: int = 0,
    tell: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Train every candidate for the first epsilon and the best few for all; write `out` after each run.

    A run that `out` already holds is not done again.

    Returns:
        The document written: the runs, and the name of the chosen recipe.

    Raises:
        DataError: `out` is there, but holds no runs.
    """
    runs = _read_runs(out) if out.is_file() else []
    for stage, epsilon in enumerate(plan.epsilons):
        chosen = plan.candidates if stage == 0 else finalists(plan.candidates, runs, plan.epsilons[0])
        for recipe in chosen:
            if _accuracy(runs, recipe, epsilon) is None:
                runs.append(_run(recipe, epsilon, seed, data_dir, hardware))
                tell(f"{recipe.name} at epsilon {epsilon}: {runs[-1]['validation_accuracy']:.4f}")
                write_whole(out, _document(plan, runs).encode())
    return dict(json.loads(_document(plan, runs)))


def finalists(candidates: Sequence[Recipe], runs: Sequence[Mapping[str, Any]], epsilon: float) -> list[Recipe]:
    """The candidates with the best validation accuracy at `epsilon`."""
    return sorted(candidates, key=lambda recipe: -(_accuracy(runs, recipe, epsilon) or 0.0))[:FINALISTS]


def choose(plan: Plan, runs: Sequence[Mapping[str, Any]]) -> str | None:
    """The recipe with the best mean validation accuracy over all epsilons; among equals the cheapest."""
    scores = {}
    for recipe in plan.candidates:
        accuracies = [_accuracy(runs, recipe, epsilon) for epsilon in plan.epsilons]
        if None not in accuracies:
            scores[recipe.name] = sum(filter(None, accuracies)) / len(accuracies)
    if not scores:
        return None
    close = [recipe for recipe in plan.candidates if scores.get(recipe.name, 0.0) >= max(scores.values()) - TOLERANCE]
    return min(close, key=lambda recipe: (recipe.epochs, -scores[recipe.name])).name


def _read_runs(file: Path) -> list[dict[str, Any]]:
    try:
        runs = json.loads(file.read_text(encoding="utf-8"))["runs"]
        numbers = ("epsilon", "validation_accuracy")
        return [{**run, "digest": run["digest"], **{name: float(run[name]) for name in numbers}} for run in runs]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"expected the runs of an earlier search in {file}, got a damaged file; delete it") from error


def _accuracy(runs: Sequence[Mapping[str, Any]], recipe: Recipe, epsilon: float) -> float | None:
    for run in runs:
        if run["digest"] == recipe.digest and run["epsilon"] == epsilon:
            return float(run["validation_accuracy"])
    return None


def _run(recipe: Recipe, epsilon: float, seed: int, data_dir: Path | None, hardware: Hardware | None) -> dict[str, Any]:
    dataset = load_dataset(recipe.data, split="train", data_dir=data_dir)
    training, validation = split_validation(
        dataset, method=recipe.split, size=recipe.validation_size, seed=derive_seed(seed, "split")
    )
    trained = train(recipe, training, validation=validation, epsilon=epsilon, seed=seed, hardware=hardware)
    return {
        "recipe": recipe.name,
        "digest": recipe.digest,
        "epsilon": epsilon,
        "seed": seed,
        "validation_n": len(validation),
        "validation_accuracy": trained.history[-1].validation_accuracy,
        "images": len(training) * recipe.epochs,
        "seconds": round(trained.seconds, 1),
    }


def _document(plan: Plan, runs: Sequence[Mapping[str, Any]]) -> str:
    recipes = [recipe.to_dict() for recipe in plan.candidates]
    document = {"schema": 1, "epsilons": plan.epsilons, "chosen": choose(plan, runs), "runs": runs, "recipes": recipes}
    return json.dumps(document, indent=1) + "\n"
