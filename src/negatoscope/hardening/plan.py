"""What hardening does, decided before it starts: images, group, methods, seeds."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import zip_longest

from negatoscope.auditing.arguments import Named
from negatoscope.auditing.audit import expect_possible
from negatoscope.auditing.plan import AuditConfig, AuditIdentity, AuditPlan, PlannedTransform, plan_transform
from negatoscope.data import Dataset
from negatoscope.data.unlabeled import open_images
from negatoscope.errors import InputError, expect
from negatoscope.hardening import METHODS, FitData
from negatoscope.hardening.fit import expect_fitting, read_fit
from negatoscope.hardening.orbit import expect_square
from negatoscope.hardening.proof import plan_proof
from negatoscope.hardening.wrapper import wrapper_of
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.pixels import DecodeSpec
from negatoscope.registry import split_list
from negatoscope.reports.formatting import joined
from negatoscope.transforms.groups import Group, resolve_group

ATTACKS = ("fgsm(epsilon=0.03)", "pgd(epsilon=0.03, steps=10)")
"""What is also tried before and after on classifiers that gradients flow through."""

_ONE_GROUP = "give the original, and all groups at once, as in --invariant negative,flip"
_NAMED = 8  # classes that a warning names at most


@dataclass(frozen=True, kw_only=True)
class HardenIdentity:
    """Everything that decides what a method makes of a classifier and how that is measured, but method and seed.

    Args:
        audit: The audit of the classifier as it came.
        fit: A digest of the images that methods are fitted on.
        group: What becomes the same.
        preserved: For each of its elements but the identity the classes that keep their label, from 0; None is all.
    """

    audit: AuditIdentity
    fit: str
    group: str
    preserved: tuple[tuple[int, ...] | None, ...]


@dataclass(frozen=True)
class NamedHarden:
    """A plan by the texts that name all of it, from which any process makes the same.

    Args:
        named: The model, and the images that judge.
        fit: The images that methods are fitted on.
        invariant: A group, or several, comma-separated.
        method: A method's spec, several, comma-separated, or "all".
        seeds: How many times each method that draws is fitted.
        config: What is audited before and after.
    """

    named: Named
    fit: str
    invariant: str
    method: str
    seeds: int
    config: AuditConfig

    def open(self) -> "HardenPlan":
        """The plan.

        Raises:
            InputError: As `make_harden_plan` says, or something cannot be opened.
        """
        expect_possible(self.config)
        resolve_group(self.invariant, channels=3)
        resolve_methods(self.method)
        classifier, dataset = self.named.open()
        plan = make_harden_plan(
            classifier,
            dataset,
            open_images(self.fit, split="train", data_dir=self.named.data_dir),
            invariant=self.invariant,
            method=self.method,
            seeds=self.seeds,
            config=self.config,
            source=self.named.model,
        )
        return replace(plan, named=self)


@dataclass(frozen=True, kw_only=True)
class HardenPlan:
    """Hardening that can be run.

    Args:
        classifier: What is hardened.
        source: What it was opened from: a path, or anything else.
        dataset: The labeled images that judge.
        fit: What methods are fitted on.
        fit_dataset: Where these images come from, where that is known.
        group: What predictions are to be the same under.
        methods: Each method by its spec, its settings bound.
        every: Whether methods that the classifier cannot take are left out.
        seeds: How many times each method that draws is fitted.
        config: What is audited before and after.
        named: The texts from which other processes make the same plan; None where there are none.
    """

    classifier: ClassifierAdapter
    source: object
    dataset: Dataset
    fit: FitData
    fit_dataset: Dataset | None
    group: Group
    methods: dict[str, Callable[..., ClassifierAdapter]]
    every: bool
    seeds: int
    config: AuditConfig
    named: NamedHarden | None = None

    @property
    def identity(self) -> HardenIdentity:
        """Everything that decides what its methods make, and how it is measured."""
        audit = self.audit(self.classifier)
        steps = audit.transforms[: len(self.elements)]
        return HardenIdentity(
            audit=audit.identity,
            fit=self.fit.digest,
            group=self.group.name,
            preserved=tuple(step.preserved for step in steps),
        )

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """Where images come from: those that judge, and those that methods are fitted on where that is known."""
        return (self.dataset,) if self.fit_dataset is None else (self.dataset, self.fit_dataset)

    @property
    def elements(self) -> tuple[str, ...]:
        """The specs of the group's elements but the identity."""
        return tuple(map(str, self.group.elements[1:]))

    def audit(self, classifier: ClassifierAdapter) -> AuditPlan:
        """The audit of the classifier, or of what a method made of it, for which no other settings are tried.

        That of a method takes the place of one that was stopped: on a GPU a fit gives other weights again.
        """
        config = self.config
        if classifier is not self.classifier:
            config = replace(config, no_self_check=True, overwrite=True)
        return plan_proof(classifier, self.dataset, self.group, config)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user must know before anything is fitted."""
        steps = self.audit(self.classifier).transforms[: len(self.elements)]
        sentences = (
            [_lost_labels(steps, self.dataset.class_names)] if any(step.preserved is not None for step in steps) else []
        )
        if self.fit_dataset is not None and self.fit_dataset.fingerprint == self.dataset.fingerprint:
            sentences.append(
                "the evaluation images are the ones that methods are fitted on, so accuracies are optimistic"
            )
        if self.fit_dataset is not None and self.fit_dataset.class_names and self.fit.labels is None:
            sentences.append(_unused_labels(self.fit_dataset.class_names, self.dataset.class_names))
        left_out = [text for text in ATTACKS if text not in self.config.transforms]
        if left_out and _takes_attacks(self.classifier, self.config):
            verb = "is" if len(left_out) == 1 else "are"
            reason = f"no gradients flow through {self.classifier.name}"
            sentences.append(f"{joined(left_out)} {verb} not tried: {reason}")
        return tuple(sentences)


def _takes_attacks(classifier: ClassifierAdapter, config: AuditConfig) -> bool:
    return classifier.module is not None and config.suite != "none"


def _unused_labels(fit: Sequence[str], data: Sequence[str]) -> str:
    """That classes differ: how many there are, and the first that is another one."""
    pairs = enumerate(zip_longest(map(repr, fit), map(repr, data), fillvalue="missing"))
    index, (there, here) = next((index, pair) for index, pair in pairs if pair[0] != pair[1])
    return (
        f"labels of the fit images are not used: their {len(fit)} classes are not the {len(data)} of the evaluation "
        f"images; the first that differs, class {index}, is {there} there and {here} here"
    )


def _lost_labels(steps: Sequence[PlannedTransform], class_names: Sequence[str]) -> str:
    """Which elements change the label of which classes."""
    changing = [step for step in steps if step.preserved is not None]
    kept = set(range(len(class_names))).intersection(*(step.preserved or () for step in changing))
    lost = [name for index, name in enumerate(class_names) if index not in kept]
    more = [f"{len(lost) - _NAMED} more"] if len(lost) > _NAMED else []
    which = f"{'class' if len(lost) == 1 else 'classes'} {joined([*lost[:_NAMED], *more])}"
    if len(changing) == 1:
        return f"{changing[0].spec} changes the label of {which}, which do not count under it"
    some = f"{len(changing)} of the {len(steps)} transforms, such as {changing[0].spec}, change the label of some of"
    return f"{some} the {which}, which do not count under those"


def resolve_methods(text: str) -> dict[str, Callable[..., ClassifierAdapter]]:
    """The methods of some specs, comma-separated, or of "all", each by its spec, its settings bound.

    Raises:
        SpecError: A method or a setting of it is unknown.
        InputError: There is none.
    """
    names = METHODS.names() if text.strip() == "all" else split_list(text)
    expect(names, f"one or more of the methods {', '.join(METHODS.names())}, or all", repr(text))
    return {str(found): function for found, function in map(METHODS.resolve, names)}


def make_harden_plan(
    classifier: ClassifierAdapter,
    dataset: Dataset,
    fit: Dataset | FitData,
    *,
    invariant: str,
    method: str,
    seeds: int,
    config: AuditConfig,
    source: object = None,
) -> HardenPlan:
    """Read the fit images and resolve the group and the methods.

    FGSM and PGD join what is audited where the classifier is a torch module that gradients flow through.

    Args:
        classifier: What is hardened.
        dataset: The labeled images that judge.
        fit: What methods are fitted on.
        invariant: A group, or several, comma-separated.
        method: A method's spec, several, comma-separated, or "all".
        seeds: How many times each method that draws is fitted.
        config: What is audited before and after.
        source: What the classifier was opened from, where that is known: the path of an ONNX file, or anything else.

    Raises:
        SpecError: A group, a method or a setting of it is unknown.
        InputError: The group is of colors and the classifier takes gray images, or it turns images that are not
            square; fit images are too few, of another size, or of fewer bits than given; no image keeps its label
            under any element; or the classifier is hardened already.
    """
    expect(seeds >= 1, "--seeds of at least 1", seeds)
    hardened = wrapper_of(classifier)
    expect(hardened is None, "a classifier that is not hardened yet", f"{classifier.name}; {_ONE_GROUP}")
    spec = classifier.input_spec
    group = resolve_group(invariant, channels=spec.planes)
    expect_square(group, height=spec.resize.height, width=spec.resize.width)
    decoding = DecodeSpec.of(config.bits, config.window)
    dataset, fit = dataset.decoded(decoding), fit.decoded(decoding) if isinstance(fit, Dataset) else fit
    attacks = _usable_attacks(classifier, dataset, config) if _takes_attacks(classifier, config) else []
    images = fit if isinstance(fit, FitData) else read_fit(fit, spec, class_names=dataset.class_names)
    expect_fitting(images, spec)
    plan = HardenPlan(
        classifier=classifier,
        source=source,
        dataset=dataset,
        fit=images,
        fit_dataset=fit if isinstance(fit, Dataset) else None,
        group=group,
        methods=resolve_methods(method),
        every=method.strip() == "all",
        seeds=seeds,
        config=replace(config, transforms=tuple(dict.fromkeys((*config.transforms, *attacks)))),
    )
    audit = plan.audit(classifier)
    labels = set(audit.dataset.labels.tolist())
    kept = (step.preserved is None or labels & set(step.preserved) for step in audit.transforms[: len(plan.elements)])
    expect(any(kept), f"an image of {dataset.spec} that keeps its label under the group {invariant}", "none")
    return plan


def _usable_attacks(classifier: ClassifierAdapter, dataset: Dataset, config: AuditConfig) -> list[str]:
    """Those of `ATTACKS` that can be used on the classifier."""
    usable = []
    for text in ATTACKS:
        with suppress(InputError):
            plan_transform(text, classifier, dataset, config)
            usable.append(text)
    return usable
