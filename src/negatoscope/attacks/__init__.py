"""Searches that use a classifier to find images that it misclassifies, inside a stated set of allowed changes."""

import inspect
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from negatoscope.models.predict import BatchTransform, Classifier
from negatoscope.registry import Registry, Spec, parse_spec
from negatoscope.types import Images, Labels


@dataclass(frozen=True)
class AttackResult:
    """What an attack gives for each image.

    Args:
        images: The images found, in [0, 1].
        queries: How many forward passes were spent on each.
        parameters: The spec of the transform that made each; "" where no transform did.
        success: Which of them the classifier misclassifies.
    """

    images: Images
    queries: Int64[Tensor, " batch"]
    parameters: Sequence[str]
    success: Bool[Tensor, " batch"]

    @classmethod
    @torch.no_grad()
    def judged(cls, classifier: Classifier, images: Images, labels: Labels, *, queries: int) -> "AttackResult":
        """The result of an attack that spent as much on every image, after one more pass that tells its success.

        Args:
            classifier: What was attacked.
            images: The images found, in [0, 1].
            labels: The true classes.
            queries: Forward passes for each image, the one that is made here left out.
        """
        success = classifier(images).argmax(dim=1) != labels
        return cls(images, torch.full_like(labels, queries + 1), [""] * len(images), success)


ATTACKS: Registry[Callable[..., AttackResult]] = Registry("attack", "negatoscope.attacks")
"""Every attack by name, called as ``attack(classifier, images, labels, ...)``.

One that draws for each image alone takes `keys` next, before its settings: a number of each image's own, or None.
"""

register_attack = ATTACKS.register
"""Add an attack under its function's name; use it as a decorator."""


@dataclass(frozen=True)
class Attack:
    """An attack with its settings: ``attack(classifier, images, labels)``.

    Args:
        spec: Its canonical spec.
        function: Called with the classifier, the images, their labels and where it takes them their keys; the settings
            are bound.
    """

    spec: Spec
    function: Callable[..., AttackResult]

    def __call__(
        self, classifier: Classifier, images: Images, labels: Labels, keys: Int64[Tensor, " batch"] | None = None
    ) -> AttackResult:
        """The images that the attack makes of `images`, and what they cost.

        Args:
            classifier: What is attacked.
            images: In [0, 1].
            labels: The true classes.
            keys: A number of each image's own, which draws derive from, so that no other image decides them.
        """
        given = {"keys": keys} if "keys" in inspect.signature(self.function).parameters else {}
        return self.function(classifier, images, labels, **given)

    def against(self, classifier: Classifier) -> BatchTransform:
        """What `predict` takes as `batch_transform`: images and labels to the images attacked."""
        return lambda images, labels: self(classifier, images, labels).images

    def check(self, classifier: Classifier, images: Images) -> None:
        """Try the attack on images up to its second forward pass.

        Raises:
            InputError: A setting has an impossible value, or the attack cannot be used on such a classifier.
        """
        passed = False

        def once(batch: Tensor) -> Tensor:
            nonlocal passed
            if passed:
                raise _EnoughError
            passed = True
            return classifier(batch)

        with suppress(_EnoughError):
            none = torch.zeros(len(images), dtype=torch.int64, device=images.device)
            self(once, images, none, none)


def resolve_attack(text: str, *, seed: int | None = None) -> Attack:
    """The attack that a spec names, its settings checked before any image is attacked.

    Args:
        text: A spec such as "pgd(epsilon=0.1, steps=40)".
        seed: For an attack that takes a seed, where the spec sets none; it does not enter the spec.

    Raises:
        SpecError: The name or a setting is unknown, missing or of the wrong type.
        InputError: A setting has an impossible value.
    """
    spec, function = ATTACKS.resolve(text)
    if seed is not None and "seed" in ATTACKS.settings(spec.name) and "seed" not in parse_spec(text).arguments:
        function = partial(function, seed=seed)
    attack = Attack(spec, function)
    attack.check(lambda images: images.flatten(1), torch.full((1, 3, 2, 2), 0.5))
    return attack


class _EnoughError(Exception):
    """What is to be checked is checked."""
