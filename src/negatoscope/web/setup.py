"""What the page is told when it opens: classifiers, classes, transforms with their ranges, presets."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from negatoscope import __version__
from negatoscope.data import Dataset
from negatoscope.descriptions import Description, Parameter, Value, literal_type
from negatoscope.registry import Spec
from negatoscope.transforms import TRANSFORMS, describe_transform, describe_transforms
from negatoscope.transforms.suites import suite
from negatoscope.web.answers import SideBySide
from negatoscope.web.finding import spaces_for
from negatoscope.web.pictures import Pictures
from negatoscope.web.stacks import StackStage, choices_of, stages_of

PRESETS = "semantic"
"""The suite whose transforms are presets."""


@dataclass(frozen=True, kw_only=True)
class Control:
    """A parameter of a transform as a slider, or as buttons.

    Args:
        name: As a spec names it.
        type: "float", "int", or "choice".
        default: Where it starts; of a slider the value that changes nothing, where there is one.
        low: The lower end of a slider.
        high: Its upper end.
        identity: The value that changes nothing; None where there is none.
        choices: The values of buttons.
    """

    name: str
    type: str
    default: Value
    low: float | None = None
    high: float | None = None
    identity: float | None = None
    choices: tuple[Value, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A transform as the page offers it.

    Args:
        name: As a spec names it.
        summary: What it does, in a sentence.
        color: Whether it is of use for color images only.
        group: What it changes, such as "tone".
        parameters: What can be set.
    """

    name: str
    summary: str
    color: bool
    group: str
    parameters: tuple[Control, ...]


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A stack with a name.

    Args:
        name: Its spec.
        stack: Its transforms.
    """

    name: str
    stack: tuple[StackStage, ...]


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """A classifier as the page shows it; no path is here.

    Args:
        name: How it is called.
    """

    name: str


@dataclass(frozen=True, kw_only=True)
class ClassFacts:
    """A class of the data, and how many images it has."""

    name: str
    n: int


@dataclass(frozen=True, kw_only=True)
class DatasetFacts:
    """The dataset that pictures are chosen from."""

    name: str
    classes: tuple[ClassFacts, ...]


@dataclass(frozen=True, kw_only=True)
class SpaceFacts:
    """A named space of transforms that can be searched, and what it is."""

    name: str
    summary: str


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What the page needs to draw its controls.

    Args:
        version: Of this package.
        models: The classifiers, in their order.
        dataset: Where pictures come from; None where all are sent by the page.
        transforms: Those that at least one classifier can be shown.
        groups: The groups of transforms, in the order in which a page has them.
        presets: Stacks to begin with.
        spaces: Those that can be searched for what fools.
        audit: Whether an audit's results can be browsed.
        first: The id of the picture that is on the table when it opens, where there are pictures.
    """

    version: str
    models: tuple[ModelFacts, ...]
    dataset: DatasetFacts | None
    transforms: tuple[Tool, ...]
    groups: tuple[str, ...]
    presets: tuple[Preset, ...]
    spaces: tuple[SpaceFacts, ...]
    audit: bool
    first: str


def describe_setup(models: SideBySide, pictures: Pictures, *, audit: bool, first: int = 0) -> Setup:
    """What the page is told of classifiers, data and transforms."""
    channels: Literal["gray", "rgb"] = "rgb" if any(size.channels == "rgb" for size in pictures.sizes) else "gray"
    found = (_tool(entry) for entry in describe_transforms())
    tools = tuple(tool for tool in found if tool and (channels == "rgb" or not tool.color))
    return Setup(
        version=__version__,
        models=tuple(ModelFacts(name=classifier.name) for classifier in models.classifiers),
        dataset=None if pictures.dataset is None else _dataset(pictures.dataset),
        transforms=tools,
        groups=tuple(dict.fromkeys(tool.group for tool in tools)),
        presets=tuple(Preset(name=spec, stack=stages_of(spec)) for spec in suite(PRESETS, channels=channels).specs),
        spaces=tuple(
            SpaceFacts(name=name, summary=summary) for name, summary in spaces_for(models.classifiers).items()
        ),
        audit=audit,
        first=f"d{first if first < len(pictures.dataset or ()) else 0}",
    )


def _dataset(dataset: Dataset) -> DatasetFacts:
    counts = np.bincount(dataset.labels, minlength=len(dataset.class_names)).tolist()
    classes = (ClassFacts(name=name, n=n) for name, n in zip(dataset.class_names, counts, strict=True))
    return DatasetFacts(name=dataset.spec, classes=tuple(classes))


def _tool(entry: Description) -> Tool | None:
    """The transform with a control for each parameter; None where one must be given that the page cannot set."""
    controls = [_control(entry.name, parameter) for parameter in entry.parameters]
    required = [parameter.name for parameter in entry.parameters if parameter.required]
    usable = tuple(control for control in controls if control is not None)
    if not {control.name for control in usable}.issuperset(required):
        return None
    facts = describe_transform(str(Spec(entry.name, {control.name: control.default for control in usable})))
    group = TRANSFORMS.get(entry.name).__module__.rpartition(".")[2]
    return Tool(
        name=entry.name,
        summary=entry.summary,
        color=facts.color,
        group=group,
        parameters=usable,
    )


def _control(transform: str, parameter: Parameter) -> Control | None:
    """A slider where there is a range, buttons where there are choices; a seed and the like are left alone."""
    annotation = TRANSFORMS.settings(transform)[parameter.name].annotation
    if choices := choices_of(annotation):
        default = choices[0] if parameter.default is None else parameter.default
        return Control(
            name=parameter.name,
            type="choice",
            default=default,
            choices=choices,
        )
    limits = parameter.range
    if limits is None:
        return None
    whole = literal_type(annotation) is int
    middle = (limits.low + limits.high) / 2
    start = limits.identity if limits.identity is not None else middle if parameter.required else parameter.default
    assert isinstance(start, int | float), "a parameter with a range is a number"
    return Control(
        name=parameter.name,
        type="int" if whole else "float",
        default=round(start) if whole else float(start),
        low=limits.low,
        high=limits.high,
        identity=limits.identity,
    )
