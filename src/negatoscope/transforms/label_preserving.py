"""Which classes of a dataset keep their label under a transform: data that anyone may read, dispute and override."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from negatoscope.documents import from_plain, read_toml
from negatoscope.errors import InputError, expect
from negatoscope.registry import Spec
from negatoscope.transforms import TRANSFORMS

ANY = "any"
"""The table whose rules hold for every dataset, after its own."""

Value = bool | int | float | str
Classes = tuple[str, ...] | Literal["all"]


@dataclass(frozen=True)
class PreservationRule:
    """Which classes keep their label under a transform.

    Args:
        transform: Its name.
        where: For each parameter named, its value, the values that it may have, or the two ends of a range.
        preserved: The classes that keep their label, where the others lose it.
        lost: The classes that lose their label, where the others keep it; a rule has one of the two.

    Raises:
        InputError: There are both or neither, or the transform has no such parameter.
    """

    transform: str
    where: Mapping[str, Value | tuple[Value, ...]] = field(default_factory=dict)
    preserved: Classes | None = None
    lost: Classes | None = None

    def __post_init__(self) -> None:
        if (self.preserved is None) == (self.lost is None):
            got = "neither" if self.lost is None else "both"
            raise InputError(f"expected either preserved or lost in a rule for {self.transform}, got {got}")
        known = TRANSFORMS.settings(self.transform)
        for name in sorted(self.where):
            expect(name in known, f"parameters of {self.transform} under where in its rule", repr(name))

    def holds(self, spec: Spec) -> bool:
        """Whether it is about that transform with those arguments."""
        if spec.name != self.transform:
            return False
        defaults = {name: parameter.default for name, parameter in TRANSFORMS.settings(spec.name).items()}
        values = {**defaults, **spec.arguments}
        return all(_within(values[name], allowed) for name, allowed in self.where.items())

    def apply(self, class_names: Sequence[str]) -> tuple[bool, ...]:
        """For each class, whether it keeps its label.

        Raises:
            InputError: The rule names a class that is not among them.
        """
        named = self.preserved if self.preserved is not None else self.lost or ()
        for name in named if named != "all" else ():
            expect(name in class_names, f"names of classes in a rule for {self.transform}", f"{name!r}; correct it")
        return tuple((named == "all" or name in named) == (self.lost is None) for name in class_names)


@dataclass(frozen=True)
class DatasetRules:
    """The rules for one dataset, and the dataset whose rules come next."""

    rules: tuple[PreservationRule, ...] = ()
    same_as: str = ""


def preserved_classes(
    dataset_spec: str, class_names: Sequence[str], spec: Spec, *, override: Path | None = None
) -> tuple[bool, ...]:
    """For each class, whether a person would still name it for an image that went through a transform.

    The first rule that holds decides: of the dataset in `override`, in the package, then those for any dataset. A class
    that no rule is about keeps its label.

    Args:
        dataset_spec: Such as "gtsrb(prepare='paper')"; its rules may stand under the whole text or the name before "(".
        class_names: One for each class.
        spec: The transform, with its arguments.
        override: A TOML file of the same form as the package's `label_preserving.toml`.

    Raises:
        SpecError: `override` names an unknown transform.
        InputError: `override` cannot be read, has another form, or names an unknown class or parameter.
    """
    layers = [*([read_rules(override)] if override else []), packaged_rules()]
    for rule in _in_order(layers, dataset_spec):
        if rule.holds(spec):
            return rule.apply(class_names)
    return (True,) * len(class_names)


def read_rules(path: Path) -> dict[str, DatasetRules]:
    """The rules in a file, by dataset.

    Raises:
        InputError: It cannot be read, has another form, or names an unknown transform.
    """
    tables = {}
    for dataset, table in read_toml(path, what="label-preserving rules").items():
        try:
            tables[dataset] = from_plain(table, DatasetRules)
        except InputError as error:
            raise InputError(f"[{dataset}] of {path}: {error}") from error
    return tables


@cache
def packaged_rules() -> dict[str, DatasetRules]:
    """The package's own rules, by dataset."""
    return read_rules(Path(__file__).with_name("label_preserving.toml"))


def _in_order(layers: Sequence[Mapping[str, DatasetRules]], dataset: str) -> Iterator[PreservationRule]:
    """The rules of a dataset in each layer, those of the one that it is the same as, then those for any."""
    seen = {ANY}
    names = [dataset, dataset.partition("(")[0]]
    while names:
        name = names.pop(0)
        if name in seen:
            continue
        seen.add(name)
        for table in (layer[name] for layer in layers if name in layer):
            yield from table.rules
            names.append(table.same_as)
    for layer in layers:
        yield from layer.get(ANY, DatasetRules()).rules


def _within(value: object, allowed: Value | tuple[Value, ...]) -> bool:
    """Whether it is the allowed value, one of them, or between two numbers."""
    if not isinstance(allowed, tuple):
        return bool(value == allowed)
    ends = [end for end in allowed if isinstance(end, int | float)]
    if len(allowed) == len(ends) == 2 and isinstance(value, int | float):
        return bool(ends[0] <= value <= ends[1])
    return value in allowed
