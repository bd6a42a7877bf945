"""The suite of transforms measures every transform, and its peers do what ours does. No timing is asserted."""

import numpy as np
import pytest
import torch
from benchmarks import transforms
from benchmarks.peers.pictures import peers_of

from negatoscope.models.predict import to_images
from negatoscope.transforms import TRANSFORMS

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 3, 12, 12), dtype=np.uint8)


def test_every_transform_is_measured_and_set_against_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transforms, "BATCHES", {"1x12x12": (2, 1, 12), "3x12x12": (2, 3, 12)})
    found = transforms.run(quick=True)
    layouts = ["1x12x12, channels_last", "3x12x12, channels_last", "3x12x12, NCHW"]
    measured = {each.name.partition(": ")[0].partition("(")[0] for each in found if each.name.endswith(layouts[1])}
    assert measured == set(TRANSFORMS.names())
    assert sum("share of its forward passes" in each.name for each in found) == 2
    assert {each.name.rpartition(": ")[2] for each in found if each.unit == "images/s"} == set(layouts)


@pytest.mark.parametrize(
    "spec",
    [
        "negative",
        "negative_path(share=0.1)",
        "gamma(exponent=0.5)",
        "brightness(factor=0.7)",
        "solarize(threshold=0.5)",
        "posterize(bits=4)",
        "hue_shift(degrees=90.0)",
        "grayscale",
        "channel_negative(channels='R')",
        "channel_permutation(order='BGR')",
        "flip",
    ],
)
def test_peers_do_what_ours_does(spec: str) -> None:
    images = to_images(torch.from_numpy(PIXELS))
    ours = TRANSFORMS.resolve(spec)[1](images).permute(0, 2, 3, 1).numpy()
    for name, peer in peers_of(spec, PIXELS, images).items():
        theirs = peer()
        if isinstance(theirs, torch.Tensor):
            theirs = theirs.permute(0, 2, 3, 1).numpy()
        values = np.stack([np.asarray(each) for each in theirs])  # type: ignore[call-overload]
        values = values / 255 if values.dtype == np.uint8 else values
        mean = np.abs(values - ours).mean()
        if (name, spec) != ("scikit-image", "grayscale"):  # it weighs the channels as ITU-R BT.709
            assert mean < (0.03 if "Pillow" in name else 1e-4), (name, mean)  # Pillow's hues have 256 steps
