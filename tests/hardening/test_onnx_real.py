"""On real digits the wrapper in memory and the ONNX file choose the same image and predict the same."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from tests.hardening.onnx_models import plain_run

from negatoscope import load_dataset, verify
from negatoscope.hardening import FitData
from negatoscope.hardening.canonicalize import canonicalize
from negatoscope.hardening.drop_in import write_drop_in
from negatoscope.hardening.most_confident import most_confident
from negatoscope.models.open import open_classifier
from negatoscope.models.predict import to_images
from negatoscope.transforms.groups import resolve_group


@pytest.fixture(scope="module")
def nearest_means(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> Path:
    """A linear model of flat digits, 0..255, ten at once, that gives probabilities: which class's mean is nearest."""
    train = load_dataset("mnist", split="train")
    pixels = np.asarray(train.images).reshape(len(train), 784)
    means = np.stack([pixels[train.labels == digit].mean(axis=0) for digit in range(10)]) / 255
    weights = (2 * (means - means.mean(axis=0)).T / 255).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["image"], ["flat"]),
            helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "means",
        [helper.make_tensor_value_info("image", 1, [10, 784, 1])],
        [helper.make_tensor_value_info("probabilities", 1, [10, 10])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(-(means**2).sum(axis=1).astype(np.float32), "bias"),
        ],
    )
    path = tmp_path_factory.mktemp("means") / "means.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=4), path)
    return path


@pytest.mark.data
@pytest.mark.parametrize("method", [canonicalize, most_confident], ids=["canonicalize", "most_confident"])
def test_the_file_predicts_for_real_digits_what_the_wrapper_predicts(
    nearest_means: Path, method: object, tmp_path: Path
) -> None:
    train, test = load_dataset("mnist", split="train"), load_dataset("mnist", split="test")
    classifier = open_classifier(nearest_means, range="0..255")
    group = resolve_group("negative", channels=1)
    fit = FitData(np.asarray(train.images)[:3000])
    hardened = method(classifier, fit, group, seed=0, progress=lambda text: None)  # type: ignore[operator]
    write_drop_in(hardened, source=nearest_means, out=tmp_path)
    pixels = np.array(test.images[:1000])
    model = onnx.load(tmp_path / "hardened.onnx")
    natives = [batch.reshape(-1, 784, 1).astype(np.float32) for batch in (pixels, 255 - pixels)]
    clean, negative = (plain_run(model, native, batch=10)[0] for native in natives)
    np.testing.assert_array_equal(clean, negative)
    in_memory = hardened(to_images(torch.from_numpy(pixels))).argmax(dim=1)
    np.testing.assert_array_equal(clean.argmax(axis=1), in_memory.numpy())
    found = verify(tmp_path / "hardened.onnx", test, limit=500, range="0..255")
    assert (found.agreeing, found.by_construction, found.logit_difference) == (500, True, 0.0)
    if method is canonicalize:
        correct = in_memory.numpy() == test.labels[:1000]
        original = classifier(to_images(torch.from_numpy(pixels))).argmax(dim=1).numpy() == test.labels[:1000]
        assert correct.mean() > original.mean() - 0.005
