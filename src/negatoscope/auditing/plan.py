"""What an audit does, decided before it starts: images, transforms, parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from negatoscope.attacks import ATTACKS, resolve_attack
from negatoscope.auditing.arguments import Named
from negatoscope.auditing.results import SUMMARY, PlannedKind, SuiteSummary
from negatoscope.auditing.steps import AuditStep, attack_step, transform_step
from negatoscope.data import Dataset
from negatoscope.data.depth import expect_whole_depth
from negatoscope.data.sources import sources
from negatoscope.data.split import stratified_sample
from negatoscope.errors import SpecError, expect
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.input_spec import InputSpec
from negatoscope.models.predict import suitable_batch
from negatoscope.pixels import DECODING, DecodeSpec
from negatoscope.registry import name_in
from negatoscope.transforms import CLEAN, describe_transform
from negatoscope.transforms.label_preserving import Annotation, annotate_all
from negatoscope.transforms.space_labels import annotate_space
from negatoscope.transforms.spaces import resolve_space
from negatoscope.transforms.suites import Suite
from negatoscope.transforms.suites import suite as load_suite

_PARTS = (64, 16_384)  # images whose rows are written together: what a stopped audit does again at most
_PART_OF_MANY = 4_096  # likewise where one part does not hold all: less memory for the same time
_PART_ROWS = 100_000
_PART_VALUES = 8_000_000
BATCHES_AT_ONCE = 4  # that threads take, at most: more of them hold more memory and wait for each other
PLAN = "plan.json"
"""The file that names what the folder of an audit or a search holds."""

REPORT = ("report.html", "junit.xml", "failures.csv", "gallery", "figures")
"""What an audit writes for readers, and `no_report` leaves out."""


@dataclass(frozen=True)
class PlannedTransform:
    """One transform of an audit.

    Args:
        spec: Its canonical spec string.
        kind: "label_preserving", "not_annotated", "path", "control" or "attack".
        function: What is done to a batch.
        parameters: What the spec sets.
        preserved: The classes that keep their label, whose images alone count; None is all.
        assumed: Whether that is assumed, since nobody annotated the data.
    """

    spec: str
    kind: PlannedKind
    function: AuditStep
    parameters: Mapping[str, bool | int | float | str]
    preserved: tuple[int, ...] | None
    assumed: bool = False

    @property
    def name(self) -> str:
        """The transform's name alone; of several, one after the other, their specs."""
        return name_in(self.spec)


@dataclass(frozen=True)
class AuditConfig:
    """What a user chooses of an audit: arguments of `negatoscope.audit`, by the same names; None of threads is all."""

    suite: str = "semantic"
    transforms: Sequence[str] = ()
    limit: int | None = None
    seed: int = 0
    label_preserving: Path | None = None
    fail_under: Sequence[str] = ()
    baseline: str | Path | None = None
    baseline_on: Sequence[str] = ()
    tolerance: float = 0.0
    max_unreadable: int = 0
    expect_accuracy: float | None = None
    no_self_check: bool = False
    no_report: bool = False
    overwrite: bool = False
    keep_names: bool = False
    bits: int | None = None
    window: tuple[float, float] | str | None = None
    threads: int | None = None


@dataclass(frozen=True, kw_only=True)
class AuditIdentity:
    """Everything that decides the rows of an audit: `plan.json`.

    Args:
        classifier: The SHA-256 of the classifier's files or weights, or else of its outputs for fixed images.
        name: What reports call it.
        input_spec: What it is fed, and how its outputs are read.
        dataset: The canonical spec of the images.
        split: Which of its splits.
        images: A digest of which images were chosen.
        transforms: The spec of each transform, without repetition.
        seed: Decides which images a limit leaves, and every draw of an attack; at least 0.
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
    transforms: tuple[str, ...]
    seed: int
    decoding: int
    threads: int | None = None


@dataclass(frozen=True, kw_only=True)
class AuditPlan:
    """An audit that can be run.

    Args:
        classifier: What is audited.
        dataset: The chosen images.
        available: How many there were to choose from.
        transforms: The transforms, without repetition.
        suite: The suite's name, and its version.
        config: The user's settings.
        names: What `images.parquet` calls the images; none where they have no names or these are not to be kept.
        named: The texts from which other processes open the same; None where there are none.
    """

    noun: ClassVar[str] = "audit"
    written: ClassVar[tuple[str, ...]] = (
        *("done.json", SUMMARY, "provenance.json", "parts", "rows.parquet", "images.parquet"),
        *REPORT,
    )
    """What an audit writes beside its plan: what `overwrite` removes."""

    classifier: ClassifierAdapter
    dataset: Dataset
    available: int
    transforms: tuple[PlannedTransform, ...]
    suite: SuiteSummary
    config: AuditConfig = AuditConfig()
    names: Sequence[str] = ()
    named: Named | None = None

    @property
    def parts(self) -> Sequence[range]:
        """The positions of each part's images: fewer where these are large or transforms are many."""
        least, most = _PARTS
        most = most if len(self.dataset) <= most else min(most, _PART_OF_MANY)
        size = max(least, min(most, _PART_VALUES // self._values, _PART_ROWS // (1 + len(self.transforms))))
        together = BATCHES_AT_ONCE * self.batch_size
        whole = together if size > together else self.batch_size  # no thread waits for the last batch
        size -= size % whole if size > whole else 0
        positions = range(len(self.dataset))
        return [positions[start : start + size] for start in positions[::size]]

    @property
    def batch_size(self) -> int:
        """Images per forward pass: part of what decides the last bits of a confidence."""
        return suitable_batch(self.classifier.device, values=self._values)

    @property
    def _values(self) -> int:
        resize = self.classifier.input_spec.resize
        return resize.height * resize.width * self.classifier.input_spec.planes

    @property
    def identity(self) -> AuditIdentity:
        """Everything that decides the rows."""
        return AuditIdentity(
            classifier=self.classifier.sha256,
            name=self.classifier.name,
            input_spec=self.classifier.input_spec,
            dataset=self.dataset.spec,
            split=self.dataset.split,
            images=self.dataset.fingerprint,
            transforms=tuple(transform.spec for transform in self.transforms),
            seed=self.config.seed,
            decoding=DECODING,
            threads=self.config.threads,
        )


def make_plan(
    classifier: ClassifierAdapter, dataset: Dataset, config: AuditConfig, named: Named | None = None
) -> AuditPlan:
    """Choose images and resolve transforms.

    Raises:
        InputError: There are no images, or one twice, or these use fewer bits than their files have.
        SpecError: A suite or a transform is unknown.
    """
    expect(len(dataset), f"images in {dataset.spec}", "none; name another split or dataset")
    ordered = np.sort(dataset.samples)  # np.unique takes seven times the memory
    again = int((ordered[1:] == ordered[:-1]).sum())
    expect(not again, f"each image of {dataset.spec} once", f"{again:,} of {len(dataset):,} again")
    available = len(dataset)
    if config.limit is not None:
        chosen = stratified_sample(dataset.labels, limit=config.limit, seed=config.seed)
        dataset = dataset.take(chosen, split=f"{dataset.split} ({len(chosen)} of {available})")
    names = dataset.names if config.keep_names or not dataset.private else ()
    if dataset.private:
        left_out = tuple(replace(entry, names=()) for entry in dataset.left_out)
        dataset = replace(dataset, names=(), left_out=left_out)
    dataset = dataset.decoded(DecodeSpec.of(config.bits, config.window))
    expect_whole_depth(dataset)
    channels = classifier.input_spec.resize.channels
    suite = Suite("", 0, "") if config.suite == "none" else load_suite(config.suite, channels=channels)
    specs = (*suite.specs, *config.transforms)
    transforms = [plan_transform(text, classifier, dataset, config) for text in specs]
    return AuditPlan(
        classifier=classifier,
        dataset=dataset,
        available=available,
        transforms=tuple({transform.spec: transform for transform in transforms}.values()),
        suite=SuiteSummary(name=suite.name, version=suite.version),
        config=config,
        names=names,
        named=named,
    )


def plan_transform(text: str, classifier: ClassifierAdapter, dataset: Dataset, config: AuditConfig) -> PlannedTransform:
    """The transform or attack that a spec names.

    Raises:
        SpecError: It is unknown, or of color images and the classifier expects gray ones.
        InputError: An attack cannot be used on the classifier, or the annotations of `config` are unusable.
    """
    if name_in(text) in ATTACKS.names():
        return _plan_attack(text, classifier, dataset, config)
    facts = describe_transform(text)
    expect(facts.spec.name != CLEAN, "transforms besides clean images, which are always audited", facts.spec, SpecError)
    usable = not facts.color or classifier.input_spec.resize.channels != "gray"
    expect(usable, f"transforms of gray images, since {classifier.name} expects gray", facts.spec, SpecError)
    specs = [stage.spec for stage in facts.stages or (facts,)]
    annotation = annotate_all(dataset.spec, dataset.class_names, specs, **_rules(config))
    judged = facts.kind == "label_preserving"
    return PlannedTransform(
        spec=str(facts.spec),
        kind="not_annotated" if judged and annotation.basis == "nothing" else facts.kind,
        function=transform_step(facts.function),
        parameters=dict[str, Any](facts.spec.arguments),
        preserved=_preserved(annotation),
        assumed=judged and annotation.basis == "assumed",
    )


def _plan_attack(text: str, classifier: ClassifierAdapter, dataset: Dataset, config: AuditConfig) -> PlannedTransform:
    """An attack; of one that searches a space of transforms only classes that these keep the label of count."""
    spec = classifier.input_spec
    attack = resolve_attack(text, seed=config.seed)
    shape = (1, spec.planes, spec.resize.height, spec.resize.width)
    attack.check(classifier, torch.full(shape, 0.5, device=classifier.device))
    arguments, preserved = dict[str, Any](attack.spec.arguments), None
    if "space" in arguments:
        space = resolve_space(arguments["space"], channels=spec.planes)
        preserved = _preserved(annotate_space(dataset.spec, dataset.class_names, space, **_rules(config)))
    return PlannedTransform(str(attack.spec), "attack", attack_step(attack, classifier), arguments, preserved)


def _rules(config: AuditConfig) -> dict[str, Any]:
    """Where it stands which classes keep their label."""
    known = {name: source.class_names for name, source in sources().items()}
    return {"override": config.label_preserving, "known": known}


def _preserved(annotation: Annotation) -> tuple[int, ...] | None:
    """The classes that keep their label; None is all."""
    mask = annotation.preserved
    return None if all(mask) else tuple(index for index, holds in enumerate(mask) if holds)
