"""Files that take a classifier's place: opened by plain onnxruntime, whole or not at all."""

import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from tests.hardening.onnx_models import eight_bit, linear, wrapper_of
from torch import nn

from negatoscope.errors import DataError, InputError, OutputError
from negatoscope.hardening.drop_in import DropIn, write_drop_in
from negatoscope.hardening.saved import load_hardened
from negatoscope.hardening.wrapper import wrap
from negatoscope.models.networks import NetworkSettings, PaperNetwork
from negatoscope.models.open import open_classifier
from negatoscope.transforms.groups import resolve_group

PLAIN = """
import sys, numpy as np, onnxruntime
assert not any(name.startswith(("negatoscope", "torch")) for name in sys.modules)
images = np.load("images.npy")
session = onnxruntime.InferenceSession("hardened.onnx", providers=["CPUExecutionProvider"])
entry = session.get_inputs()[0]
assert (entry.name, entry.type, entry.shape) == ("image", "tensor(uint8)", [5, 6, 6, 1])
clean, negative = (session.run(["scores"], {"image": batch})[0] for batch in (images, 255 - images))
assert (clean == negative).all() and len(set(clean.argmax(axis=1))) > 1
assert not any(name.startswith(("negatoscope", "torch")) for name in sys.modules)
"""


def small_module(channels: int = 1) -> nn.Module:
    torch.manual_seed(0)
    layers = (nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 4))
    return nn.Sequential(*layers).requires_grad_(False).eval()


def test_the_file_runs_in_plain_onnxruntime_without_this_package(tmp_path: Path) -> None:
    linear(tmp_path / "model.onnx", [5, 6, 6, 1], dtype=onnx.TensorProto.UINT8)
    hardened = wrap(
        open_classifier(tmp_path / "model.onnx"), wrapper_of("canonicalize", resolve_group("negative", channels=1))
    )
    written = write_drop_in(hardened, source=tmp_path / "model.onnx", out=tmp_path)
    np.save(tmp_path / "images.npy", (eight_bit(5, 1, seed=0) * 255).byte().permute(0, 2, 3, 1).numpy())
    subprocess.run([sys.executable, "-c", PLAIN], cwd=tmp_path, check=True, env={})
    assert written.files == ("hardened.onnx",)
    assert written.before.parameters == 36 * 4
    assert written.after.parameters == 36 * 4 + sum(weights.numel() for weights in hardened.wrapper.parameters())
    assert written.before.flops == 2 * 36 * 4


@pytest.mark.parametrize("kind", ["canonicalize", "logits", "selective"])
def test_a_torch_module_comes_out_as_onnx_and_as_tensors_that_predict_the_same(tmp_path: Path, kind: str) -> None:
    group = resolve_group("color_cube" if kind == "canonicalize" else "negative", channels=3)
    options = {"size": 6, "channels": "rgb", "mean": 0.4, "std": 0.2}
    hardened = wrap(open_classifier(small_module(3), **options), wrapper_of(kind, group))
    written = write_drop_in(hardened, source=hardened.module, out=tmp_path)
    assert written.files == ("hardened.onnx", "hardened.safetensors")
    images = eight_bit(30, 3, seed=4)
    other = small_module(3)
    nn.init.zeros_(other[0].weight)  # type: ignore[index, arg-type]
    loaded = load_hardened(tmp_path / "hardened.safetensors", other)
    torch.testing.assert_close(loaded(images), hardened(images), rtol=0, atol=0)
    from_file = open_classifier(tmp_path / "hardened.onnx", **options)
    torch.testing.assert_close(from_file(images), hardened(images), rtol=1e-4, atol=1e-4)


class FixingItsBatch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = small_module()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.layers(images)
        return scores.reshape(len(images), 4)  # a number, for whoever traces it


def written_onnx(tmp_path: Path, module: nn.Module, size: int) -> tuple[DropIn, int, int]:
    """The files, the batch of the ONNX file (0 is any), and what an image costs in floating-point operations."""
    classifier = open_classifier(module.requires_grad_(False).eval(), size=size, channels="gray")
    hardened = wrap(classifier, wrapper_of("canonicalize", resolve_group("negative", channels=1)))
    written = write_drop_in(hardened, source=module, out=tmp_path)
    (entry,) = onnx.load(tmp_path / "hardened.onnx").graph.input
    assert written.before.flops is not None
    return written, entry.type.tensor_type.shape.dim[0].dim_value, written.before.flops


def test_the_papers_network_comes_out_with_any_batch(tmp_path: Path) -> None:
    network = PaperNetwork(channels=1, size=12, classes=4, settings=NetworkSettings(), seed=0)
    written, batch, flops = written_onnx(tmp_path, network, 12)
    assert (batch, len(written.notes)) == (0, 1)
    products = 32 * 10 * 10 * 9 + 64 * 8 * 8 * 32 * 9 + 64 * 4 * 4 * 200 + 200 * 200 + 200 * 4
    assert flops == 2 * products


def test_a_module_that_fixes_its_batch_comes_out_for_one_image_and_says_so(tmp_path: Path) -> None:
    written, batch, flops = written_onnx(tmp_path, FixingItsBatch(), 6)
    assert batch == 1
    assert "hardened.onnx takes one image at a time" in written.notes[1]
    assert flops == 2 * (4 * 16 * 9 + 64 * 4)


def test_a_trained_module_is_written_without_a_wrapper(tmp_path: Path) -> None:
    classifier = open_classifier(small_module(), size=6, channels="gray")
    written = write_drop_in(classifier, source=classifier.module, out=tmp_path)
    assert written.files == ("hardened.onnx", "hardened.safetensors")
    assert written.before.parameters == written.after.parameters == 4 * 9 + 4 + 64 * 4 + 4
    assert written.before.flops == 2 * (4 * 16 * 9 + 64 * 4)


def test_of_a_callable_the_wrapper_alone_is_written(tmp_path: Path) -> None:
    module = small_module()

    def scores(images: torch.Tensor) -> torch.Tensor:
        return module(images)  # type: ignore[no-any-return]

    classifier = open_classifier(scores, size=6, channels="gray")
    hardened = wrap(classifier, wrapper_of("canonicalize", resolve_group("negative", channels=1)))
    written = write_drop_in(hardened, source=scores, out=tmp_path)
    assert written.files == ("hardened.safetensors",)
    assert "the wrapper alone" in written.notes[0]
    images = eight_bit(10, 1, seed=5)
    loaded = load_hardened(tmp_path / "hardened.safetensors", scores)
    torch.testing.assert_close(loaded(images), hardened(images), rtol=0, atol=0)


def test_an_early_opset_is_converted_and_that_is_noted(tmp_path: Path) -> None:
    source = tmp_path / "model.onnx"
    model = linear(source, [10, 1, 6, 6], opset=8)
    model.ir_version = 3
    model.graph.input.append(onnx.helper.make_tensor_value_info("weights", 1, [36, 4]))
    onnx.save(model, source)
    hardened = wrap(open_classifier(source), wrapper_of("canonicalize", resolve_group("negative", channels=1)))
    written = write_drop_in(hardened, source=source, out=tmp_path / "out")
    assert written.notes == ("converted to opset 11 and IR version 6; model.onnx has opset 8 and IR version 3",)


def test_weights_beside_the_file_come_into_it(tmp_path: Path) -> None:
    source = tmp_path / "model.onnx"
    onnx.save(
        linear(source, ["N", 1, 6, 6]), source, save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    hardened = wrap(open_classifier(source), wrapper_of("canonicalize", resolve_group("negative", channels=1)))
    written = write_drop_in(hardened, source=source, out=tmp_path / "out")
    (tmp_path / "weights.bin").unlink()
    assert written.notes == ("the weights beside model.onnx are inside the file",)
    images = eight_bit(10, 1, seed=6)
    assert torch.equal(open_classifier(tmp_path / "out" / "hardened.onnx")(images), hardened(images))
    with pytest.raises(DataError, match=r"expected weights in 'weights.bin' beside model.onnx, found no such file"):
        write_drop_in(hardened, source=source, out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_model_that_gives_nan_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    module = small_module()
    classifier = open_classifier(module, size=6, channels="gray")
    hardened = wrap(classifier, wrapper_of("canonicalize", resolve_group("negative", channels=1)))
    nn.init.constant_(module[0].bias, torch.nan)  # type: ignore[index, arg-type]
    with pytest.raises(InputError, match=r"expected finite outputs of Sequential.*, got NaN or infinity for"):
        write_drop_in(hardened, source=module, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_hardened_file_is_not_hardened_again(tmp_path: Path) -> None:
    source = tmp_path / "model.onnx"
    linear(source, ["N", 1, 6, 6])
    for expected in (None, "expected a model that is not hardened yet in hardened.onnx"):
        hardened = wrap(open_classifier(source), wrapper_of("canonicalize", resolve_group("negative", channels=1)))
        if expected is None:
            write_drop_in(hardened, source=source, out=tmp_path)
        else:
            with pytest.raises(InputError, match=expected):
                write_drop_in(hardened, source=source, out=tmp_path)
        source = tmp_path / "hardened.onnx"


def test_where_the_disk_is_full_nothing_is_left(tmp_path: Path) -> None:
    classifier = open_classifier(small_module(), size=6, channels="gray")
    hardened = wrap(classifier, wrapper_of("canonicalize", resolve_group("negative", channels=1)))
    earlier = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, earlier[1]))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*: File too large; give another place or make room"):
            write_drop_in(hardened, source=hardened.module, out=tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, earlier)
        signal.signal(signal.SIGXFSZ, ignored)
    assert list((tmp_path / "out").glob("*")) == []


@pytest.mark.parametrize("content", [b"", b"not tensors", None])
def test_what_is_no_hardened_classifier_is_not_loaded(tmp_path: Path, content: bytes | None) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "hardened.safetensors"
    path.write_bytes(content) if content is not None else save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(DataError, match=r"hardened\.safetensors"):
        load_hardened(path, small_module())
