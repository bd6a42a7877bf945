"""What a search does, decided before it starts: images, spaces, strategy, and other models that see the result."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import torch
from jaxtyping import Bool, Int

from negatoscope.attacks.search import MOST_QUERIES, Feedback, Search, search_images
from negatoscope.attacks.strategies import Strategy, resolve_strategy
from negatoscope.auditing.arguments import Named
from negatoscope.auditing.parts import DONE, PARTS, ROWS
from negatoscope.auditing.plan import AuditConfig, AuditPlan, make_plan
from negatoscope.data import Dataset
from negatoscope.data.sources import sources
from negatoscope.errors import expect
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.input_spec import InputSpec
from negatoscope.pixels import DECODING, DecodeSpec
from negatoscope.reports.formatting import joined
from negatoscope.searching.result import DOCUMENT
from negatoscope.searching.searched import SETTINGS
from negatoscope.searching.smallest_images import SMALLEST
from negatoscope.transforms.space_labels import annotate_space
from negatoscope.transforms.spaces import Space, resolve_space

_OF_AUDITS = ("limit", "seed", "label_preserving", "expect_accuracy", "no_self_check", "bits", "window", "threads")
_PART_QUERIES, _PART_IMAGES = 200_000, 256  # that a stopped search does again: queries at most, but for so many images


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """What a user chooses of a search: arguments of `negatoscope.search`, by the same names; None of threads is all."""

    space: Sequence[str] = ("all",)
    strategy: str = "local"
    budget: int = 100
    feedback: Feedback = "scores"
    limit: int | None = None
    seed: int = 0
    label_preserving: Path | None = None
    fail_under: Sequence[str] = ()
    expect_accuracy: float | None = None
    no_self_check: bool = False
    overwrite: bool = False
    bits: int | None = None
    window: tuple[float, float] | str | None = None
    threads: int | None = None


@dataclass(frozen=True, kw_only=True)
class SearchIdentity:
    """Everything that decides what a search finds: `plan.json`.

    Args:
        classifier: The SHA-256 of the classifier's files or weights, or else of its outputs for fixed images.
        name: What reports call it.
        input_spec: What it is fed, and how its outputs are read.
        dataset: The canonical spec of the images.
        split: Which of its splits.
        images: A digest of which images were chosen.
        spaces: The canonical text of each space.
        preserved: For each space the classes that keep their label in all of it, from 0; None is all.
        strategy: The spec of the strategy.
        budget: Queries for each image in each space at most, the clean image among them; at least 1.
        feedback: What the strategy may read of answers.
        seed: Decides every draw; at least 0.
        decoding: The version of how image files become pixels, from 1.
        threads: Threads of each worker, at least 1; None where the machine decided.
    """

    schema: Literal[2] = 2
    classifier: str
    name: str
    input_spec: InputSpec
    dataset: str
    split: str
    images: str
    spaces: tuple[str, ...]
    preserved: tuple[tuple[int, ...] | None, ...]
    strategy: str
    budget: int
    feedback: Feedback
    seed: int
    decoding: int
    threads: int | None = None


@dataclass(frozen=True, kw_only=True)
class PlannedSpace:
    """A space of a search.

    Args:
        space: What settings are from.
        preserved: The classes that keep their label in all of it, whose images alone are searched; None is all.
        annotated: Whether somebody said so, or it is assumed; else all classes count.
        assumed: Whether it is assumed, since nobody annotated the data.
    """

    space: Space
    preserved: tuple[int, ...] | None
    annotated: bool
    assumed: bool

    def counts(self, labels: Int[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Whether the images of these classes are searched."""
        if self.preserved is None:
            return np.ones(len(labels), dtype=np.bool_)
        return np.isin(labels, np.array(self.preserved, dtype=np.int64))

    def space_of(self, classifier: ClassifierAdapter) -> Space:
        """The same space for the images of another model.

        Raises:
            SpecError: It is of color, and the model takes gray images.
        """
        return resolve_space(self.space.text, channels=classifier.input_spec.planes)


@dataclass(frozen=True, kw_only=True)
class SearchPlan:
    """A search that can be run.

    Args:
        audit: The audit of clean images alone: classifier, chosen images, batch size, self-check.
        spaces: What is searched, one after the other, without repetition.
        strategy: How settings are proposed.
        transfer: Other models, which are shown what was found.
        config: The user's settings.
    """

    noun: ClassVar[str] = "search"
    written: ClassVar[tuple[str, ...]] = (
        *(DONE, DOCUMENT, PARTS, ROWS, SETTINGS, SMALLEST),
        *("report.html", "report.md", "search.csv", "figures"),
    )
    """What a search writes beside its plan: what `overwrite` removes."""

    audit: AuditPlan
    spaces: tuple[PlannedSpace, ...]
    strategy: Strategy
    transfer: tuple[ClassifierAdapter, ...]
    config: SearchConfig

    @property
    def classifier(self) -> ClassifierAdapter:
        """What is searched."""
        return self.audit.classifier

    @property
    def dataset(self) -> Dataset:
        """The chosen images."""
        return self.audit.dataset

    def search(self, space: Space) -> Search:
        """What is searched in a space, and how."""
        config = self.config
        return Search(space, self.strategy, config.budget, config.seed, config.feedback)

    @property
    def parts(self) -> Sequence[range]:
        """The positions of each part's images: fewer where a budget is large, so that a stopped search loses little."""
        size = min(len(self.audit.parts[0]), max(_PART_IMAGES, _PART_QUERIES // self.config.budget))
        positions = range(len(self.dataset))
        return [positions[start : start + size] for start in positions[::size]]

    @property
    def identity(self) -> SearchIdentity:
        """Everything that decides what is found."""
        return SearchIdentity(
            classifier=self.classifier.sha256,
            name=self.classifier.name,
            input_spec=self.classifier.input_spec,
            dataset=self.dataset.spec,
            split=self.dataset.split,
            images=self.dataset.fingerprint,
            spaces=tuple(planned.space.text for planned in self.spaces),
            preserved=tuple(planned.preserved for planned in self.spaces),
            strategy=str(self.strategy.spec),
            budget=self.config.budget,
            feedback=self.config.feedback,
            seed=self.config.seed,
            decoding=DECODING,
            threads=self.config.threads,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user must know before anything is searched."""
        unknown = [planned.space.name for planned in self.spaces if not planned.annotated]
        where = f"the space{'s' if len(unknown) > 1 else ''} {joined(unknown)}"
        sentence = (
            f"nobody annotated which classes of {self.dataset.spec} keep their label in {where}; all classes count"
        )
        return (sentence,) if unknown else ()


def expect_possible(config: SearchConfig) -> None:
    """Refuse, before any image or model is opened, what suits none.

    Raises:
        SpecError: A space or a strategy is unknown or malformed.
        InputError: A number is out of range, or a range is outside of what its transform takes.
    """
    expect(config.budget >= 1, "--budget of at least 1, the clean image's query", config.budget)
    expect(config.budget <= MOST_QUERIES, f"--budget of at most {MOST_QUERIES:,}", config.budget)
    expect(0 <= config.seed < 2**63, "--seed from 0 to 2**63 - 1", config.seed)
    expect(config.limit is None or config.limit >= 1, "--limit of at least 1", config.limit)
    expect(config.space, "one --space or more", "none")
    feedbacks = get_args(Feedback)
    expect(config.feedback in feedbacks, f"--feedback of {' or '.join(feedbacks)}", repr(config.feedback))
    DecodeSpec.of(config.bits, config.window)
    resolve_strategy(config.strategy)
    for text in config.space:
        resolve_space(text, channels=3)


def make_search_plan(
    classifier: ClassifierAdapter,
    dataset: Dataset,
    config: SearchConfig,
    *,
    transfer: Sequence[ClassifierAdapter] = (),
    named: Named | None = None,
) -> SearchPlan:
    """Choose images and resolve spaces and the strategy.

    Raises:
        SpecError: A space or a strategy is unknown or malformed, or of color where images are gray.
        InputError: There are no images, a number is out of range, a range is outside of what its transform takes, the
            strategy cannot be used on the classifier, or no class keeps its label in a space.
    """
    expect_possible(config)
    planes = classifier.input_spec.planes
    spaces = {space.text: space for space in (resolve_space(text, channels=planes) for text in config.space)}
    shared: dict[str, Any] = {name: getattr(config, name) for name in _OF_AUDITS}
    audit = make_plan(classifier, dataset, AuditConfig(suite="none", **shared), named)
    plan = SearchPlan(
        audit=audit,
        spaces=tuple(_plan_space(space, audit) for space in spaces.values()),
        strategy=resolve_strategy(config.strategy),
        transfer=tuple(transfer),
        config=config,
    )
    _check(plan)
    return plan


def _plan_space(space: Space, audit: AuditPlan) -> PlannedSpace:
    """The space with the classes that keep their label in all of it.

    Raises:
        InputError: The annotations are unusable, or no chosen image is of such a class.
    """
    dataset = audit.dataset
    known = {name: source.class_names for name, source in sources().items()}
    annotation = annotate_space(
        dataset.spec, dataset.class_names, space, override=audit.config.label_preserving, known=known
    )
    kept = tuple(index for index, holds in enumerate(annotation.preserved) if holds)
    planned = PlannedSpace(
        space=space,
        preserved=None if all(annotation.preserved) else kept,
        annotated=annotation.basis != "nothing",
        assumed=annotation.basis == "assumed",
    )
    expect(planned.counts(dataset.labels).any(), f"an image whose label {space.text} preserves", "none; narrow it")
    return planned


def _check(plan: SearchPlan) -> None:
    """Refuse what would be refused once the search runs.

    Raises:
        InputError: A space has no use for the images of a model, or the strategy cannot be used on the classifier.
    """
    for planned in plan.spaces:
        search = plan.search(planned.space)
        _try(plan.classifier, replace(search, budget=min(2, search.budget)))
        for other in plan.transfer:
            _try(other, Search(planned.space_of(other), resolve_strategy("random"), budget=2))


def _try(classifier: ClassifierAdapter, search: Search) -> None:
    """Search one gray image, up to its second query, and apply each choice to it."""
    resize = classifier.input_spec.resize
    shape = (1, classifier.input_spec.planes, resize.height, resize.width)
    image = torch.full(shape, 0.5, device=classifier.device)
    with torch.no_grad():
        prediction = classifier(image).argmax(dim=1)
    search_images(classifier, image, prediction, search=search)
    middle = torch.full((1, len(search.space.dimensions)), 0.5, dtype=torch.float64, device=classifier.device)
    for place, dimension in enumerate(search.space.dimensions):
        for choice in range(len(dimension.choices)):
            point = middle.clone()
            point[0, place] = dimension.point(choice)
            search.space.apply(image, point)
