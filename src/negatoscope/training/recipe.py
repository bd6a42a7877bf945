"""Everything that decides a training run, as data: each choice that the paper leaves open is a setting here."""

import dataclasses
import json
import math
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from negatoscope.data.split import Split
from negatoscope.documents import expect_choices, from_plain, read_settings, read_toml
from negatoscope.errors import InputError, RecipeError, expect, suggest
from negatoscope.models.networks import NetworkSettings
from negatoscope.stores import AnyPath, path_of

Optimizer = Literal["sgd", "adam", "adamw", "adadelta"]
Schedule = Literal["constant", "one_cycle", "cosine"]
Selection = Literal["last", "best_validation"]
Negatives = Literal["after", "before"]
FgsmLabel = Literal["true", "predicted"]

_RECIPES = Path(__file__).parent / "recipes"
_DATASETS = Path(__file__).parent / "datasets.toml"

PLAIN = "sgd"
"""The recipe that runs where none is named."""

PANEL = ("sgd", "adam", "adadelta", "sgd-dropout", "cleverhans", "accurate")
"""The recipes of the whole table, in its order: the plain readings, those of the paper's time, the most accurate."""

_UNUSED = (("negative_share", 0.0), ("rho", 0.9), ("optimizer_epsilon", None))
"""Settings that came later, at the value that does nothing."""

MOST = 1_000_000
"""More epochs, or more images in a batch, are a slip of the pen."""


@dataclass(frozen=True)
class Recipe:
    """One way to train the paper's network.

    Args:
        name: How tables call it.
        data: The spec of the dataset, with all that the paper leaves open about its preparation; "" leaves it to the
            command.
        negatives: Whether a negative is taken "after" the preparation (``1 - images``) or "before" it.
        optimizer: "sgd" uses `momentum` and `nesterov`; the others ignore both.
        learning_rate: The highest step size of the schedule, above 0.
        momentum: In [0, 1).
        nesterov: Whether momentum looks ahead.
        rho: Of "adadelta": how much of its running averages a step keeps, in [0, 1).
        optimizer_epsilon: What "adadelta" adds below its roots, above 0; None is PyTorch's 1e-6.
        weight_decay: At least 0; decoupled only for "adamw".
        schedule: "constant"; "cosine" to 0; "one_cycle": up over `warmup` of the steps, then down to 0, both linear.
        warmup: Share of all steps, in [0, 1).
        epochs: Passes over the training images, up to a million.
        batch_size: Clean images per step, up to a million; adversarial training adds as many adversarial ones.
        label_smoothing: In [0, 1).
        shift: Augmentation: every image moves by up to this many pixels each way, edges repeated. 0 is none.
        negative_share: Augmentation: in each epoch, the share of images that are trained on as their negatives, drawn
            anew, in [0, 1].
        fgsm_label: Whose gradient adversarial training follows: the "true" label's (which costs nothing extra) or the
            "predicted" one's.
        clean_weight: Weight of the clean loss in adversarial training, in [0, 1]; the adversarial loss has the rest.
        split: How validation images are chosen: the "last" ones, at "random", by "track", or "stratified" by class.
        validation_size: Images kept out of training for validation, at least 1.
        selection: Which weights are kept: those of the "last" epoch or of the "best_validation" one.
        network: What the paper does not say about the network.

    Raises:
        RecipeError: A value is impossible.
    """

    name: str
    data: str = ""
    negatives: Negatives = "after"
    optimizer: Optimizer = "sgd"
    learning_rate: float = 0.05
    momentum: float = 0.9
    nesterov: bool = True
    rho: float = 0.9
    optimizer_epsilon: float | None = None
    weight_decay: float = 0.0
    schedule: Schedule = "one_cycle"
    warmup: float = 0.2
    epochs: int = 10
    batch_size: int = 128
    label_smoothing: float = 0.0
    shift: int = 0
    negative_share: float = 0.0
    fgsm_label: FgsmLabel = "true"
    clean_weight: float = 0.5
    split: Split = "random"
    validation_size: int = 5000
    selection: Selection = "last"
    network: NetworkSettings = field(default_factory=NetworkSettings)

    def __post_init__(self) -> None:
        expect_choices(self, RecipeError)
        expect(self.name != "", "name not to be empty", self.name, RecipeError)
        expect(0 < self.learning_rate < math.inf, "learning_rate above 0 and finite", self.learning_rate, RecipeError)
        expect(0 <= self.weight_decay < math.inf, "weight_decay at least 0 and finite", self.weight_decay, RecipeError)
        for name in ("clean_weight", "negative_share"):
            expect(0 <= getattr(self, name) <= 1, f"{name} in [0, 1]", getattr(self, name), RecipeError)
        small = self.optimizer_epsilon
        expect(small is None or 0 < small < math.inf, "optimizer_epsilon above 0 and finite", small, RecipeError)
        for name in ("momentum", "rho", "label_smoothing", "warmup"):
            expect(0 <= getattr(self, name) < 1, f"{name} in [0, 1)", getattr(self, name), RecipeError)
        for name in ("epochs", "batch_size"):
            expect(1 <= getattr(self, name) <= MOST, f"{name} from 1 to {MOST:,}", getattr(self, name), RecipeError)
        expect(self.validation_size >= 1, "validation_size at least 1", self.validation_size, RecipeError)
        expect(0 <= self.shift <= 8, "shift from 0 to 8 pixels", self.shift, RecipeError)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, the network's settings nested."""
        return dataclasses.asdict(self)

    @property
    def digest(self) -> str:
        """Sixteen hex digits that differ when any setting but the name does.

        A setting that recipes did not have at first counts only where it is used: runs from before stay known.
        """
        settings = dict(item for item in self.to_dict().items() if item[0] != "name" and item not in _UNUSED)
        return sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]

    @classmethod
    def from_dict(cls, values: dict[str, Any], *, where: str) -> "Recipe":
        """A recipe from plain data.

        Raises:
            RecipeError: A name is unknown, a type is wrong or a value is impossible; `where` names the file.
        """
        try:
            return from_plain(values, cls)
        except InputError as error:
            raise RecipeError(f"{where}: {error}") from error


def load_recipe(path: str | AnyPath) -> Recipe:
    """Read a recipe from a TOML file: the fields of `Recipe`, the network's in a table `[network]`.

    Raises:
        RecipeError: The file cannot be read, is not TOML or does not hold a possible recipe.
    """
    return read_settings(path_of(path), Recipe, what="a recipe", error=RecipeError)


def recipe_names() -> list[str]:
    """The recipes of this package."""
    return sorted(file.stem for file in _RECIPES.glob("*.toml"))


def recipe_datasets() -> list[str]:
    """The datasets that these recipes can train on."""
    return list(read_toml(_DATASETS, what="the datasets of recipes"))


def named_recipe(name: str, dataset: str) -> Recipe:
    """A recipe of this package as it trains on a dataset. A recipe's file has a table for what one dataset changes.

    Raises:
        RecipeError: There is no such recipe, or it has no epochs for such a dataset.
    """
    expect(name in recipe_names(), "a recipe", f"{name!r:.80}; {suggest(name, recipe_names())}", RecipeError)
    images = read_toml(_DATASETS, what="the datasets of recipes")
    settings = read_toml(_RECIPES / f"{name}.toml", what="a recipe")
    own = {of: settings.pop(of, {}) for of in images}
    values = {**images.get(dataset, {}), **settings, **own.get(dataset, {}), "name": name}
    known = dataset in images and "epochs" in values
    expect(known, f"a dataset that {name} is made for", f"{dataset}; give a file with --recipe", RecipeError)
    return Recipe.from_dict(values, where=name)
