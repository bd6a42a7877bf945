"""What a transform does, in two pictures beside each other: a digit, or for transforms of colors a wheel of hues."""

import colorsys
import math
from functools import cache

import torch

from negatoscope.descriptions import ranges_of
from negatoscope.reports.data_uri import data_uri
from negatoscope.transforms import TRANSFORMS, describe_transform
from negatoscope.transforms.suites import suite
from negatoscope.types import Images
from negatoscope.web.models import open_digits

SIDE = 56
"""Of the wheel, in pixels."""


def picture(name: str) -> str:
    """The Markdown of a picture and the same under a transform, as the suite `all` or its ranges set it."""
    spec = setting(name)
    facts = describe_transform(spec)
    images = wheel() if facts.color else digit()
    what = "A wheel of hues" if facts.color else "A digit"
    before, after = data_uri(images[0]), data_uri(facts.function(images)[0])
    return f"![{what}]({before}) ![The same under {spec}]({after}) `{spec}`"


def setting(name: str) -> str:
    """A spec of the transform that shows it well."""
    in_suite = [spec for spec in suite("all").specs if spec.partition("(")[0] == name]
    if in_suite:
        return in_suite[(len(in_suite) - 1) // 2]
    highest = ", ".join(f"{key}={range.high!r}" for key, range in ranges_of(TRANSFORMS.get(name)).items())
    return f"{name}({highest})" if highest else name


@cache
def digit() -> Images:
    """The first three of the digits that come along."""
    digits = open_digits()
    position = digits.labels.tolist().index(3)
    return torch.tensor(digits.images[position][None]) / 255


@cache
def wheel() -> Images:
    """All hues around the middle, which is white; light enough at its rim for each to be seen."""
    image = torch.ones(1, 3, SIDE, SIDE)
    for row in range(SIDE):
        for column in range(SIDE):
            down, right = (2 * row + 1) / SIDE - 1, (2 * column + 1) / SIDE - 1
            if (radius := math.hypot(down, right)) <= 1:
                hue = math.atan2(down, right) / (2 * math.pi) % 1
                image[0, :, row, column] = torch.tensor(colorsys.hsv_to_rgb(hue, radius, 1 - 0.25 * radius))
    return image
