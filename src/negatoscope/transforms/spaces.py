"""What a search explores: transforms one after the other, with ranges for some of their settings.

A point of a space is a point of the unit cube, one coordinate for each setting that is searched.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from negatoscope.descriptions import Description
from negatoscope.documents import from_plain, read_toml
from negatoscope.errors import SpecError, expect, suggest
from negatoscope.registry import split_stages
from negatoscope.transforms import CLEAN, TRANSFORMS, TransformKind, combined_kind
from negatoscope.transforms.space_text import read_stage
from negatoscope.transforms.stages import Dimension as Dimension
from negatoscope.transforms.stages import Stage
from negatoscope.types import Images

Points = Float[Tensor, "batch dimensions"]
"""Points of the unit cube, one for each image."""


@dataclass(frozen=True)
class Space:
    """Transforms one after the other, some of whose settings are searched.

    Args:
        name: A named space's name, else the text.
        stages: The transforms, in the order in which they are applied.
    """

    name: str
    stages: tuple[Stage, ...]

    @property
    def text(self) -> str:
        """The canonical text, as `resolve_space` reads it."""
        return " | ".join(stage.text for stage in self.stages)

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        """What is searched."""
        return tuple(dimension for stage in self.stages for dimension in stage.dimensions)

    @property
    def kind(self) -> TransformKind:
        """Label-preserving if every stage is."""
        return combined_kind(stage.kind for stage in self.stages)

    @property
    def identity(self) -> Float[Tensor, " dimensions"] | None:
        """The point at which nothing changes, None where a stage has no such settings."""
        if not all(stage.identity for stage in self.stages):
            return None
        points = [0.5 if each.identity is None else each.point(each.identity) for each in self.dimensions]
        return torch.tensor(points, dtype=torch.float64)

    def apply(self, images: Images, points: Points) -> Images:
        """Each image at its point. Gradients flow to images, and to points but for choices and whole numbers.

        Args:
            images: Images in [0, 1].
            points: In [0, 1], one for each image.

        Raises:
            InputError: There is not one point for each image, or one is not of the unit cube.
        """
        expect(len(points) == len(images), f"one point for each of {len(images)} images", len(points))
        values = self._values(points)
        for stage in self.stages:
            images = stage.apply(images, [values.pop(0) for _ in stage.dimensions])
        return images

    def parameters(self, points: Points) -> list[str]:
        """For each point the spec of the transforms there, such as "hue_shift(degrees=31.5) | saturation(factor=1.2)".

        `describe_transform` reads it, and `--transform` of an audit does. "clean" is said of the image itself.

        Raises:
            InputError: A point is not of the unit cube.
        """
        rows = torch.stack(self._values(points), dim=1).detach().tolist()
        return [" | ".join(self._specs(row)) or CLEAN for row in rows]

    def distance(self, points: Points) -> Float[Tensor, " batch"]:
        """How far points are from the identity: Euclidean, of each dimension in units of its longer side.

        A choice other than the identity counts as 1, and a number that alone changes nothing as 0.

        Raises:
            InputError: The space has no identity, or a point is not of the unit cube.
        """
        expect(self.identity is not None, "a space in which some point changes nothing", self.text)
        squares = torch.zeros(len(points), dtype=torch.float64, device=points.device)
        for dimension, values in zip(self.dimensions, self._values(points), strict=True):
            squares += dimension.distance(values).square()
        return squares.sqrt()

    def _values(self, points: Points) -> list[Float[Tensor, " batch"]]:
        width = len(self.dimensions)
        expect(points.shape[1] == width, f"points of {width} dimensions", points.shape[1])
        inside = bool(((points >= 0) & (points <= 1)).all())
        expect(inside, "points from 0 to 1", "one outside" if points.isfinite().all() else "one that is no number")
        return [dimension.values(points[:, place]) for place, dimension in enumerate(self.dimensions)]

    def _specs(self, values: Sequence[float]) -> list[str]:
        left = list(values)
        specs = [stage.spec([left.pop(0) for _ in stage.dimensions]) for stage in self.stages]
        return [spec for spec in specs if spec]


@dataclass(frozen=True)
class NamedSpace:
    """A space that has a name.

    Args:
        name: Such as "color".
        version: Another number whenever the stages are others.
        summary: What it is.
        stages: Its transforms, with ranges.
        includes: Other spaces, one after the other, in place of stages.
    """

    name: str
    version: int
    summary: str
    stages: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()


def resolve_space(text: str, *, channels: int) -> Space:
    """The space that a text describes.

    Args:
        text: Named spaces, or transforms with ranges: "hue_shift(degrees=-180..180) | saturation(factor=0..2)". Other
            settings are fixed as in a spec. A setting of words is searched as a list (`order=['BGR', 'GBR']`) or, with
            every word, as `order=..`; a group's element as `color_cube(element=..)`.
        channels: 1 or 3. A named space of several leaves out what is of color only for gray images.

    Raises:
        SpecError: A name is unknown, or a range is malformed, or nothing is searched, or a transform is of color and
            images are gray.
        InputError: A range is outside of what its transform takes.
    """
    parts = split_stages(text)
    texts = [stage for part in parts for stage in _texts(part, channels=channels)]
    stages = tuple(read_stage(each, place=place, channels=channels) for place, each in enumerate(texts))
    name = parts[0] if parts[0] in _entries() and len(parts) == 1 else " | ".join(stage.text for stage in stages)
    space = Space(name, stages)
    expect(space.dimensions, "a setting that is searched, such as gamma(exponent=0.5..2)", repr(text), SpecError)
    return space


def describe_spaces() -> list[Description]:
    """Every named space, with its stages."""
    return [
        Description(name, "space", f"Version {entry.version}: {entry.summary}", contains=_texts(name, channels=3))
        for name, entry in _entries().items()
    ]


def _texts(part: str, *, channels: int) -> tuple[str, ...]:
    """The stages of a named space, else the text itself."""
    entries = _entries()
    names = [*entries, *TRANSFORMS.names()]
    known = part in names or not part.isidentifier()
    expect(known, "the name of a transform or a space", f"{part!r:.80}; {suggest(part, names)}", SpecError)
    if part not in entries:
        return (part,)
    if not entries[part].includes:
        return entries[part].stages
    texts = [stage for name in entries[part].includes for stage in entries[name].stages]
    return tuple(text for text in texts if channels != 1 or not read_stage(text, place=0, channels=3).color)


@cache
def _entries() -> dict[str, NamedSpace]:
    tables = read_toml(Path(__file__).with_name("spaces.toml"), what="spaces")
    return {name: from_plain({"name": name, **table}, NamedSpace) for name, table in tables.items()}
