"""`negatoscope harden` as a shell calls it: files in, a folder with the proof out."""

import json
import resource
import shlex
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real digits as files, unlabeled ones to fit on and labeled ones that judge, and a linear model as ONNX."""
    top = tmp_path_factory.mktemp("place")
    images, labels = load_digits(return_X_y=True)
    pixels = (images * 255 / 16).round().astype(np.uint8).reshape(-1, 8, 8)
    for index, (image, label) in enumerate(zip(pixels[:260], labels[:260], strict=True)):
        folder = top / "fit" if index < 200 else top / "judges" / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{index}.png")
    means = np.stack([images[labels == digit].mean(axis=0) / 16 for digit in range(10)])
    weights = (means - means.mean(axis=0)).T.astype(np.float32)
    bias = (-0.5 * (means**2).sum(axis=1)).astype(np.float32)
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w", "b"], ["logits"]),
    ]
    constants = [onnx.numpy_helper.from_array(array, name) for array, name in ((weights, "w"), (bias, "b"))]
    graph = helper.make_graph(
        nodes,
        "nearest",
        [helper.make_tensor_value_info("x", kind, ["n", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", kind, ["n", 10])],
        constants,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), top / "means.onnx")
    return top


def words(place: Path, *more: str) -> list[str]:
    fixed = f"harden {place}/means.onnx --fit {place}/fit --data folder:{place}/judges --suite none"
    return [*shlex.split(fixed), *more]


def test_harden_writes_the_proof_and_prints_it(negatoscope: Command, place: Path, tmp_path: Path) -> None:
    code, out, error = negatoscope(*words(place, "--out", str(tmp_path / "out")))
    assert code == 0, error
    document = json.loads((tmp_path / "out" / "harden.json").read_text(encoding="utf-8"))
    (entry,) = document["methods"]
    assert f"**{document['verdict']}**" in out
    assert "Hardened by canonicalize, means.onnx is as accurate on negatives as on clean images" in out
    assert entry["negative_before"]["accuracy"] < 0.5 < entry["negative_after"]["accuracy"]
    assert document["n_fit"] == 200
    assert document["provenance"]["command"] == (
        "negatoscope harden means.onnx --fit fit --data folder:judges --suite none"
    )
    assert "Fitted on 200 images of fit without labels" in error


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            ["--invariant", "color_cube"],
            "expected color images for the group color_cube, got gray ones; choose",
        ),
        (["--invariant", "negatve"], "did you mean 'negative'?"),
        (["--method", "canonicalise"], "did you mean 'canonicalize'?"),
        (["--method", "average(of='mean')"], "expected of of average to be one of 'probabilities'"),
        (["--method", ","], "expected one or more of the methods adversarial, augment, average, canonicalize"),
        (["--seeds", "0"], "expected --seeds of at least 1, got 0"),
        (["--limit", "0"], "expected"),
        (["--fit", "nowhere"], "nowhere"),
    ],
)
def test_what_is_unusable_is_refused_before_anything_is_written(
    negatoscope: Command, place: Path, tmp_path: Path, more: list[str], sentence: str
) -> None:
    code, _, error = negatoscope(*words(place, *more, "--out", str(tmp_path / "out")))
    assert code == 2
    last = error.splitlines()[-1]
    assert last.startswith("negatoscope: ")
    assert sentence in last
    assert not (tmp_path / "out").exists()


def changed_model(place: Path, folder: Path, kind: str) -> Path:
    """The model as it answers NaN, or with its weights in a file that is elsewhere."""
    model, path = onnx.load(place / "means.onnx"), folder / "model.onnx"
    if kind == "NaN":
        model.graph.initializer[1].CopyFrom(onnx.numpy_helper.from_array(np.full(10, np.nan, np.float32), "b"))
        onnx.save(model, path)
        return path
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    if kind == "lost":
        (folder / "weights.bin").unlink()
    else:
        (folder / "weights.bin").rename(folder.parent / "weights.bin")
        for tensor in model.graph.initializer:
            next(entry for entry in tensor.external_data if entry.key == "location").value = "../weights.bin"
        path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("NaN", "expected finite outputs of model.onnx, got NaN or infinity"),
        ("lost", "weights.bin"),
        ("elsewhere", "../weights.bin"),
    ],
)
def test_a_model_that_cannot_be_used_is_one_sentence_and_leaves_nothing(
    negatoscope: Command, place: Path, tmp_path: Path, kind: str, sentence: str
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    path = changed_model(place, folder, kind)
    code, _, error = negatoscope("harden", str(path), *words(place)[2:], "--out", str(tmp_path / "out"))
    assert code == 2
    assert error.splitlines()[-1].startswith("negatoscope: ")
    assert sentence in error.splitlines()[-1]
    assert [file for file in (tmp_path / "out").rglob("*") if file.name != ".lock" and file.is_file()] == []


@pytest.mark.parametrize("size", [500, 30_000])
def test_where_the_disk_is_full_one_sentence_says_so_and_nothing_is_half_written(
    negatoscope: Command, place: Path, tmp_path: Path, size: int
) -> None:
    """The system allows only small files: before anything is audited, and when a hardened model is written."""
    earlier = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, earlier[1]))
    try:
        code, _, error = negatoscope(*words(place, "--out", str(tmp_path / "out")))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, earlier)
        signal.signal(signal.SIGXFSZ, ignored)
    assert code == 2, error
    assert error.splitlines()[-1].startswith("negatoscope: ")
    assert "File too large" in error.splitlines()[-1]
    assert not (tmp_path / "out" / "harden.json").exists()
    assert list((tmp_path / "out").rglob("*.tmp")) == []


@pytest.mark.parametrize("kind", ["groups", "methods"])
def test_groups_and_methods_are_listed(negatoscope: Command, kind: str) -> None:
    code, out, _ = negatoscope("list", kind)
    assert code == 0
    assert ("color_cube" if kind == "groups" else "canonicalize") in out
