"""A shape decides what it can, and asks for the rest."""

from typing import Any

import pytest

from negatoscope.errors import InputError
from negatoscope.models.options import ModelOptions
from negatoscope.models.shapes import read_shape


@pytest.mark.parametrize(
    ("dims", "options", "read"),
    [
        ([None, 1, 28, 28], {}, ("NCHW", (28, 28), "gray", None)),
        ([10, 1, 28, 28], {}, ("NCHW", (28, 28), "gray", 10)),
        ([1, 3, 32, 48], {}, ("NCHW", (32, 48), "rgb", 1)),
        ([None, 28, 28, 1], {}, ("NHWC", (28, 28), "gray", None)),
        ([None, 32, 48, 3], {}, ("NHWC", (32, 48), "rgb", None)),
        ([None, 28, 30], {}, ("NHW", (28, 30), "gray", None)),
        ([1, 28, 28], {}, ("NHW", (28, 28), "gray", 1)),
        ([None, 784], {}, ("flat", (28, 28), "gray", None)),
        ([1, 784, 1], {}, ("flat", (28, 28), "gray", 1)),
        ([1, 1, 784], {}, ("flat", (28, 28), "gray", 1)),
        ([None, 3072], {}, ("flat", (32, 32), "rgb", None)),
        ([None, 24], {"size": (4, 6)}, ("flat", (4, 6), "gray", None)),
        ([None, 24], {"size": (2, 4)}, ("flat", (2, 4), "rgb", None)),
        ([None, None], {"size": (2, 4), "channels": "rgb"}, ("flat", (2, 4), "rgb", None)),
        ([None, 28, 28], {"layout": "flat"}, ("flat", (28, 28), "gray", None)),
        ([None, 3, None, None], {"size": (64, 64)}, ("NCHW", (64, 64), "rgb", None)),
        ([None, None, None, 3], {"size": (64, 64)}, ("NHWC", (64, 64), "rgb", None)),
        ([None, None, 28, 28], {"channels": "gray"}, ("NCHW", (28, 28), "gray", None)),
        ([2, None, None, None], {"layout": "NHWC", "size": (8, 9), "channels": "gray"}, ("NHWC", (8, 9), "gray", 2)),
        ([None, 3, 5, 3], {"layout": "NHWC"}, ("NHWC", (3, 5), "rgb", None)),
        ([None, 3, 5, 3], {"size": (5, 3)}, ("NCHW", (5, 3), "rgb", None)),
        ([None, 1, 28, 28], {"batch": 4}, ("NCHW", (28, 28), "gray", 4)),
        ([3, 224, 224], {"layout": "NHW"}, ("NHW", (224, 224), "gray", 3)),
    ],
    ids=str,
)  # fmt: skip
def test_a_shape_and_the_options_give_one_reading(
    dims: list[int | None], options: dict[str, Any], read: tuple[Any, ...]
) -> None:
    declared = read_shape(dims, options=ModelOptions(**options), name="net.onnx")
    assert (declared.layout, declared.size, declared.channels, declared.batch) == read


@pytest.mark.parametrize(
    ("dims", "options", "sentence"),
    [
        ([None, 3, 5, 3], {}, r"^expected --layout for input \[\?, 3, 5, 3\] of net.onnx, .* one way; give it$"),
        ([None] * 4, {}, "expected --layout"),
        ([3, 224, 224], {}, "expected --layout"),
        ([None, 3, None, None], {}, "expected --size"),
        ([None, None, 28, 28], {}, "expected --channels"),
        ([None, None], {}, "expected --size"),
        ([None, 785], {}, "give --layout and --size, or wrap it in Python"),
        ([None, 4, 28, 28], {}, "wrap it in Python"),
        ([], {}, "wrap it in Python"),
        ([None, 1, 28, 28], {"size": (32, 32)}, r"^expected --size 28x28 for input .*, got 32x32; leave it out$"),
        ([None, 1, 28, 28], {"layout": "NHWC"}, "^expected --layout NCHW for input .*, got NHWC; leave it out$"),
        ([None, 1, 28, 28], {"channels": "rgb"}, "^expected --channels gray for input .*, got rgb; leave it out$"),
        ([None, 1, 28, 28], {"layout": "NHWC", "size": (32, 32)}, "; correct --layout|; correct --size"),
        ([None, 36], {"size": (5, 7)}, "^expected --size 6x6 for input .*, got 5x7; leave it out$"),
        ([10, 1, 28, 28], {"batch": 4}, "expected a batch of 10 for .*, got 4; leave it out"),
    ],
    ids=str,
)  # fmt: skip
def test_what_a_shape_leaves_open_or_forbids_is_one_sentence(
    dims: list[int | None], options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        read_shape(dims, options=ModelOptions(**options), name="net.onnx")
