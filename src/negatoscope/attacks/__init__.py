"""Searches that use a classifier to find images it gets wrong, inside a stated set of allowed changes."""

from collections.abc import Callable
from dataclasses import dataclass

from negatoscope.registry import Registry
from negatoscope.types import Images


@dataclass(frozen=True)
class AttackResult:
    """What an attack found: images in [0, 1], and how many forward passes it spent on each image."""

    images: Images
    queries: int


ATTACKS: Registry[Callable[..., AttackResult]] = Registry("attack", "negatoscope.attacks")
"""Every attack by name, called as ``attack(classifier, images, labels, ...)``."""

register_attack = ATTACKS.register
