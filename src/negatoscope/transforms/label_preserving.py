"""Which classes of a dataset keep their label under a transform: data that anyone may read, dispute and override."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
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

ASSUMED = "assumed"
"""The table whose rules are assumed to hold where nobody annotated the data."""

Value = bool | int | float | str
Classes = tuple[str, ...] | Literal["all"]
Basis = Literal["annotated", "assumed", "nothing"]
"""What it rests on that classes keep their label: on rules for the dataset, on an assumption, or on nothing."""

_WEAKER: tuple[Basis, ...] = ("nothing", "assumed", "annotated")


@dataclass(frozen=True)
class Annotation:
    """What is known of a transform on a dataset.

    Args:
        preserved: For each class, whether it keeps its label; all do where the basis is "nothing".
        basis: What that rests on.
    """

    preserved: tuple[bool, ...]
    basis: Basis


@dataclass(frozen=True)
class PreservationRule:
    """Which classes keep their label under a transform.

    Args:
        transform: Its name.
        where: For each parameter named, its value, the values that it may have, or the two ends of a range.
        preserved: The classes that keep their label, where the others lose it.
        lost: The classes that lose their label, where the others keep it; a rule has one of the two.
        reason: Why, in a few words.

    Raises:
        InputError: There are both or neither, or the transform has no such parameter.
    """

    transform: str
    where: Mapping[str, Value | tuple[Value, ...]] = field(default_factory=dict)
    preserved: Classes | None = None
    lost: Classes | None = None
    reason: str = ""

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

    def apply(self, class_names: Sequence[str], *, known: Sequence[str] = ()) -> tuple[bool, ...]:
        """For each class, whether it keeps its label.

        Args:
            class_names: The classes.
            known: What the rule may name; nothing is `class_names`.

        Raises:
            InputError: The rule names a class that is not known.
        """
        named = self.preserved if self.preserved is not None else self.lost or ()
        for name in named if named != "all" else ():
            expect(
                name in (known or class_names),
                f"names of classes in a rule for {self.transform}",
                f"{name!r}; correct it",
            )
        return tuple((named == "all" or name in named) == (self.lost is None) for name in class_names)


@dataclass(frozen=True)
class DatasetRules:
    """The rules for one dataset, and the dataset whose rules come next.

    Args:
        rules: The first one that holds decides.
        same_as: The dataset whose rules come next.
        class_names: By the name of a class here, what it is called there; a class that is not listed has the same name.
        complete: Whether every transform was thought of: where no rule holds, all classes keep their label.
    """

    rules: tuple[PreservationRule, ...] = ()
    same_as: str = ""
    class_names: Mapping[str, str] = field(default_factory=dict)
    complete: bool = False


def annotate(
    dataset_spec: str,
    class_names: Sequence[str],
    spec: Spec,
    *,
    override: Path | None = None,
    known: Mapping[str, Sequence[str]] | None = None,
) -> Annotation:
    """For each class, whether a person would still name it for an image that went through a transform.

    The first rule that holds decides: of the dataset in `override`, in the package, then those for any dataset. Where
    none does, all classes keep their label if the dataset's rules are complete; else a few transforms are assumed to
    preserve every label, and of the others nothing is known.

    Args:
        dataset_spec: Such as "gtsrb(prepare='paper')"; its rules may stand under the whole text or the name before "(".
        class_names: One for each class.
        spec: The transform, with its arguments.
        override: A TOML file of the same form as the package's `label_preserving.toml`.
        known: The class names of datasets that a rule's `same_as` may name.

    Raises:
        SpecError: `override` names an unknown transform.
        InputError: `override` cannot be read, has another form, says nothing of the dataset, or names an unknown class
            or parameter.
    """
    layers = [*([read_rules(override)] if override else []), packaged_rules()]
    tables = list(_tables(layers, dataset_spec, class_names, known or {}))
    if override is not None:
        expect(ASSUMED not in layers[0], f"no [{ASSUMED}] in {override}", f"one; state it under [{ANY}]")
        about = layers[0].keys() & {ANY, *(table.name for table in tables)}
        names = ", ".join(sorted(layers[0])) or "nothing"
        got = f"those for {names}; name the table [{json.dumps(dataset_spec, ensure_ascii=False)}]"
        expect(about, f"rules for {dataset_spec} in {override}", got)
    for table in tables:
        for rule in table.rules.rules:
            if rule.holds(spec):
                return Annotation(rule.apply(table.class_names, known=table.known), "annotated")
    for rule in _rules(layers[0], ANY) if override else ():
        if rule.holds(spec):
            return Annotation(rule.apply(class_names), "annotated")
    everywhere = [rule.apply(class_names) for rule in _rules(packaged_rules(), ANY) if rule.holds(spec)]
    if any(table.rules.complete for table in tables) or (everywhere and not all(everywhere[0])):
        return Annotation(everywhere[0] if everywhere else (True,) * len(class_names), "annotated")
    for rule in _rules(packaged_rules(), ASSUMED):
        if rule.holds(spec):
            return Annotation(rule.apply(class_names), "assumed")
    return Annotation((True,) * len(class_names), "nothing")


def annotate_all(
    dataset_spec: str,
    class_names: Sequence[str],
    specs: Iterable[Spec],
    *,
    override: Path | None = None,
    known: Mapping[str, Sequence[str]] | None = None,
) -> Annotation:
    """For each class, whether it keeps its label under every one of several transforms; the basis is the weakest.

    Other arguments are those of `annotate`.

    Raises:
        SpecError: `override` names an unknown transform.
        InputError: `override` is unusable.
    """
    each = [annotate(dataset_spec, class_names, spec, override=override, known=known) for spec in specs]
    kept = tuple(all(column) for column in zip(*(annotation.preserved for annotation in each), strict=True))
    return Annotation(kept, min((annotation.basis for annotation in each), key=_WEAKER.index))


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


@dataclass(frozen=True)
class _Table:
    """A dataset's rules, with what the classes are called in them and which names they may use."""

    name: str
    rules: DatasetRules
    class_names: tuple[str, ...]
    known: Sequence[str]


def _tables(
    layers: Sequence[Mapping[str, DatasetRules]],
    dataset: str,
    class_names: Sequence[str],
    known: Mapping[str, Sequence[str]],
) -> Iterator[_Table]:
    """The rules of a dataset in each layer, then those of the one that it is the same as."""
    seen = {ANY, ASSUMED}
    names = [(name, tuple(class_names)) for name in (dataset, dataset.partition("(")[0])]
    while names:
        name, classes = names.pop(0)
        if name in seen:
            continue
        seen.add(name)
        for rules in (layer[name] for layer in layers if name in layer):
            yield _Table(name, rules, classes, known.get(name, classes))
            if rules.same_as:
                names.append((rules.same_as, _renamed(name, rules, classes, known.get(rules.same_as, ()))))


def _renamed(name: str, rules: DatasetRules, class_names: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """What the classes are called in the dataset that this one is the same as."""
    for mine in rules.class_names:
        expect(mine in class_names, f"names of classes of {name} under class_names", f"{mine!r}; correct it")
    renamed = tuple(rules.class_names.get(mine, mine) for mine in class_names)
    for mine, other in zip(class_names, renamed, strict=True):
        hint = f"{other!r} for {mine!r}; say under class_names which of {', '.join(known)} it is"
        expect(not known or other in known, f"a class of {rules.same_as} for each of {name}", hint)
    return renamed


def _rules(layer: Mapping[str, DatasetRules], name: str) -> tuple[PreservationRule, ...]:
    return layer.get(name, DatasetRules()).rules


def _within(value: object, allowed: Value | tuple[Value, ...]) -> bool:
    """Whether it is the allowed value, one of them, or between two numbers."""
    if not isinstance(allowed, tuple):
        return bool(value == allowed)
    ends = [end for end in allowed if isinstance(end, int | float)]
    if len(allowed) == len(ends) == 2 and isinstance(value, int | float):
        return bool(ends[0] <= value <= ends[1])
    return value in allowed
