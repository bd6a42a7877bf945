"""timm's configuration is read as options; its absence names the extra."""

import sys
from dataclasses import replace
from typing import Any

import pytest
import torch

from negatoscope.errors import InputError, MissingExtraError
from negatoscope.models.input_spec import InputSpec
from negatoscope.models.open import open_classifier
from negatoscope.models.timm_name import read_config
from negatoscope.pixels import ResizeSpec

# What timm's documentation shows as the data configuration of a ViT.
CONFIG: dict[str, Any] = {
    "input_size": (3, 224, 224),
    "interpolation": "bicubic",
    "mean": (0.5, 0.5, 0.5),
    "std": (0.5, 0.5, 0.5),
    "crop_pct": 0.9,
    "crop_mode": "center",
}


def test_a_configuration_becomes_what_a_classifier_expects() -> None:
    input_spec = InputSpec.from_options(replace(read_config(CONFIG, name="vit"), classes=1000), name="vit")
    assert input_spec.resize == ResizeSpec(224, 224, "rgb", interpolation="bicubic", mode="crop", crop_pct=0.9)
    assert (input_spec.mean, input_spec.std, input_spec.range) == ((0.5,) * 3, (0.5,) * 3, "0..1")


@pytest.mark.parametrize("changed", [{"crop_mode": "border"}, {"interpolation": "lanczos"}], ids=str)
def test_what_is_not_done_here_is_one_sentence(changed: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"^expected vit to be resized by one of bilinear, bicubic, nearest, got "):
        read_config(CONFIG | changed, name="vit")


def test_without_timm_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError, match=r"^timm:vit needs timm: pip install 'timm>=\S+'$"):
        open_classifier("timm:vit", device=torch.device("cpu"))
