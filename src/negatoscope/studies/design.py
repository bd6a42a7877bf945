"""What a sensitivity study trains: a default recipe, and factors that change it, as data."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from negatoscope.errors import InputError, RecipeError
from negatoscope.training.recipe import Recipe, default_recipe


@dataclass(frozen=True)
class Level:
    """One recipe of a study.

    Args:
        value: How tables call it.
        recipe: All of it.
        round: The round in which its first seed is run, from 0.
        seeds: How many seeds it gets at most; None sets no bound.
    """

    value: str
    recipe: Recipe
    round: int = 0
    seeds: int | None = None


@dataclass(frozen=True)
class Factor:
    """One choice that the paper does not state.

    Args:
        name: How tables call it.
        default: What the study's default recipe has for it.
        levels: The other values.
    """

    name: str
    default: str
    levels: tuple[Level, ...]


@dataclass(frozen=True)
class Study:
    """Factors around one default, on one dataset at one epsilon.

    Args:
        name: How the plan calls it.
        dataset: The name that Table I has for it.
        epsilon: 0 for plain training.
        equal_accuracies: The validation accuracies, rising, at which recipes are compared along training.
        decisive_accuracy: The one of them that the conclusion is drawn at.
        default: What every factor changes.
        factors: In the order in which they are run.
        also: Recipes that change several things at once.
        family: How many factors the plan has for it, also where fewer are chosen: p-values are corrected for them all.
    """

    name: str
    dataset: str
    epsilon: float
    equal_accuracies: tuple[float, ...]
    decisive_accuracy: float
    default: Level
    factors: tuple[Factor, ...]
    also: tuple[Level, ...]
    family: int

    @property
    def levels(self) -> list[tuple[str, Level]]:
        """Every recipe with its factor's name: "" for the default, "also" for what changes several things."""
        found = [("", self.default)]
        found += [(factor.name, level) for factor in self.factors for level in factor.levels]
        return found + [("also", level) for level in self.also]


def load_studies(path: Path | None = None) -> tuple[Study, ...]:
    """Read a plan from a TOML file; the packaged one if none is given.

    Raises:
        RecipeError: The file cannot be read or is no plan, or a recipe in it is impossible.
    """
    if path is None:
        with as_file(files("negatoscope.studies").joinpath("sensitivity.toml")) as packaged:
            return load_studies(packaged)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))["study"]
        studies = tuple(_study(each, where=path.name) for each in values)
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        if isinstance(error, RecipeError):
            raise
        raise RecipeError(f"expected studies of a default and factors in {path}, got another file ({error})") from error
    if not studies:
        raise RecipeError(f"expected at least one study in {path}, got none")
    _expect_distinct("studies", [study.name for study in studies], path)
    for study in studies:
        _expect_distinct(f"levels in {study.name}", [(name, level.value) for name, level in study.levels], path)
        if study.decisive_accuracy not in study.equal_accuracies:
            marks = ", ".join(map(str, study.equal_accuracies))
            raise RecipeError(f"{path}: expected decisive_accuracy of {marks}, got {study.decisive_accuracy}")
    return studies


def _expect_distinct(what: str, names: Sequence[object], path: Path) -> None:
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(f"{path}: expected names of {what} without repetition, got {name} twice")


def choose_studies(studies: Sequence[Study], *, names: Sequence[str] = (), factors: Sequence[str] = ()) -> list[Study]:
    """The studies of these names with these factors only; all of either where none is named.

    With factors named, what changes several things is left out, and so is a study that has none of them.

    Raises:
        InputError: A name is unknown.
    """
    _expect_known("--studies", names, [study.name for study in studies])
    _expect_known("--factors", factors, [factor.name for study in studies for factor in study.factors])
    chosen = [study for study in studies if not names or study.name in names]
    if not factors:
        return chosen
    found = []
    for study in chosen:
        kept = tuple(factor for factor in study.factors if factor.name in factors)
        if kept:
            found.append(_with_factors(study, kept))
    if not found:
        raise InputError(f"expected factors of {', '.join(names)}, which has none of {', '.join(factors)}")
    return found


def _with_factors(study: Study, factors: tuple[Factor, ...]) -> Study:
    shown = {**vars(study), "factors": factors, "also": ()}
    return Study(**shown)


def _expect_known(option: str, names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(dict.fromkeys(known))}"
            raise InputError(f"expected known names in {option}, got {name!r}; {hint}")


def _study(values: Mapping[str, Any], *, where: str) -> Study:
    name, first = str(values["name"]), int(values.get("round", 0))
    base = _changed(default_recipe(values["dataset"]).to_dict(), values.get("changes", {}))

    def level(value: str, changes: Mapping[str, Any], *, within: str = "", entry: Mapping[str, Any]) -> Level:
        title = f"{name}: {f'{within}, ' if within else ''}{value}"
        recipe = Recipe.from_dict({**_changed(base, changes), "name": title}, where=where)
        return Level(value, recipe, int(entry.get("round", first)), entry.get("seeds"))

    factors = []
    for factor in values.get("factor", []):
        changes = [{key: each[key] for key in each if key != "value"} for each in factor["levels"]]
        named = zip(factor["levels"], changes, strict=True)
        levels = [level(each["value"], change, within=factor["name"], entry={}) for each, change in named]
        factors.append(Factor(factor["name"], factor["default"], tuple(levels)))
    return Study(
        name,
        values["dataset"],
        float(values["epsilon"]),
        tuple(map(float, values["equal_accuracies"])),
        float(values["decisive_accuracy"]),
        level("default", {}, entry={}),
        tuple(factors),
        tuple(level(each["value"], each["changes"], entry=each) for each in values.get("also", [])),
        len(factors),
    )


def _changed(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's fields with some replaced; of the network's, those that are named."""
    network = {**base["network"], **changes.get("network", {})}
    return {**base, **changes, "network": network}
