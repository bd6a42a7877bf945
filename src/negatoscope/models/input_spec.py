"""What a classifier expects and how its outputs are read: declared by its file or its user, never guessed."""

import math
from collections import Counter
from dataclasses import dataclass, fields
from typing import Any

from negatoscope.documents import expect_choices
from negatoscope.errors import InputError, expect
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
        classes: How many outputs there are, at least 2; one sigmoid counts as two.
        layout: "NCHW", "NHWC", "NHW" (gray only), "flat" (channel by channel, row by row) or "flat-NHWC" (row by row,
            pixel by pixel).
        range: What [0, 1] becomes.
        mean: Subtracted after that, in the unit of `range`: one number, or one for each channel in the classifier's own
            order; () is none.
        std: Divided by after that, above 0, or below it for a negative, likewise.
        channel_order: "RGB" or "BGR".
        output: What the outputs are. One column is the sigmoid (or its logit) of the second of two classes.
        output_name: Which output is read, where the classifier has several.
        class_map: For each class of the data, which output it is, from 0; () where they are the same. Other outputs are
            left out, so that the classifier chooses among the data's classes only.
        batch: How many images it takes at once, at least 1; None is any number.
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
        layouts = ", ".join(layout for layout, rules in LAYOUTS.items() if not rules.gray_only)
        fits = gray or not LAYOUTS[self.layout].gray_only
        expect(fits, f"layout to be {layouts} for color images", self.layout)
        expect(not gray or self.channel_order == "RGB", "channel_order to be left out for gray images", "BGR")
        expect(not whole or self.range == "0..255", f"range to be 0..255 for {self.dtype}", self.range)
        expect(not whole or not (self.mean or self.std), f"mean and std to be left out for {self.dtype}", self.mean)
        numbers = "1 number for gray images" if gray else "1 or 3 numbers"
        for name, values in (("mean", self.mean), ("std", self.std)):
            expect(len(values) in (0, 1, self.planes), f"{name} to have {numbers}", values)
            expect(all(map(math.isfinite, values)), f"{name} to be finite", values)
        expect(all(self.std), "std not to be 0", self.std)
        expect(self.classes >= 2, "classes of at least 2", self.classes)
        expect(self.batch is None or self.batch >= 1, "batch of at least 1", self.batch)
        outside = [index for index in self.class_map if not 0 <= index < self.classes]
        expect(not outside, f"class_map to name outputs from 0 to {self.classes - 1}", outside[:3])
        twice = [index for index, count in Counter(self.class_map).items() if count > 1]
        expect(not twice, "class_map to name each output once", f"{twice[:3]} more than once")

    @property
    def planes(self) -> int:
        """How many channels an image has."""
        return self.resize.shape[0]

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
        given["height"], given["width"] = given.pop("size")
        if "resize_mode" in given:
            given["mode"] = given.pop("resize_mode")
        if options.dtype in WHOLE:
            given.setdefault("range", "0..255")
        resize, own = ({f.name: given[f.name] for f in fields(kind) if f.name in given} for kind in (ResizeSpec, cls))
        return cls(resize=ResizeSpec(**resize), **own)

    def options(self) -> dict[str, Any]:
        """What `open_classifier` takes to open the same classifier with the same input spec."""
        given = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "resize"}
        resize: dict[str, Any] = {"size": (self.resize.height, self.resize.width), "resize_mode": self.resize.mode}
        resize |= {name: getattr(self.resize, name) for name in ("channels", "interpolation", "crop_pct")}
        return {name: value for name, value in {**resize, **given}.items() if value not in ((), "", None)}
