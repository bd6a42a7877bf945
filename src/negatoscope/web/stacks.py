"""Transforms stacked on the page, as audits apply them: each setting within the range that its registry gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args, get_origin

from negatoscope.descriptions import ParameterRange, Value, literal_type
from negatoscope.errors import SpecError, expect
from negatoscope.registry import Spec, parse_spec, split_stages
from negatoscope.transforms import CLEAN, TRANSFORMS, TransformFacts, describe_transform
from negatoscope.types import Images

MOST_STAGES = 12
"""More transforms than this are not stacked."""


@dataclass(frozen=True)
class StackStage:
    """One transform of a stack as the page sends it.

    Args:
        name: The transform.
        parameters: Its settings; those that are left out have their default.
    """

    name: str
    parameters: Mapping[str, Value] = field(default_factory=dict)

    @property
    def spec(self) -> str:
        """Its spec."""
        return str(Spec(self.name, self.parameters))


@dataclass(frozen=True)
class Stack:
    """Transforms one after the other; those whose settings change nothing are left out.

    Args:
        facts: Each of them, first to last.
    """

    facts: tuple[TransformFacts, ...]

    @property
    def spec(self) -> str:
        """What `--transform` of an audit takes: "clean" where nothing changes."""
        return " | ".join(str(each.spec) for each in self.facts) or CLEAN

    def expect_usable(self, channels: str, *, name: str) -> None:
        """Refuse what is of color images only for a gray classifier, as an audit does.

        Raises:
            SpecError: Such a transform is among them.
        """
        color = next((str(each.spec) for each in self.facts if each.color and channels == "gray"), "")
        expect(not color, f"transforms of gray images, since {name} expects gray", color, SpecError)

    def apply(self, images: Images) -> Images:
        """The images in [0, 1] under all of them."""
        for each in self.facts:
            images = each.function(images)
        return images


def read_stack(stages: tuple[StackStage, ...]) -> Stack:
    """The stack that the page sends.

    Raises:
        SpecError: A transform or a setting is unknown, missing or of the wrong type, or there are too many.
        InputError: A setting is out of its range.
    """
    expect(len(stages) <= MOST_STAGES, f"at most {MOST_STAGES} transforms", len(stages), SpecError)
    facts = [read_stage(stage) for stage in stages]
    return Stack(tuple(each for stage, each in zip(stages, facts, strict=True) if not _changes_nothing(stage, each)))


def read_stage(stage: StackStage) -> TransformFacts:
    """One transform; its settings are those that it takes, which may be beyond where sliders end.

    Raises:
        SpecError: It or a setting is unknown, missing or of the wrong type.
        InputError: The transform does not take a setting.
    """
    return describe_transform(stage.spec)


def stages_of(spec: str) -> tuple[StackStage, ...]:
    """The stages of a spec, as the page has them; none of "clean"."""
    specs = [parse_spec(part) for part in split_stages(spec)]
    return tuple(StackStage(each.name, dict(each.arguments)) for each in specs if each.name != CLEAN)  # type: ignore[arg-type]


def _changes_nothing(stage: StackStage, facts: TransformFacts) -> bool:
    settings = TRANSFORMS.settings(stage.name)
    return bool(facts.identity) and all(
        stage.parameters.get(name, settings[name].default) == value for name, value in facts.identity.items()
    )


def choices_of(annotation: object) -> tuple[Value, ...]:
    """The values that a setting can have, where it is one of some words."""
    kind = literal_type(annotation)
    return tuple(get_args(kind)) if get_origin(kind) is Literal else ()


def numbers_along(limits: ParameterRange, *, whole: bool, most: int) -> list[float]:
    """Up to `most` values from one end of a range to the other, evenly apart; of whole numbers each once."""
    if whole:
        low, high = int(limits.low), int(limits.high)
        count = min(most, high - low + 1)
        return [low + round(place * (high - low) / (count - 1)) for place in range(count)]
    values = (limits.low + place * (limits.high - limits.low) / (most - 1) for place in range(most))
    return [min(value, limits.high) for value in values]  # the last may be rounded up
