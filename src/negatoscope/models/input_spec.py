"""What a classifier expects and how its outputs are read: declared by its file or its user, never guessed."""

import math
from dataclasses import dataclass, fields

from negatoscope.documents import expect_choices
from negatoscope.errors import InputError
from negatoscope.models.layouts import LAYOUTS, Layout
from negatoscope.models.options import ChannelOrder, Dtype, ModelOptions, Output, Range
from negatoscope.pixels import ResizeSpec

WHOLE = ("uint8", "int32", "int64")
"""Types that hold whole numbers, so 0 to 255."""


@dataclass(frozen=True)
class InputSpec:
    """What stands between images in [0, 1] and a classifier, and between its outputs and logits.

    In this order: resize, stretch to `range`, order channels, subtract `mean`, divide by `std`, lay out.

    Args:
        resize: The size, the channels and how other images are brought to them.
        classes: How many outputs there are; one sigmoid counts as two.
        layout: "NCHW", "NHWC", "NHW" (gray only) or "flat", which is channel by channel, row by row.
        range: What [0, 1] becomes.
        mean: Subtracted after that: one number, or one for each channel in the classifier's own order; () is none.
        std: Divided by after that, likewise.
        channel_order: "RGB" or "BGR".
        output: What the outputs are. One column is the sigmoid (or its logit) of the second of two classes.
        output_name: Which output is read, where the classifier has several.
        class_map: For each class of the data, which output it is; () where they are the same. Other outputs are left
            out, so that the classifier chooses among the data's classes only.
        batch: How many images it takes at once; None is any number.
        dtype: Type of the numbers that it takes.

    Raises:
        InputError: A value is impossible, or two of them contradict each other.
    """

    resize: ResizeSpec
    classes: int
    layout: Layout = "NCHW"
    range: Range = "0..1"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    channel_order: ChannelOrder = "RGB"
    output: Output = "logits"
    output_name: str = ""
    class_map: tuple[int, ...] = ()
    batch: int | None = None
    dtype: Dtype = "float32"

    def __post_init__(self) -> None:
        expect_choices(self)
        gray, whole = self.resize.channels == "gray", self.dtype in WHOLE
        of_color = ", ".join(layout for layout, rules in LAYOUTS.items() if not rules.gray_only)
        _expect(gray or not LAYOUTS[self.layout].gray_only, "layout", f"to be {of_color} for color images", self.layout)
        _expect(not gray or self.channel_order == "RGB", "channel_order", "to be left out for gray images", "BGR")
        _expect(not whole or self.range == "0..255", "range", f"to be 0..255 for {self.dtype}", self.range)
        _expect(not whole or not (self.mean or self.std), "mean and std", f"to be left out for {self.dtype}", self.mean)
        for name in ("mean", "std"):
            value = getattr(self, name)
            _expect(len(value) in (0, 1, self.planes), name, f"to have 1 or {self.planes} numbers", value)
            _expect(all(map(math.isfinite, value)), name, "to be finite", value)
        _expect(all(self.std), "std", "not to be 0", self.std)
        _expect(self.classes >= 2, "classes", "of at least 2", self.classes)
        _expect(self.batch is None or self.batch >= 1, "batch", "of at least 1", self.batch)
        outside = [index for index in self.class_map if not 0 <= index < self.classes]
        _expect(not outside, "class_map", f"to name outputs from 0 to {self.classes - 1}", outside[:3])

    @property
    def planes(self) -> int:
        """How many channels an image has."""
        return 1 if self.resize.channels == "gray" else 3

    @property
    def data_classes(self) -> int:
        """How many classes the data must have."""
        return len(self.class_map) or self.classes

    @classmethod
    def from_options(cls, options: ModelOptions, *, name: str) -> "InputSpec":
        """From what is known of a classifier; what is left open has its default.

        Raises:
            InputError: The size, the channels or the classes are left open, or a value is impossible.
        """
        given = options.given
        for key in ("size", "channels", "classes"):
            if key not in given:
                raise InputError(f"expected --{key} for {name}, whose file does not say it; give it")
        height, width = given.pop("size")
        resize = {ours: given[option] for option, ours in _RESIZE_OPTIONS.items() if option in given}
        if options.dtype in WHOLE:
            given.setdefault("range", "0..255")
        own = {field.name: given[field.name] for field in fields(cls) if field.name in given}
        return cls(resize=ResizeSpec(height=height, width=width, **resize), **own)


_RESIZE_OPTIONS = {
    "channels": "channels",
    "interpolation": "interpolation",
    "resize_mode": "mode",
    "crop_pct": "crop_pct",
}


def _expect(holds: bool, name: str, rule: str, value: object) -> None:
    if not holds:
        raise InputError(f"expected {name} {rule}, got {value}")
