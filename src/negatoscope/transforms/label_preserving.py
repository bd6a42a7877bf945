"""For which classes of a dataset a transform keeps the meaning: data that anyone may read, dispute and override."""

import inspect
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from negatoscope.errors import InputError
from negatoscope.registry import Spec
from negatoscope.transforms import TRANSFORMS

ANY = "any"
"""The table whose rules hold for every dataset, after its own."""


@dataclass(frozen=True)
class Rule:
    """What becomes of the classes under a transform.

    Args:
        transform: Its name.
        where: For each setting named, its value, the values it may have, or the two ends of a range.
        classes: Names of classes, or "all".
        kept: Whether these are kept and the others lost, or the other way round.
        place: Where it stands, as an error says it.
    """

    transform: str
    where: Mapping[str, Any]
    classes: tuple[str, ...] | str
    kept: bool
    place: str

    def holds(self, name: str, settings: Mapping[str, object]) -> bool:
        """Whether it speaks of that transform with those settings."""
        return name == self.transform and all(_within(settings[key], wanted) for key, wanted in self.where.items())

    def apply(self, class_names: Sequence[str]) -> tuple[bool, ...]:
        """For each class, whether its meaning is kept.

        Raises:
            InputError: The rule names a class that is not among them.
        """
        if isinstance(self.classes, str):
            return (self.kept,) * len(class_names)
        unknown = [name for name in self.classes if name not in class_names]
        if unknown:
            raise InputError(f"expected names of classes in {self.place}, got {unknown[0]!r}; correct it")
        return tuple((name in self.classes) == self.kept for name in class_names)


@dataclass(frozen=True)
class Table:
    """The rules for one dataset, and the dataset whose rules come next."""

    rules: tuple[Rule, ...] = ()
    same_as: str = ""


def preserved_classes(
    dataset_spec: str, class_names: Sequence[str], spec: Spec, *, override: Path | None = None
) -> tuple[bool, ...]:
    """For each class, whether a person would still say it of an image that went through a transform.

    The first rule that holds decides: of the dataset in `override`, in the package, then those for any dataset. A class
    of which nothing is said is kept.

    Args:
        dataset_spec: Such as "gtsrb(prepare='paper')"; its rules may stand under the whole text or the name before "(".
        class_names: One for each class.
        spec: The transform, with its arguments.
        override: A TOML file of the same form as the package's `label_preserving.toml`.

    Raises:
        SpecError: `override` names an unknown transform.
        InputError: `override` cannot be read, has another form, or names an unknown class or setting.
    """
    layers = [*([read_rules(override)] if override else []), _package_meaning()]
    settings = _settings(spec)
    for rule in _in_order(layers, dataset_spec):
        if rule.holds(spec.name, settings):
            return rule.apply(class_names)
    return (True,) * len(class_names)


def read_rules(path: Path) -> dict[str, Table]:
    """The tables of a file, by dataset.

    Raises:
        SpecError: It names an unknown transform.
        InputError: It cannot be read or has another form.
    """
    try:
        return _tables(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
    except OSError as error:
        raise InputError(f"expected a TOML file in {path}, but it cannot be read: {error.strerror}") from error
    except InputError:
        raise
    except (ValueError, RecursionError) as error:  # of tomllib and of the decoding
        raise InputError(f"expected TOML in {path}, got a file that is not: {error}") from error


@cache
def _package_meaning() -> dict[str, Table]:
    place = package_files("negatoscope.transforms").joinpath("label_preserving.toml")
    return _tables(tomllib.loads(place.read_text(encoding="utf-8")), "label_preserving.toml")


def _tables(told: dict[str, Any], file: str) -> dict[str, Table]:
    return {name: _table(values, f"[{name}] of {file}") for name, values in told.items()}


def _table(values: Any, place: str) -> Table:
    if not isinstance(values, dict) or not set(values) <= {"rules", "same_as"}:
        raise InputError(
            f"expected rules or same_as in {place}, got {values!r}; see the package's label_preserving.toml"
        )
    rules, same_as = values.get("rules", []), values.get("same_as", "")
    if not isinstance(rules, list) or not isinstance(same_as, str):
        raise InputError(f"expected tables of rules and a name in same_as in {place}, got {values!r}")
    return Table(tuple(_rule(each, f"rule {number} of {place}") for number, each in enumerate(rules, 1)), same_as)


def _rule(values: Any, place: str) -> Rule:
    expected = f"expected transform, where, and either kept or lost in {place}, got {values!r}"
    if not isinstance(values, dict) or not set(values) <= {"transform", "where", "kept", "lost"}:
        raise InputError(expected)
    name, where, kept = values.get("transform"), values.get("where", {}), "kept" in values
    if not isinstance(name, str) or not isinstance(where, dict) or kept == ("lost" in values):
        raise InputError(expected)
    classes = values["kept" if kept else "lost"]
    if classes != "all" and not (isinstance(classes, list) and all(isinstance(each, str) for each in classes)):
        raise InputError(f'expected a list of class names or "all" in {place}, got {classes!r}')
    unknown = sorted(set(where) - set(_settings(Spec(name))))
    if unknown:
        raise InputError(f"expected settings of {name} under where in {place}, got {unknown[0]!r}")
    return Rule(name, where, classes if classes == "all" else tuple(classes), kept, place)


def _settings(spec: Spec) -> dict[str, object]:
    """Every setting of the transform, at its default where the spec does not say; None where there is none."""
    parameters = inspect.signature(TRANSFORMS.get(spec.name)).parameters.values()
    known = [each for each in parameters if each.kind is each.KEYWORD_ONLY]
    defaults = {each.name: None if each.default is each.empty else each.default for each in known}
    return {**defaults, **spec.arguments}


def _in_order(layers: Sequence[Mapping[str, Table]], dataset: str) -> Iterator[Rule]:
    """The rules of a dataset in each layer, those of the one that it is the same as, then those for any."""
    seen = {ANY}
    names = [dataset, dataset.partition("(")[0]]
    while names:
        name = names.pop(0)
        if name in seen:
            continue
        seen.add(name)
        tables = [layer[name] for layer in layers if name in layer]
        for table in tables:
            yield from table.rules
            names.append(table.same_as)
    for layer in layers:
        yield from layer.get(ANY, Table()).rules


def _within(value: object, wanted: Any) -> bool:
    """Whether it is the wanted value, one of them, or between two numbers."""
    if not isinstance(wanted, list):
        return bool(value == wanted)
    ends = [each for each in wanted if isinstance(each, int | float)]
    if len(wanted) == len(ends) == 2 and isinstance(value, int | float):
        return bool(ends[0] <= value <= ends[1])
    return value in wanted
