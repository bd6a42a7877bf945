"""Which classes keep their label wherever a space is."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product
from pathlib import Path

from negatoscope.registry import parse_spec, split_stages
from negatoscope.transforms.label_preserving import (
    Annotation,
    DatasetRules,
    annotate_all,
    packaged_rules,
    read_rules,
)
from negatoscope.transforms.spaces import Space
from negatoscope.transforms.stages import Dimension, Stage

Tables = Sequence[Mapping[str, DatasetRules]]


def annotate_space(
    dataset_spec: str,
    class_names: Sequence[str],
    space: Space,
    *,
    override: Path | None = None,
    known: Mapping[str, Sequence[str]] | None = None,
) -> Annotation:
    """For each class, whether every setting in a space keeps its label.

    Rules change only at the ends of their ranges. So the settings that are looked up are these ends and one between
    each two of them, which are all that there are to tell apart.

    Of a space that does not preserve labels nothing is known. Other arguments are those of `annotate`.

    Raises:
        SpecError: `override` names an unknown transform.
        InputError: `override` is unusable.
    """
    if space.kind != "label_preserving":
        return Annotation((True,) * len(class_names), "nothing")
    layers = [packaged_rules(), *([read_rules(override)] if override else [])]
    texts = dict.fromkeys(text for stage in space.stages for text in _settings(stage, layers))
    specs = dict.fromkeys(part for text in texts for part in split_stages(text) if part)
    return annotate_all(dataset_spec, class_names, map(parse_spec, specs), override=override, known=known)


def _settings(stage: Stage, layers: Tables) -> Iterator[str]:
    """The spec of a stage at every setting that rules can tell apart."""
    values = [_distinct(dimension, _ends(stage, dimension, layers)) for dimension in stage.dimensions]
    return (stage.spec(each) for each in product(*values))


def _ends(stage: Stage, dimension: Dimension, layers: Tables) -> Iterator[float]:
    """The numbers that rules name for a dimension."""
    name = stage.text.partition("(")[0]
    for rule in (rule for layer in layers for table in layer.values() for rule in table.rules):
        allowed = rule.where.get(dimension.name, ()) if rule.transform == name else ()
        for end in allowed if isinstance(allowed, tuple) else (allowed,):
            if isinstance(end, int | float):
                yield end


def _distinct(dimension: Dimension, ends: Iterator[float]) -> list[float]:
    if dimension.choices:
        return [float(place) for place in range(len(dimension.choices))]
    low, high = dimension.low, dimension.high
    cuts = sorted({low, high, *(end for end in ends if low < end < high)})
    values = {*cuts, *((first + second) / 2 for first, second in pairwise(cuts))}
    if dimension.whole:
        values = {float(part) for value in values for part in (math.floor(value), math.ceil(value))}
    return sorted(values)
