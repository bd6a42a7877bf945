"""The same weights say the same, whatever they come as."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from negatoscope.errors import DataError, InputError
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.checkpoint import save_network
from negatoscope.models.networks import NetworkSettings, PaperNetwork
from negatoscope.models.open import open_classifier
from negatoscope.models.predict import predict

CPU = torch.device("cpu")
NORMALIZED = {"mean": "0.1307", "std": "0.3081"}
OPTIONS = {"size": 12, "channels": "gray", **NORMALIZED}


def make() -> nn.Module:
    """A convolutional network with the same weights each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        convolution, dense = nn.Conv2d(1, 6, 3), nn.Linear(150, 10)
    return nn.Sequential(convolution, nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), dense).eval()


FACTORY = """
from torch import nn


def make():
    return nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(150, 10)
    )


def bare():
    return lambda images: images.flatten(1)[:, :10].numpy()


def fails():
    raise OSError("no disk")


number = 7
"""


@pytest.fixture
def factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module in the current folder that makes networks."""
    (tmp_path / "nets_of_mine.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    return "nets_of_mine"


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the network as ONNX and as an exported program, both of any batch."""
    folder = tmp_path_factory.mktemp("exports")
    batch = ({0: torch.export.Dim("batch", min=1, max=4096)},)
    program = torch.export.export(make(), (torch.rand(2, 1, 12, 12),), dynamic_shapes=batch)
    torch.export.save(program, folder / "net.pt2")
    torch.onnx.export(program, f=folder / "net.onnx", dynamo=True, external_data=False, verbose=False)
    return folder


def _open(model: str | Callable[..., Tensor], **options: object) -> ClassifierAdapter:
    return open_classifier(model, **options, data_classes=10, device=CPU)


@pytest.mark.filterwarnings("ignore:.*isinstance.*LeafSpec:FutureWarning")
def test_torch_onnx_export_and_callable_give_the_same_predictions(exports: Path, factory: str) -> None:
    network = make()
    save_file(network.state_dict(), "weights.safetensors")
    torch.save(network.state_dict(), "weights.pt")
    classifiers = {
        "module": _open(network, **OPTIONS),
        "safetensors": _open(f"{factory}:make", weights="weights.safetensors", **OPTIONS),
        "state dict": _open(f"{factory}:make", weights="weights.pt", **OPTIONS),
        "onnx": _open(str(exports / "net.onnx"), **NORMALIZED),
        "export": _open(str(exports / "net.pt2"), **NORMALIZED),
        "callable": _open(lambda images: network(images).numpy(), **OPTIONS),
    }
    pixels = np.random.default_rng(0).integers(0, 256, (500, 1, 12, 12), dtype=np.uint8)
    labels = np.zeros(500, dtype=np.int64)
    with torch.no_grad():
        logits = network((torch.from_numpy(pixels) / 255 - 0.1307) / 0.3081)
    confidences, expected = logits.softmax(1).max(1)
    best = logits.softmax(1).topk(2).values
    sure = (best[:, 0] - best[:, 1] > 1e-4).numpy()
    assert sure.mean() > 0.9
    for name, classifier in classifiers.items():
        found = predict(classifier, pixels, labels, device=CPU)
        np.testing.assert_array_equal(found.predictions[sure], expected[sure], err_msg=name)
        np.testing.assert_allclose(found.confidences, confidences, atol=1e-4, err_msg=name)
    kinds = ["torch", "torch", "torch", "onnx", "export", "callable"]
    assert [classifier.kind for classifier in classifiers.values()] == kinds
    assert [name for name, classifier in classifiers.items() if not classifier.runs_code] == ["onnx"]
    digests = [classifier.sha256 for classifier in classifiers.values()]
    assert len(set(digests[:3])) == 1, "the same weights in a module are the same, however they are stored"
    assert all(len(digest) == 64 for digest in digests)


def test_a_trained_network_declares_its_whole_input_spec(tmp_path: Path) -> None:
    network = PaperNetwork(channels=3, size=8, classes=10, settings=NetworkSettings(), seed=0).eval()
    save_network(tmp_path / "it.safetensors", network, facts={})
    images = torch.rand(5, 3, 8, 8)
    for classifier in (_open(str(tmp_path / "it.safetensors")), _open(network)):
        torch.testing.assert_close(classifier(images), network(images))
        assert (
            classifier.input_spec.resize.height,
            classifier.input_spec.resize.channels,
            classifier.input_spec.classes,
        ) == (8, "rgb", 10)
    first = _open(str(tmp_path / "it.safetensors"))
    assert (first.kind, first.runs_code, first.name) == ("trained", False, "it")


def test_a_name_may_be_given() -> None:
    assert _open(make(), name="mine", **OPTIONS).name == "mine"


def test_a_module_in_training_mode_is_refused() -> None:
    with pytest.raises(InputError, match=r"expected Sequential in evaluation mode, .*; call .eval\(\) first"):
        _open(make().train(), **OPTIONS)


def test_callables_with_other_outputs_differ_in_their_digest() -> None:
    first, again, other = (
        _open(lambda images, factor=factor: factor * images.flatten(1)[:, :10], **OPTIONS).sha256
        for factor in (1, 1, 2)
    )
    assert first == again != other


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("nets_of_mine:made", {}, "but AttributeError: module 'nets_of_mine' has no attribute 'made'"),
        ("nets_of_mine:fails", {}, "but OSError: no disk"),
        ("nets_of_theirs:make", {}, "but ModuleNotFoundError: No module named 'nets_of_theirs'"),
        ("nets_of_mine:number", {}, "but TypeError: 'int' object is not callable"),
        ("nets_of_mine:bare", {"weights": "weights.pt"}, "to make a torch module for --weights, got function"),
        ("nets_of_mine:make", {"size": 28, **NORMALIZED}, "expected make to take float32 images of --size 28x28"),
        ("nets_of_mine:make", {"weights": "missing.pt"}, "expected weights in missing.pt, but there is no such file"),
    ],
)
def test_what_a_factory_does_not_do_is_one_sentence(
    factory: str, name: str, options: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        _open(name, **{**OPTIONS, **options})


def test_a_factory_may_make_any_callable_of_arrays(factory: str) -> None:
    classifier = _open(f"{factory}:bare", size=4, channels="gray")
    images = torch.rand(3, 1, 4, 4)
    assert torch.equal(classifier(images), images.flatten(1)[:, :10])
    assert str(Path.cwd()) not in sys.path, "the current folder is looked into for the import alone"


def test_a_callable_may_give_the_arrays_of_another_package() -> None:
    pandas = pytest.importorskip("pandas")
    network, images = make(), torch.rand(5, 1, 12, 12)
    classifier = _open(lambda given: pandas.DataFrame(network(given).detach().numpy()), size=12, channels="gray")
    torch.testing.assert_close(classifier(images), network(images).detach())


class Bomb:
    """An object that makes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Path, ...]]:
        return (Path.touch, (Path("the code ran"),))


def test_a_pickle_is_never_opened(factory: str) -> None:
    for ending in (".pt", ".pth", ".pkl", ".bin"):
        torch.save({"net": Bomb()}, f"net{ending}")
        with pytest.raises(
            DataError, match=f"^expected a model that cannot run code, got net{ending}, which by its end"
        ):
            _open(f"net{ending}", **OPTIONS)
        with pytest.raises(DataError, match="got a pickle that may run code, which is never opened"):
            _open(f"{factory}:make", weights=f"net{ending}", **OPTIONS)
    assert not Path("the code ran").exists()


@pytest.mark.parametrize(
    ("held", "sentence"),
    [
        (
            {"epoch": 3, "state_dict": {}},
            "expected tensors by name in w.pt, got epoch, state_dict; name the state dict among these with --we",
        ),
        ([torch.ones(3)], "got list"),
        ({"0.weight": torch.ones(3)}, "expected the weights of Sequential in w.pt: Error.* in loading"),
    ],
)
def test_weights_of_another_kind_are_one_sentence(factory: str, held: object, sentence: str) -> None:
    torch.save(held, "w.pt")
    with pytest.raises(DataError, match=sentence):
        _open(f"{factory}:make", weights="w.pt", **OPTIONS)


@pytest.mark.parametrize("key", ["state_dict.model", "state_dict.model.module"])
def test_a_checkpoint_s_weights_are_read_by_their_key(factory: str, key: str) -> None:
    begin = key.removeprefix("state_dict.")
    named = {f"{begin}.{name}": tensor for name, tensor in make().state_dict().items()}
    torch.save({"epoch": 3, "state_dict": named, "optimizer": {"lr": 0.1}}, "w.ckpt")
    images = torch.rand(3, 1, 12, 12)
    classifier = _open(f"{factory}:make", weights="w.ckpt", weights_key=key, **OPTIONS)
    torch.testing.assert_close(classifier(images), _open(make(), **OPTIONS)(images))
    assert classifier.sha256 == _open(make(), **OPTIONS).sha256


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("model", "^expected 'model' of --weights-key in w.pt, got epoch, state_dict; correct it$"),
        ("epoch", "^expected tensors by name in w.pt, got int; name the state dict"),
        ("epoch.model", "^expected 'model' of --weights-key in w.pt, got int; correct it$"),
        ("state_dict", r"in w.pt \(--weights-key names what all of its names begin with\): Error"),
    ],
)
def test_another_key_of_a_checkpoint_is_one_sentence(factory: str, key: str, sentence: str) -> None:
    torch.save({"epoch": 3, "state_dict": {"module.0.bias": torch.ones(6)}}, "w.pt")
    with pytest.raises(DataError, match=sentence):
        _open(f"{factory}:make", weights="w.pt", weights_key=key, **OPTIONS)


@pytest.mark.parametrize(
    ("model", "options", "sentence"),
    [
        (
            "nets_of_mine:make",
            {"provider": "CPU"},
            "--provider with a model of kind onnx, got it with one of kind t",
        ),
        (
            make(),
            {"weights": "w.pt"},
            "--weights with a model of kind torch or timm, got it with one of kind call",
        ),
        (
            "nets_of_mine:make",
            {"output_name": "aux"},
            "--output-name with a model of kind onnx, got it with one of kind t",
        ),
        ("nets_of_mine:make", {"weights_key": "model"}, "--weights beside --weights-key, got none; give the file"),
    ],
    ids=["provider", "weights", "output name", "weights key"],
)
def test_options_of_another_kind_are_one_sentence(
    model: str | nn.Module, options: dict[str, str], sentence: str, factory: str
) -> None:
    with pytest.raises(InputError, match=f"^expected {sentence}"):
        _open(model, **OPTIONS, **options)


@pytest.mark.parametrize("content", [b"no weights at all", b"text\n", b"", bytes(range(256)) * 4])
@pytest.mark.parametrize("ending", ["pt", "safetensors"])
def test_damaged_weights_are_one_sentence(factory: str, ending: str, content: bytes) -> None:
    Path(f"w.{ending}").write_bytes(content)
    with pytest.raises(DataError, match=f"in w.{ending}"):
        _open(f"{factory}:make", weights=f"w.{ending}", **OPTIONS)


def test_weights_without_a_network_ask_for_its_factory(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "w.safetensors")
    with pytest.raises(DataError, match=r"got weights alone; name what makes the network, package.module:factory"):
        _open(str(tmp_path / "w.safetensors"))
    (tmp_path / "w.safetensors").write_bytes(b"no")
    with pytest.raises(DataError, match=r"expected a checkpoint in .*w.safetensors, got a damaged file"):
        _open(str(tmp_path / "w.safetensors"))
    with pytest.raises(DataError, match="there is no such file"):
        _open(str(tmp_path / "missing.safetensors"))


@pytest.mark.parametrize("text", ["net.xml", "no-such-folder/", "mnist"])
def test_an_unknown_kind_of_model_is_one_sentence(text: str, factory: str) -> None:
    sentence = r"^expected model.pt2, a Hugging .*, model.onnx, .* or weights.safetensors, got '.*', which is "
    with pytest.raises(InputError, match=sentence + "no file; correct it$"):
        _open(text)
    if not text.endswith("/"):
        Path(text).touch()
        with pytest.raises(InputError, match=sentence + "none of these; correct it$"):
            _open(text)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("net.h5", r"Keras's net.h5; .* keras.saving.load_model\('net.h5'\).export\('net'\), then "
            "python -m tf2onnx.convert --saved-model net --output net.onnx$"),
        ("net.keras", r"Keras's net.keras; .* keras.saving.load_model\('net.keras'\).export\('net'\), then python -m "),
        ("net.tflite", "python -m tf2onnx.convert --tflite net.tflite --output net.onnx$"),
        ("net/saved_model.pb", "the SavedModel net; .* python -m tf2onnx.convert --saved-model net --output net.onnx$"),
        ("net.joblib", r"by its ending is a pickle; export it to ONNX \(with skl2onnx, of scikit-learn\), "
            r"or, if you trust it, name a function of yours that returns joblib.load\('net.joblib'\), package"),
    ],
    ids=lambda text: text[:10],
)  # fmt: skip
def test_a_file_of_another_framework_says_how_to_convert_it(file: str, sentence: str, factory: str) -> None:
    Path(file).parent.mkdir(exist_ok=True)
    Path(file).touch()
    for text in {file, file.removesuffix("/saved_model.pb")}:
        with pytest.raises(DataError, match=sentence):
            _open(text)


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_called_is_one_sentence() -> None:
    with pytest.raises(InputError, match="expected something that can be called with images, got int"):
        open_classifier(7, device=CPU)
