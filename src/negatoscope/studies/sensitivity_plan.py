"""What a sensitivity study trains: a default recipe, and factors that change it, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from negatoscope.documents import read_settings
from negatoscope.errors import InputError, RecipeError
from negatoscope.reproduce.checks import expect_known
from negatoscope.stores import AnyPath
from negatoscope.training.recipe import Recipe, named_recipe

DEFAULT = "default"
"""The key of a study's default recipe."""

_PACKAGED = Path(__file__).with_name("sensitivity.toml")

Setting = str | bool | int | float
Changes = Mapping[str, Setting | Mapping[str, Setting]]
"""Fields of a recipe, those of its network nested, with their new values."""


@dataclass(frozen=True)
class Level:
    """One value of a factor, or several changes at once.

    Args:
        value: Its name in tables.
        changes: What it changes in the study's default recipe.
        round: The round in which its first seed is run, from 0; None: the study's.
        seeds: How many seeds it gets at most; None sets no bound.
    """

    value: str
    changes: Changes
    round: int | None = None
    seeds: int | None = None


@dataclass(frozen=True)
class Factor:
    """One choice that the paper does not state.

    Args:
        name: Its name in tables.
        default: The name of what the study's default recipe has for it.
        levels: The other values.
    """

    name: str
    default: str
    levels: tuple[Level, ...]

    def key(self, level: Level) -> str:
        """The name of one of its levels within the study."""
        return f"{self.name}: {level.value}"

    def named_keys(self) -> list[tuple[str, str]]:
        """The name in tables and the key of each of its levels, the default's first."""
        return [(self.default, DEFAULT), *((level.value, self.key(level)) for level in self.levels)]


@dataclass(frozen=True)
class StudyRecipe:
    """One recipe of a study, with its key: "default", "optimizer: SGD" or "combination: He and SGD".

    `round` and `seeds` are as in `Level`; `probed` tells whether its networks are probed.
    """

    key: str
    recipe: Recipe
    round: int
    seeds: int | None
    probed: bool


@dataclass(frozen=True)
class Study:
    """Factors around one default, on one dataset at one epsilon.

    Args:
        name: Its name in the plan.
        dataset: The name that Table I has for it.
        epsilon: 0 for plain training.
        equal_accuracies: The validation accuracies, rising, at which recipes are compared along training.
        decisive_accuracy: The one of them that the conclusion is drawn at.
        recipe: The name of the recipe around which it is made.
        changes: What its default changes in that recipe.
        round: The round in which its first seeds are run.
        factors: In the order in which they are run.
        combinations: Recipes that change several things at once.
        family: How many factors p-values are corrected for; None: for all that the study has.

    Raises:
        RecipeError: A recipe is impossible, two levels have one name, or `decisive_accuracy` is not among the others.
    """

    name: str
    dataset: str
    epsilon: float
    equal_accuracies: tuple[float, ...]
    decisive_accuracy: float
    recipe: str = "accurate"
    changes: Changes = field(default_factory=dict)
    round: int = 0
    factors: tuple[Factor, ...] = ()
    combinations: tuple[Level, ...] = ()
    family: int | None = None

    def __post_init__(self) -> None:
        if self.decisive_accuracy not in self.equal_accuracies:
            marks = ", ".join(map(str, self.equal_accuracies))
            raise RecipeError(f"expected decisive_accuracy of {marks}, got {self.decisive_accuracy}")
        expect_distinct(f"levels in {self.name}", [each.key for each in self.recipes])

    @property
    def family_size(self) -> int:
        """How many factors p-values are corrected for."""
        return len(self.factors) if self.family is None else self.family

    @cached_property
    def default_recipe(self) -> Recipe:
        """What every level changes."""
        return changed_recipe(named_recipe(self.recipe, self.dataset), self.changes, f"{self.name}: {DEFAULT}")

    @cached_property
    def recipes(self) -> tuple[StudyRecipe, ...]:
        """Every recipe: the default, each level of each factor, and the combinations."""

        def changed(key: str, level: Level, title: str, *, probed: bool) -> StudyRecipe:
            recipe = changed_recipe(self.default_recipe, level.changes, f"{self.name}: {title}")
            return StudyRecipe(key, recipe, self.round if level.round is None else level.round, level.seeds, probed)

        alone = [(factor, level) for factor in self.factors for level in factor.levels]
        return (
            StudyRecipe(DEFAULT, self.default_recipe, self.round, None, True),
            *(changed(each.key(level), level, f"{each.name}, {level.value}", probed=False) for each, level in alone),
            *(changed(combination_key(level), level, level.value, probed=True) for level in self.combinations),
        )


@dataclass(frozen=True)
class _Plan:
    studies: tuple[Study, ...]

    def __post_init__(self) -> None:
        if not self.studies:
            raise RecipeError("expected at least one study, got none")
        expect_distinct("studies", [study.name for study in self.studies])


def changed_recipe(base: Recipe, changes: Changes, name: str) -> Recipe:
    """A recipe of another name with some of its fields replaced; of its network's, those that are named.

    Raises:
        RecipeError: A change is impossible.
    """
    fields, network = base.to_dict(), changes.get("network", {})
    changed = {**fields["network"], **network} if isinstance(network, Mapping) else network
    return Recipe.from_dict({**fields, **changes, "network": changed, "name": name}, where=name)


def combination_key(level: Level) -> str:
    """The name of a level that changes several things at once, within the study."""
    return f"combination: {level.value}"


def load_studies(path: AnyPath | None = None) -> tuple[Study, ...]:
    """Read a plan from a TOML file, a list of studies; the packaged one if none is given.

    Raises:
        RecipeError: The file cannot be read or is no plan, or a recipe in it is impossible.
    """
    return read_settings(path or _PACKAGED, _Plan, what="a plan of studies", error=RecipeError).studies


def choose_studies(studies: Sequence[Study], *, names: Sequence[str] = (), factors: Sequence[str] = ()) -> list[Study]:
    """The studies of these names with these factors only; all of either where none is named.

    With factors named, combinations are left out, and so is a study that has none of the factors.

    Raises:
        InputError: A name is unknown.
    """
    expect_known("--studies", names, [study.name for study in studies])
    expect_known("--factors", factors, [factor.name for study in studies for factor in study.factors])
    chosen = [study for study in studies if not names or study.name in names]
    if not factors:
        return chosen
    narrowed = [
        replace(study, factors=named, combinations=(), family=study.family_size)
        for study in chosen
        if (named := tuple(factor for factor in study.factors if factor.name in factors))
    ]
    if not narrowed:
        raise InputError(f"expected --factors of {', '.join(names)}, which has none of {', '.join(factors)}")
    return narrowed


def expect_distinct(what: str, names: Sequence[str]) -> None:
    """Check names in a plan.

    Raises:
        RecipeError: One comes twice.
    """
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(f"expected names of {what} without repetition, got {name} twice")
