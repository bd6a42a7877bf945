"""Pure functions from images to images that a person would say keep the meaning."""

from collections.abc import Callable

from negatoscope.registry import Registry
from negatoscope.types import Images

TRANSFORMS: Registry[Callable[..., Images]] = Registry("transform", "negatoscope.transforms")
"""Every transform by name; add one with the decorator `register_transform`."""

register_transform = TRANSFORMS.register
