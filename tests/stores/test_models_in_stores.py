"""A model by URL is the model on the disk: the same scores, digest and refusals, whatever it came as."""

import json
import resource
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import negatoscope
from negatoscope.cache import cache_folder
from negatoscope.copies import copies_folder, local_file
from negatoscope.data.manage import clean
from negatoscope.errors import DataError, InputError, OutputError, StoreError
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.networks import NetworkSettings, PaperNetwork
from negatoscope.models.open import open_classifier
from negatoscope.stores import StorePath

from .conftest import put

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
CLASSES = ("left", "middle", "right")
WEIGHTS = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)


def save_onnx(path: Path, *, weights: np.ndarray = WEIGHTS, beside: str = "") -> None:
    """A linear classifier of 8x8 gray images; its weights in a file of its own, where that is named."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["scores"])]
    inputs = [helper.make_tensor_value_info("x", kind, ["n", 1, 8, 8])]
    outputs = [helper.make_tensor_value_info("scores", kind, ["n", 3])]
    graph = helper.make_graph(nodes, "linear", inputs, outputs, [onnx.numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    more = {"save_as_external_data": True, "location": beside, "size_threshold": 0} if beside else {}
    onnx.save(model, path, **more)


def save_exported(path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torch.export.save(torch.export.export(module.eval(), (torch.rand(2, 1, 8, 8),)), path)


def save_trained(path: Path) -> None:
    negatoscope.save_network(
        path, PaperNetwork(channels=1, size=28, classes=3, settings=NetworkSettings(), seed=0), facts={}
    )


def save_hugging_face(folder: Path) -> None:
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    config = transformers.ViTConfig(**sizes, image_size=8, patch_size=4, num_channels=1, num_labels=3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.ViTForImageClassification(config).save_pretrained(folder)
    (folder / "modeling_vit.py").write_text("raise SystemExit('code of a stranger')")


KINDS: dict[str, tuple[str, Callable[[Path], None], dict[str, object]]] = {
    "onnx": ("net.onnx", save_onnx, {}),
    "onnx with weights beside": ("net.onnx", lambda path: save_onnx(path, beside="net.onnx.data"), {}),
    "export": ("net.pt2", save_exported, {}),
    "trained": ("net.safetensors", save_trained, {"size": 28, "channels": "gray"}),
    "hugging face": ("tiny-vit", save_hugging_face, {"size": 8, "channels": "gray"}),
}


def scores(classifier: ClassifierAdapter) -> torch.Tensor:
    spec = classifier.input_spec.resize
    images = torch.rand(5, 1, spec.height, spec.width, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return classifier(images)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder: images in folders of classes, and a linear model."""
    generator = np.random.default_rng(1)
    for index in range(60):
        folder = tmp_path / "images" / CLASSES[index % 3]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 255, (8, 8), dtype=np.uint8)).save(folder / f"{index:02d}.png")
    save_onnx(tmp_path / "net.onnx")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_by_url_is_the_one_on_the_disk(kind: str, store: StorePath, tmp_path: Path) -> None:
    name, save, options = KINDS[kind]
    home = tmp_path / "home"
    home.mkdir()
    save(home / name)
    put(home, store / "models")
    there = open_classifier(f"{store}/models/{name}", **options)
    here = open_classifier(home / name, **options)
    assert (there.name, there.kind, there.sha256) == (here.name, here.kind, here.sha256)
    assert there.input_spec == here.input_spec
    assert torch.equal(scores(there), scores(here))
    assert not list(cache_folder().rglob("*.py")), "code beside a model is not even copied"


def test_weights_settings_and_names_of_outputs_are_read_by_url(
    store: StorePath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "linear_net.py").write_text(
        "import torch\n\n\ndef net():\n    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))\n"
    )
    state = {"0.weight": torch.from_numpy(WEIGHTS.T.copy()), "0.bias": torch.zeros(3)}
    torch.save({"state_dict": {f"1.{name[2:]}": tensor for name, tensor in state.items()}}, tmp_path / "net.pt")
    (tmp_path / "net.toml").write_text('size = 8\nchannels = "gray"\nweights_key = "state_dict"\n')
    (tmp_path / "outputs.txt").write_text("right\nleft\nmiddle\n")
    monkeypatch.chdir(tmp_path)
    opened = []
    for home in (tmp_path, store):
        if isinstance(home, StorePath):
            for name in ("net.pt", "net.toml", "outputs.txt"):
                put(tmp_path / name, home / name)
        opened.append(
            open_classifier(
                "linear_net:net",
                weights=f"{home}/net.pt",
                config=f"{home}/net.toml",
                class_map=f"{home}/outputs.txt",
                class_names=CLASSES,
            )
        )
    here, there = opened
    assert there.input_spec.class_map == here.input_spec.class_map == (1, 2, 0)
    assert torch.equal(scores(there), scores(here))
    labeled = open_classifier(f"{put(_onnx(tmp_path), store / 'a.onnx')}", class_map=f"{store}/outputs.txt")
    assert labeled.labels == ("right", "left", "middle")


def _onnx(folder: Path) -> Path:
    save_onnx(folder / "a.onnx")
    return folder / "a.onnx"


def test_a_model_is_fetched_once_and_again_when_it_changed(
    store: StorePath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_onnx(tmp_path / "net.onnx", beside="net.data")
    for name in ("net.onnx", "net.data"):
        put(tmp_path / name, store / name)
    fetched = []
    download = StorePath.download
    monkeypatch.setattr(StorePath, "download", lambda self, file: (fetched.append(self.name), download(self, file)))
    first = scores(open_classifier(f"{store}/net.onnx"))
    fetched.clear()
    assert torch.equal(scores(open_classifier(f"{store}/net.onnx")), first)
    assert fetched == []
    save_onnx(tmp_path / "net.onnx", weights=-WEIGHTS, beside="other.data")
    put(tmp_path / "other.data", store / "net.data")  # the graph's own file stays
    assert torch.equal(scores(open_classifier(f"{store}/net.onnx")), -first)
    assert "net.data" in fetched


def test_a_model_that_changes_while_it_is_read_is_one_sentence(
    store: StorePath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_onnx(tmp_path / "net.onnx")
    put(tmp_path / "net.onnx", store / "models/net.onnx")
    download = StorePath.download

    def overtaken(self: StorePath, file: Path) -> None:
        download(self, file)
        save_onnx(tmp_path / "net.onnx", weights=-WEIGHTS)
        self.upload(tmp_path / "net.onnx")

    with monkeypatch.context() as patched:
        patched.setattr(StorePath, "download", overtaken)
        sentence = rf"^expected {store}/models to stay as it is while it is read, got a change; run the same again$"
        with pytest.raises(DataError, match=sentence):
            open_classifier(f"{store}/models/net.onnx")
    assert not [path for path in copies_folder().rglob("*") if path.suffix != ".lock" and path.is_file()]
    here = scores(open_classifier(tmp_path / "net.onnx"))
    assert torch.equal(scores(open_classifier(f"{store}/models/net.onnx")), here)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("none.onnx", "^expected a file in {store}/none.onnx, but there is no such object; correct it$"),
        ("none", "^expected a file in {store}/none, but there is no such object; correct it$"),
        ("damaged.onnx", "^expected an ONNX model in damaged.onnx, got other bytes; export it again$"),
        ("damaged.pt2", "^expected an exported program in damaged.pt2, got another file; save it again$"),
        ("net.pkl", "^expected a model that cannot run code, got net.pkl, which by its ending is a pickle; "),
        ("notes.txt", "^expected .*, got '{store}/notes.txt', which is none of these; correct it$"),
        ("folder", "^expected a folder with config.json, as save_pretrained makes it, but {store}/folder has none$"),
        ("beside.onnx", "^expected a file in {store}/none.data, but there is no such object; correct it$"),
        ("escape.onnx", r"^expected the weights of escape.onnx inside its folder, got '\.\./net.data'; do not trust"),
    ],
)
def test_what_is_no_model_is_one_sentence(name: str, sentence: str, memory: StorePath, tmp_path: Path) -> None:
    for other in ("damaged.onnx", "damaged.pt2", "net.pkl", "notes.txt", "folder/notes.txt"):
        (memory / other).write_bytes(b"nothing of that kind")
    for file, beside in (("beside.onnx", "none.data"), ("escape.onnx", "../net.data")):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        save_onnx(tmp_path / file, beside="net.data")
        content = (tmp_path / file).read_bytes()
        model = onnx.ModelProto.FromString(content)
        model.graph.initializer[0].external_data[0].value = beside
        (memory / file).write_bytes(model.SerializeToString())
    (memory.parent / "net.data").write_bytes(WEIGHTS.tobytes())
    with pytest.raises(InputError, match=sentence.format(store=memory)):
        open_classifier(f"{memory}/{name}")


def test_a_pickle_by_url_is_refused_before_it_is_fetched(memory: StorePath, monkeypatch: pytest.MonkeyPatch) -> None:
    (memory / "net.pkl").write_bytes(b"cos\nsystem\n(S'touch /tmp/x'\ntR.")
    with pytest.raises(DataError, match="which by its ending is a pickle"):
        open_classifier(f"{memory}/net.pkl")
    assert not copies_folder().exists()


def test_a_model_that_one_may_not_read_is_one_sentence(s3: StorePath, server: str, tmp_path: Path) -> None:
    put(_onnx(tmp_path), s3 / "net.onnx")

    def checked_after(requests: str) -> None:
        asked = urllib.request.Request(
            f"{server}/moto-api/reset-auth", requests.encode(), {"Content-Type": "text/plain"}
        )
        urllib.request.urlopen(asked).close()

    checked_after("0")
    try:
        with pytest.raises(StoreError, match=rf"^cannot reach {s3}/net.onnx: .*; check the name, the credentials and"):
            open_classifier(f"{s3}/net.onnx")
    finally:
        checked_after("inf")
    with pytest.raises(StoreError, match=r"bucket does not exist; check the name, the credentials and the network$"):
        open_classifier("s3://no-such-bucket-at-all/net.onnx")


def test_a_full_disk_is_one_sentence_and_leaves_nothing(store: StorePath, tmp_path: Path) -> None:
    (store / "large.onnx").write_bytes(bytes(3_000_000))
    earlier = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, earlier[1]))
    try:
        with pytest.raises(OutputError, match=r"^cannot write .*: File too large; give another place or make room$"):
            local_file(f"{store}/large.onnx")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, earlier)
        signal.signal(signal.SIGXFSZ, handler)
    assert not [path for path in copies_folder().rglob("*") if path.suffix != ".lock" and path.is_file()]
    assert local_file(f"{store}/large.onnx").stat().st_size == 3_000_000


def test_copies_are_cleaned_with_the_cache(memory: StorePath, tmp_path: Path) -> None:
    copy = local_file(f"{put(_onnx(tmp_path), memory / 'net.onnx')}")
    done = clean()
    assert not copy.exists()
    assert done.size_bytes == (tmp_path / "a.onnx").stat().st_size


def test_every_command_takes_a_model_by_url(
    store: StorePath, place: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    put(place / "net.onnx", store / "net.onnx")
    put(place / "images", store / "images")
    (place / "rules.toml").write_text('[any]\n[[any.rules]]\ntransform = "negative"\nlost = "all"\n')
    put(place / "rules.toml", store / "rules.toml")
    for number, text in enumerate(
        (
            "audit HOME/net.onnx --data HOME/images --suite negative --no-self-check --out OUT",
            "audit HOME/net.onnx --data HOME/images --suite negative --no-self-check --out OUT"
            " --label-preserving HOME/rules.toml",
            "search HOME/net.onnx --data HOME/images --space tone --budget 3 --no-self-check --out OUT"
            " --transfer HOME/net.onnx",
            "verify HOME/net.onnx --data HOME/images --at-least 0",
        )
    ):
        printed = []
        for home in (str(place), str(store)):
            out = f"out{number}{home.startswith(str(place))}"
            words = text.replace("HOME", home).replace("OUT", out).split()
            code, printed_text, err = command(*words, "--format", "json")
            assert code == 0, err
            printed.append(json.loads(printed_text))
        here, there = printed
        assert there["provenance"]["command"] == here["provenance"]["command"]
        for document in printed:
            document.pop("provenance")
            document.pop("seconds", None)
        assert there == here


@pytest.mark.slow
def test_workers_open_a_model_by_url_and_make_the_same_rows(
    s3: StorePath, place: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    put(place / "net.onnx", s3 / "net.onnx")
    words = ("--data", "images", "--suite", "negative", "--no-self-check", "--threads", "1", "--out")
    assert command("audit", "net.onnx", *words, "a")[0] == 0
    more = ("--executor", "processes", "--workers", "2")
    code, _, err = command("audit", f"{s3}/net.onnx", *words, "b", *more)
    assert code == 0, err
    here, there = (negatoscope.read_audit(out) for out in ("a", "b"))
    assert there.rows().equals(here.rows())
