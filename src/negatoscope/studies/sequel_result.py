"""`sequel.json`: what random shifts of hue and saturation leave of classifiers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from negatoscope.provenance import Provenance
from negatoscope.searching.pictures import FooledImage
from negatoscope.searching.result import AccuracyAtBudget, AccuracyInterval, FirstErrors
from negatoscope.training.recipe import Recipe

PAPER_MODEL, PAPER_TRIALS, PAPER_ACCURACY = "VGG16 on CIFAR-10, in the paper", 1000, 0.057
"""What the authors attacked, how often they tried for each image, and the accuracy that was left.

Source: Hosseini and Poovendran 2018, arXiv 1804.00499, abstract; trials in its section on the experiments.
"""


@dataclass(frozen=True, kw_only=True)
class ShiftedRates:
    """What the trials leave of some images.

    Args:
        n: Images, at least 1.
        clean: Accuracy before the first trial.
        under_attack: Accuracy after the last one: of all images, those that are correct clean and never misclassified.
        correct: Images that are correct clean, from 0 to `n`.
        attack_success_rate: The share of these that some trial got misclassified, in [0, 1]; None where there are none,
            as are `attack_success_low` and `attack_success_high`.
        attack_success_low: The lower end of its 95 % interval, in [0, 1].
        attack_success_high: The upper end, in [0, 1].
        first_errors: How many queries the first error took; the clean image is the first, so trials are one fewer.
        curve: Accuracy after fewer queries.
    """

    n: int
    clean: AccuracyInterval
    under_attack: AccuracyInterval
    correct: int
    attack_success_rate: float | None
    attack_success_low: float | None
    attack_success_high: float | None
    first_errors: FirstErrors
    curve: tuple[AccuracyAtBudget, ...]


@dataclass(frozen=True, kw_only=True)
class ShiftedClass:
    """What the trials leave of one class.

    Args:
        label: The class's index in the data, from 0.
        name: What it is called.
        n: Its images, at least one.
        clean_accuracy: Before the first trial, in [0, 1].
        accuracy_under_attack: After the last one, in [0, 1].
        attack_success_rate: As in `ShiftedRates`, in [0, 1].
        preserved: Whether it keeps its label under every shift; None where nobody said so.
    """

    label: int
    name: str
    n: int
    clean_accuracy: float
    accuracy_under_attack: float
    attack_success_rate: float | None
    preserved: bool | None


@dataclass(frozen=True, kw_only=True)
class SequelModel:
    """One classifier, searched.

    Args:
        name: What reports call it.
        sha256: Of it.
        recipe: What it was trained by, where this command trained it.
        training_seed: The seed of its training, at least 0, likewise.
        dataset: The images' spec.
        split: Of which split they are.
        trials: Trials for each image at most, at least 1.
        seed: Decides which images those are, and every draw; at least 0.
        images: Over all images, as the authors count.
        preserved: Over those of classes that keep their label under every shift; None where nobody said which do.
        per_class: Class by class.
        cases: A few images that were misclassified soon, of classes that keep their label where that is known.
        warnings: What a reader must know, as that another setting suits the classifier better.
        provenance: Where all this comes from.
    """

    name: str
    sha256: str
    recipe: Recipe | None
    training_seed: int | None
    dataset: str
    split: str
    trials: int
    seed: int
    images: ShiftedRates
    preserved: ShiftedRates | None
    per_class: tuple[ShiftedClass, ...]
    cases: tuple[FooledImage, ...]
    warnings: tuple[str, ...]
    provenance: Provenance

    @property
    def kind(self) -> tuple[str, ...]:
        """What it has in common with those that differ in their training's seed alone."""
        own = self.recipe.digest if self.recipe else self.sha256
        return (
            own,
            self.name if self.recipe is None else self.recipe.name,
            self.dataset,
            f"{self.trials} {self.images.n} {self.seed}",
        )


@dataclass(frozen=True, kw_only=True)
class Sequel:
    """`sequel.json`: the classifiers that were searched so far.

    Args:
        models: One after the other.
    """

    schema: Literal[2] = 2
    models: tuple[SequelModel, ...]


@dataclass(frozen=True)
class ModelGroup:
    """Classifiers that differ in their training's seed alone, or one."""

    models: Sequence[SequelModel]

    @property
    def name(self) -> str:
        """What reports call it."""
        first = self.models[0]
        seeds = f", {len(self.models)} seeds" if len(self.models) > 1 else ""
        return f"network of recipe {first.recipe.name}{seeds}" if first.recipe else first.name

    @property
    def cases(self) -> tuple[FooledImage, ...]:
        """Images of the first of them."""
        return self.models[0].cases


def group_models(models: Sequence[SequelModel]) -> list[ModelGroup]:
    """The classifiers, those of one recipe together, in the order of the first of each."""
    kinds = dict.fromkeys(model.kind for model in models)
    return [ModelGroup([model for model in models if model.kind == kind]) for kind in kinds]
