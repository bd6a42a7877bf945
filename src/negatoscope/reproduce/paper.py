"""What the paper printed, and the recipe that this project fills its gaps with for each dataset."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from negatoscope.errors import RecipeError
from negatoscope.training.recipe import Recipe

EPSILONS = (0.0, 0.05, 0.1, 0.2, 0.5)
"""The rows of Table I; 0 is the plain DNN.

Source: Hosseini and Poovendran 2017, arXiv 1703.06857v1, Table I.
"""

DATASETS = ("mnist", "gtsrb")
"""The columns of Table I."""


@dataclass(frozen=True)
class Printed:
    """Accuracies in [0, 1] that Table I prints for one classifier; None where it has no such classifier."""

    test: float | None
    negative: float | None


@cache
def _table() -> dict[str, dict[float, Printed]]:
    text = files("negatoscope.reproduce").joinpath("expected.toml").read_text(encoding="utf-8")
    return {
        dataset: {row["epsilon"]: Printed(row["test"], row["negative"]) for row in rows}
        for dataset, rows in tomllib.loads(text).items()
    }


def printed(dataset: str, epsilon: float) -> Printed:
    """What Table I says of the classifier trained on `dataset` with `epsilon`.

    Source: Hosseini and Poovendran 2017, arXiv 1703.06857v1, Table I.
    """
    return _table().get(dataset, {}).get(epsilon, Printed(None, None))


def default_recipe(dataset: str) -> Recipe:
    """The recipe of `dataset`; how it was chosen stands in docs/recipes.md.

    Raises:
        RecipeError: There is none; the caller must give one.
    """
    place = files("negatoscope.training").joinpath("recipes", f"{dataset}.toml")
    if not place.is_file():
        raise RecipeError(f"expected a recipe for {dataset}, there is no default; give one with --recipe")
    values = tomllib.loads(place.read_text(encoding="utf-8"))
    return Recipe.from_dict(values, where=f"the recipe of {dataset}")
