"""One transform of a space: which of its settings are searched, and what it makes of images with a setting for each."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch

from negatoscope.descriptions import Value
from negatoscope.transforms import TransformKind
from negatoscope.transforms.per_image import PerImage
from negatoscope.types import Images

T = TypeVar("T")

_FINEST = 1e-6  # of a range: values are rounded to a decimal as fine as this, so that their text is short and exact


@dataclass(frozen=True)
class Dimension:
    """What is searched: a number of a transform, or which of several choices it has.

    Args:
        stage: The place of its transform among those of the space, from 0.
        name: The parameter, such as "degrees".
        low: The lower end of its range; of choices 0.
        high: The upper end; of choices the place of the last.
        identity: The value at which the transform changes nothing, None where there is none.
        choices: The values there are to choose from, where it is no number.
        whole: Whether it is a whole number.
        circular: Whether both ends are the same, as of angles all around.
    """

    stage: int
    name: str
    low: float
    high: float
    identity: float | None = None
    choices: tuple[Value, ...] = ()
    whole: bool = False
    circular: bool = False

    def values(self, points: PerImage) -> PerImage:
        """The values at points in [0, 1], in float64; of choices their places.

        Numbers are rounded to a decimal no coarser than a millionth of the range. Gradients pass through as if they
        were not, and not at all for whole numbers and choices, each of which has an equal share of [0, 1].
        """
        at = points.double()
        if self.whole or self.choices:
            return (self.low + (at * (self.high - self.low + 1)).floor()).clamp(max=self.high).detach()
        exact = self.low + (self.high - self.low) * at
        decimals = math.ceil(-math.log10(_FINEST * (self.high - self.low)))
        rounded = exact.detach().round(decimals=min(decimals, 15)).clamp(self.low, self.high) + 0.0
        return exact + (rounded - exact).detach() if exact.requires_grad else rounded

    def distance(self, values: PerImage) -> PerImage:
        """From the identity, in units of the longer side of the range; 1 for another choice, 0 without an identity."""
        if self.identity is None:
            return torch.zeros_like(values)
        if self.choices:
            return (values != self.identity).double()
        return (values - self.identity).abs() / max(self.high - self.identity, self.identity - self.low)

    def point(self, value: float) -> float:
        """The point in [0, 1] of a value, for whole numbers and choices the middle of its share."""
        if self.whole or self.choices:
            return (value - self.low + 0.5) / (self.high - self.low + 1)
        return (value - self.low) / (self.high - self.low)

    def literal(self, value: float) -> Value:
        """A value as a spec has it."""
        if self.choices:
            return self.choices[int(value)]
        return int(value) if self.whole else value


@dataclass(frozen=True)
class Stage:
    """A transform with the settings that are searched and those that are not.

    Args:
        function: Images, and settings by their names, to images.
        write: The canonical spec with some settings, "" where that changes nothing.
        text: The canonical text, with what is searched.
        dimensions: What is searched.
        fixed: The other settings.
        per_image: The parameters of which `function` takes one value for each image.
        identity: Whether there are values of the dimensions at which it changes nothing.
        color: Whether it is of use for color images only.
        kind: "label_preserving", "path" or "control".
    """

    function: Callable[..., Images] = field(compare=False)
    write: Callable[[Mapping[str, object]], str] = field(compare=False)
    text: str
    dimensions: tuple[Dimension, ...] = ()
    fixed: Mapping[str, object] = field(default_factory=dict, compare=False)
    per_image: frozenset[str] = frozenset()
    identity: bool = False
    color: bool = False
    kind: TransformKind = "label_preserving"

    def apply(self, images: Images, values: Sequence[PerImage]) -> Images:
        """The images, each with its own values of the dimensions; at the identity exactly as they are.

        There gradients are those of the transform nevertheless.
        """
        changed = self._changed(images, values)
        known = [value.eq(there) for there, value in self._with_identity(values)]
        same = torch.stack(known).all(dim=0) if known else torch.ones(len(images), dtype=torch.bool)
        if not self.identity or not same.any():
            return changed
        exact = images.detach() + (changed - changed.detach()) if changed.requires_grad else images
        return torch.where(same.to(images.device)[:, None, None, None], exact, changed)

    def _changed(self, images: Images, values: Sequence[PerImage]) -> Images:
        """At once, or those together that share a choice, or a number of a transform that takes one for all images."""
        by_name = dict(zip((dimension.name for dimension in self.dimensions), values, strict=True))
        shared = [dimension for dimension in self.dimensions if dimension.name not in self.per_image]
        numbers = {name: value for name, value in by_name.items() if name in self.per_image}
        if not len(images):
            return images.clone()
        if not shared:
            return self.function(images, **self.fixed, **numbers)
        each = torch.stack([by_name[dimension.name] for dimension in shared], dim=1)
        changed = torch.empty_like(images)
        kinds, places = torch.unique(each, dim=0, return_inverse=True)
        for place, kind in enumerate(kinds.tolist()):
            chosen = places == place
            literals = {each.name: each.literal(value) for each, value in zip(shared, kind, strict=True)}
            of_these = {name: value[chosen] for name, value in numbers.items()}
            changed[chosen] = self.function(images[chosen], **self.fixed, **literals, **of_these)
        return changed

    def spec(self, values: Sequence[float]) -> str:
        """The canonical spec with one value for each dimension, "" where that changes nothing."""
        if self.identity and all(value == there for there, value in self._with_identity(values)):
            return ""
        literals = {each.name: each.literal(value) for each, value in zip(self.dimensions, values, strict=True)}
        return self.write({**self.fixed, **literals})

    def _with_identity(self, values: Iterable[T]) -> list[tuple[float, T]]:
        """The values that decide whether it changes anything, each with the one at which it does not."""
        pairs = zip(self.dimensions, values, strict=True)
        return [(each.identity, value) for each, value in pairs if each.identity is not None]
