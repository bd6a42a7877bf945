"""Models of timm itself, opened by name with weights from a file, give what timm gives for the same picture."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from negatoscope.errors import DataError, InputError
from negatoscope.models.open import open_classifier
from negatoscope.models.predict import to_images
from negatoscope.pixels import resize_image

timm = pytest.importorskip(
    "timm", reason="TIMM IS NOT TESTED: it is not installed here; make test-timm tests it in an environment of its own"
)
NAME = "test_resnet"  # timm's own, of 0.5 million weights


@pytest.fixture(scope="module")
def model() -> Any:
    """A small network of four classes with random weights, whose outputs differ from image to image."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = timm.create_model(NAME, pretrained=False, num_classes=4)
        model(torch.randn(32, 3, 160, 160))  # statistics of its normalization
        torch.nn.init.normal_(model.get_classifier().weight)
    return model.eval()


@pytest.fixture
def weights(model: Any, tmp_path: Path) -> Path:
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


def test_a_picture_gets_the_pixels_and_the_logits_of_timm(model: Any, weights: Path) -> None:
    classifier = open_classifier(f"timm:{NAME}", weights=weights, data_classes=4)
    assert (classifier.kind, classifier.runs_code, classifier.packages) == ("timm", False, ("timm", "torchvision"))
    down, across = np.mgrid[0:300, 0:380] / 379
    pixels = (255 * np.stack([down, across, 1 - across])).astype(np.uint8)
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
    with torch.no_grad():
        theirs = model(transform(Image.fromarray(pixels.transpose(1, 2, 0)))[None])
    ours = classifier(to_images(torch.from_numpy(resize_image(pixels, classifier.input_spec.resize)[None])))
    torch.testing.assert_close(ours, theirs, atol=0.02 * float(theirs.abs().max()), rtol=0)


def test_a_checkpoint_of_its_training_script_is_opened_by_its_key(model: Any, tmp_path: Path) -> None:
    file = tmp_path / "model_best.pth.tar"
    torch.save({"epoch": 3, "arch": NAME, "state_dict": model.state_dict()}, file)
    options = {"weights": file, "data_classes": 4}
    with pytest.raises(DataError, match="got epoch, arch, state_dict; name the state dict among these with"):
        open_classifier(f"timm:{NAME}", **options)
    classifier = open_classifier(f"timm:{NAME}", weights_key="state_dict", **options)
    images = torch.rand(2, 3, 160, 160)
    assert classifier(images).shape == (2, 4)


def test_names_that_timm_does_not_know_and_weights_of_another_network_are_one_sentence(weights: Path) -> None:
    with pytest.raises(InputError, match=r"^expected the name of a model that timm can make, got 'resnet81'; did yo"):
        open_classifier("timm:resnet81", weights=weights)
    with pytest.raises(DataError, match=r"^expected the weights of VisionTransformer in weights.safetensors"):
        open_classifier("timm:test_vit", weights=weights)
