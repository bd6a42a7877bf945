"""What a layout makes of a batch it also reads from the batch's shape."""

from typing import get_args

import pytest
import torch

from negatoscope.models.layouts import LAYOUTS, Layout
from negatoscope.models.options import ModelOptions
from negatoscope.models.shapes import read_shape


def test_every_name_has_its_rules() -> None:
    assert tuple(LAYOUTS) == get_args(Layout)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("channels", "planes"), [("gray", 1), ("rgb", 3)])
def test_a_batch_is_read_as_it_was_arranged(layout: Layout, channels: str, planes: int) -> None:
    rules = LAYOUTS[layout]
    if planes > 1 and rules.gray_only:
        return
    images = torch.rand(2, planes, 6, 5)
    arranged = rules.arrange(images)
    assert sorted(arranged.flatten().tolist()) == sorted(images.flatten().tolist())
    declared = read_shape([None, *arranged.shape[1:]], options=ModelOptions(layout=layout, size=(6, 5)), name="it")
    assert (declared.layout, declared.size, declared.channels) == (layout, (6, 5), channels)
