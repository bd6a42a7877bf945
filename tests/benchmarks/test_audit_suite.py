from collections.abc import Sequence

import numpy as np
import pytest
import torch
from benchmarks import growth
from benchmarks.peers import one_pass
from PIL import Image
from torch import nn


class Brightness(nn.Module):
    """Calls an image 0 where it is dark, 1 where it is light."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        level = images.mean(dim=(1, 2, 3))
        return torch.stack([1 - level, level], dim=1)


@pytest.fixture
def pictures() -> Sequence[Image.Image]:
    levels = (10, 240, 20, 230, 200)
    return [Image.fromarray(np.full((40, 36, 3), level, dtype=np.uint8)) for level in levels]


def test_peers_count_what_there_is_to_count(pictures: Sequence[Image.Image]) -> None:
    labels = np.array([0, 1, 0, 1, 0])
    negative = ["negative"]
    assert one_pass.with_pillow(Brightness().eval(), pictures, labels, negative, workers=0) == [0.8, pytest.approx(0.2)]
    pytest.importorskip("kornia")
    assert one_pass.with_kornia(Brightness().eval(), pictures, labels, negative) == [0.8, pytest.approx(0.2)]
    pytest.importorskip("foolbox")
    pixels = np.stack([np.asarray(picture).transpose(2, 0, 1) for picture in pictures])
    predictions, confidences = one_pass.with_foolbox(Brightness().eval(), pixels, labels, batch_size=2)
    assert predictions.tolist() == [0, 1, 0, 1, 1, 1, 0, 1, 0, 0]
    assert confidences[:5] == pytest.approx(confidences[5:])


def test_what_is_compared_is_what_every_library_has() -> None:
    specs = one_pass.shared_specs()
    assert {"negative", "flip"} <= set(specs)
    assert not {spec for spec in specs if spec.startswith("pixel_flips")}


def test_an_audit_that_fails_is_not_measured() -> None:
    with pytest.raises(RuntimeError, match="expected an audit of 0 images to end well, got:"):
        growth._audit(0, growth.FEW, classes=10)


@pytest.mark.slow
def test_a_smoke_run_measures_time_and_memory_of_each_size() -> None:
    found = growth.run(quick=True)
    assert all(measure.ours > 0 for measure in found.measures)
    assert [measure.unit for measure in found.measures[:2]] == ["MB", "s"]
    stages = found.details["where the memory goes"]
    assert isinstance(stages, dict)
    assert list(stages) == ["200 images", "400 images"]
    peaks = list(stages["400 images"].values())
    assert peaks == sorted(peaks)
    assert peaks[-1] == found.measures[2].ours
