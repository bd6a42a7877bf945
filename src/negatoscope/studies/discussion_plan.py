"""What the experiments on the paper's discussion train and measure, as data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Literal

from negatoscope.documents import expect_choices, read_settings
from negatoscope.errors import RecipeError, expect
from negatoscope.reports.formatting import joined
from negatoscope.reproduce.checks import expect_known, expect_no_repetition
from negatoscope.reproduce.runs import RunSpec
from negatoscope.stores import AnyPath
from negatoscope.studies.experiments import EXPERIMENTS
from negatoscope.studies.sensitivity_plan import Changes, changed_recipe, expect_distinct
from negatoscope.training.recipe import Recipe, named_recipe
from negatoscope.transforms import describe_transform

_PACKAGED = Path(__file__).with_name("discussion.toml")

Network = Literal["paper", "resnet", "vit"]
RandAugment = Literal["none", "without the negative", "with the negative"]


@dataclass(frozen=True)
class Variant:
    """One way to train.

    Args:
        name: In tables and figures.
        experiments: Of which it is a part.
        changes: The name of what it changes in the recipe; "" for nothing.
        network: The paper's, or a small one of today.
        rand_augment: Whether training images go through RandAugment, and whether the negative is an operation of it.
        negatives: How many training images are also shown as their negatives, at least 0, or "all".
        classes: The share of classes whose images are, in (0, 1].
        fine_tuned: Whether it starts from the plain network of its seed.
        clean: Of what a fine-tuned one is shown, the share that is clean, in [0, 1).
        transforms: Whether it is measured under all transforms of its dataset, and not only on negatives.
        noise: Whether also under noise of the same size.
        seeds: How many seeds it gets at most, at least 1; None sets no bound.

    Raises:
        RecipeError: A value is impossible.
    """

    name: str
    experiments: tuple[str, ...]
    changes: str = ""
    network: Network = "paper"
    rand_augment: RandAugment = "none"
    negatives: int | Literal["all"] = 0
    classes: float = 1.0
    fine_tuned: bool = False
    clean: float = 0.0
    transforms: bool = False
    noise: bool = False
    seeds: int | None = None

    def __post_init__(self) -> None:
        expect_choices(self, RecipeError)
        count = self.negatives
        expect(count == "all" or count >= 0, f"negatives of at least 0 in {self.name!r}", count, RecipeError)
        expect(self.seeds is None or self.seeds >= 1, f"seeds of at least 1 in {self.name!r}", self.seeds, RecipeError)
        expect(0 < self.classes <= 1, f"classes above 0, up to 1, in {self.name!r}", self.classes, RecipeError)
        expect(0 <= self.clean < 1, f"clean in [0, 1) in {self.name!r}", self.clean, RecipeError)
        expect(self.fine_tuned or not self.clean, f"clean in {self.name!r} beside fine_tuned", self.clean, RecipeError)
        shown = bool(count) or not self.fine_tuned
        expect(shown, f"negatives in {self.name!r}, which is fine-tuned", "none", RecipeError)

    @property
    def digest(self) -> str:
        """Eight hex digits that differ when anything differs that decides a run's numbers, beside its recipe."""
        others = ("name", "experiments", "seeds", "changes")
        decisive = {key: value for key, value in asdict(self).items() if key not in others}
        return sha256(repr(decisive).encode()).hexdigest()[:8]

    @property
    def is_plain(self) -> bool:
        """Whether it is the paper's network, trained on images alone by the recipe as it is."""
        other = self.changes or self.fine_tuned or self.negatives or self.network != "paper"
        return not other and self.rand_augment == "none"


@dataclass(frozen=True)
class DiscussionPlan:
    """All that is trained.

    Args:
        recipe: The name of the recipe.
        datasets: Those that are trained on where none is named.
        variants: In the order in which they are run.
        transforms: Of each dataset, what test images are measured under beside the negative.
        changes: What variants change in the recipe, by name.
        data: Of a dataset, the spec of images that stand in for the recipe's.

    Raises:
        RecipeError: Two variants have one name, none or several are plain, what one names is not there, or the plain
            one has fewer seeds than one that starts from it.
    """

    recipe: str
    datasets: tuple[str, ...]
    variants: tuple[Variant, ...]
    transforms: Mapping[str, tuple[str, ...]]
    changes: Mapping[str, Changes] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        expect_distinct("variants", [each.name for each in self.variants])
        plain = [each.name for each in self.variants if each.is_plain]
        got = f"{joined(plain)}, alike in what is trained; leave one" if plain else "none"
        expect(len(plain) == 1, "one plain variant in the plan", got, RecipeError)
        for each in self.variants:
            where = f"of the variant {each.name!r}"
            known = not each.changes or each.changes in self.changes
            expect(known, f"changes {where} among {', '.join(self.changes)}", repr(each.changes), RecipeError)
            for name in each.experiments:
                expect(name in EXPERIMENTS, f"experiments {where} from a to e", repr(name), RecipeError)
        most = self.plain.seeds or math.inf
        for each in self.variants:
            enough = not each.fine_tuned or (each.seeds or math.inf) <= most
            what = f"as many seeds of {self.plain.name!r} as of {each.name!r}, which starts from it"
            expect(enough, what, f"at most {most}", RecipeError)
        for specs in self.transforms.values():
            expect_distinct("transforms", ["negative", *(str(describe_transform(spec).spec) for spec in specs)])

    @property
    def plain(self) -> Variant:
        """What others are compared with, and what fine-tuned ones start from."""
        return next(each for each in self.variants if each.is_plain)

    def recipe_of(self, variant: Variant, dataset: str) -> Recipe:
        """The recipe that a variant trains by.

        Raises:
            RecipeError: It does not fit the dataset, or a change is impossible.
        """
        base = named_recipe(self.recipe, dataset)
        base = replace(base, data=self.data.get(dataset, base.data))
        return changed_recipe(base, self.changes[variant.changes], variant.changes) if variant.changes else base

    def transforms_of(self, variant: Variant, dataset: str) -> tuple[str, ...]:
        """What a variant's networks are measured under, the negative first."""
        return ("negative", *(self.transforms.get(dataset, ()) if variant.transforms else ()))


@dataclass(frozen=True)
class DiscussionRunSpec(RunSpec):
    """A run to be.

    Args:
        variant: What is trained.
        transforms: What test images are measured under, the negative first.
        start: The digest of the recipe of the network that a fine-tuned one starts from.
    """

    variant: Variant = field(default_factory=lambda: Variant("plain", ()))
    transforms: tuple[str, ...] = ("negative",)
    start: str = ""

    @property
    def name(self) -> str:
        """What tells it from others."""
        return f"{self.dataset}, {self.variant.name}, seed {self.seed}"

    @property
    def decisive(self) -> tuple[object, ...]:
        """Variant, transforms, and what it starts from."""
        return self.variant.digest, self.transforms, self.start

    @property
    def place(self) -> tuple[object, ...]:
        """What a run that has ended must share with it to be its result."""
        return self.dataset, self.seed, self.fast, self.recipe.digest, *self.decisive

    @property
    def classifier(self) -> str:
        """Its name in rows."""
        return f"{self.variant.network}(variant={self.variant.name!r})"


def load_plan(path: AnyPath | None = None) -> DiscussionPlan:
    """Read a plan from a TOML file; the packaged one if none is given.

    Raises:
        RecipeError: The file cannot be read or is no plan.
        SpecError: A transform in it is unknown.
    """
    return read_settings(path or _PACKAGED, DiscussionPlan, what="a plan of experiments", error=RecipeError)


def choose_datasets(plan: DiscussionPlan, names: Sequence[str]) -> tuple[str, ...]:
    """The datasets of these names; those of the plan where none is named.

    Raises:
        InputError: The plan has no transforms for one, or one is named twice.
    """
    expect_known("--datasets", names, list(dict.fromkeys([*plan.datasets, *plan.transforms])))
    expect_no_repetition("--datasets", names)
    return tuple(names) or plan.datasets
