"""A user's folder, small enough that a command takes a second: real digits in every form, and models that read them."""

import gzip
import io
import json
import shutil
import struct
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from pydicom.dataset import Dataset as DicomDataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage
from safetensors.torch import save_file
from torch import nn

from negatoscope.data import load_dataset
from torture.forked import Body, command, run

FACTORY = """\
import torch

def digits():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
"""
PLAN = """\
[[studies]]
name = "few"
dataset = "mnist_sample"
recipe = "sgd"
epsilon = 0.0
equal_accuracies = [0.3]
decisive_accuracy = 0.3
changes = {{ data = "folder:{folder}/png", epochs = 3 }}

[[studies.factors]]
name = "initialization"
default = "Glorot"
levels = [{{ value = "He", changes = {{ network = {{ initialization = "he" }} }} }}]
"""
DISCUSSION = """\
recipe = "sgd"
datasets = ["mnist_sample"]
variants = [
    {{ name = "plain", experiments = ["b"] }},
    {{ name = "5 negatives", experiments = ["b"], negatives = 5 }},
    {{ name = "fine-tuned", experiments = ["b"], fine_tuned = true, negatives = "all" }},
]
[transforms]
mnist_sample = []
[data]
mnist_sample = "folder:{folder}/png"
"""
ROOT = Path(__file__).resolve().parents[1]
SEED = 0


@dataclass(frozen=True)
class Samples:
    """The folder, in which everything has the same name in every run."""

    folder: Path

    def __truediv__(self, name: str) -> Path:
        return self.folder / name


def make(samples: Samples) -> None:
    """Make all but `results` in a new folder, the same bytes in every run."""
    folder = samples.folder
    digits = load_dataset("mnist_sample", split="train")
    images, labels = np.asarray(digits.images)[:, 0], np.asarray(digits.labels)
    weight, bias = _fit(images, labels)
    folder.mkdir(parents=True)
    sys.path.insert(0, str(folder))  # where factory.py is
    for split, first, n in (("train", 0, 8), ("test", 20, 4)):
        chosen = np.concatenate([np.flatnonzero(labels == digit)[first : first + n] for digit in range(10)])
        _images(folder, split, images[chosen], labels[chosen])
    _packed(folder)
    _models(folder, weight, bias)
    _settings(folder)


def _fit(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A linear classifier by least squares: weight [10, 784] and bias [10]."""
    pixels = np.c_[images.reshape(len(images), -1) / 255, np.ones(len(images))]
    solved = np.linalg.solve(pixels.T @ pixels + 10 * np.eye(785), pixels.T @ np.eye(10)[labels])
    return (10 * solved[:-1].T).astype(np.float32), (10 * solved[-1]).astype(np.float32)


def _images(folder: Path, split: str, images: np.ndarray, labels: np.ndarray) -> None:
    for kind in ("png", "jpeg", "tiff", "dcm", "color"):
        for index, (pixels, label) in enumerate(zip(images, labels, strict=True)):
            file = folder / kind / split / str(label) / f"{index}.{'png' if kind == 'color' else kind}"
            file.parent.mkdir(parents=True, exist_ok=True)
            shown = np.stack([pixels, pixels // 2, pixels // 4], axis=2) if kind == "color" else pixels
            file.write_bytes(dicom(pixels) if kind == "dcm" else encoded(shown, file.suffix[1:]))
    np.savez(folder / f"digits-{split}.npz", images=images, labels=labels)


def encoded(pixels: np.ndarray, kind: str) -> bytes:
    """Pixels, gray or in color, as a file of one of Pillow's kinds."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind.upper())
    return stream.getvalue()


def dicom(pixels: np.ndarray) -> bytes:
    """Gray pixels as a DICOM file."""
    data = DicomDataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = SecondaryCaptureImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = UID("1.2.3")
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
    data.PixelData = pixels.tobytes()
    stream = io.BytesIO()
    data.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _packed(folder: Path) -> None:
    """The test images in each form that holds many of them."""
    files = {path: path.read_bytes() for path in sorted((folder / "png/test").rglob("*.png"))}
    named = {f"{path.parent.name}/{path.name}": content for path, content in files.items()}
    with zipfile.ZipFile(folder / "digits.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in named.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    _tar(folder / "digits.tar", named)
    _tar(folder / "digits.tar.gz", named)
    samples = {f"{path.stem}.png": content for path, content in files.items()}
    samples |= {f"{path.stem}.cls": path.parent.name.encode() for path in files}
    _tar(folder / "shards-000.tar", dict(sorted(samples.items())))
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    cells = [{"bytes": content, "path": path.name} for path, content in files.items()]
    labels = [int(path.parent.name) for path in files]
    pq.write_table(pa.table({"image": pa.array(cells, kind), "label": labels}), folder / "digits.parquet")
    lines = [f"{path.relative_to(folder / 'png/test')},{path.parent.name}" for path in files]
    (folder / "labels.csv").write_text("\n".join(["file,label", *lines]) + "\n")
    _idx(folder / "idx")


def _tar(path: Path, members: Mapping[str, bytes]) -> None:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def _idx(folder: Path) -> None:
    """MNIST's four files: as many test images of each digit as there should be, from the sample again and again."""
    folder.mkdir()
    counts = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
    digits = load_dataset("mnist_sample", split="test")
    images, labels = np.asarray(digits.images)[:, 0], np.repeat(np.arange(10, dtype=np.uint8), counts)
    chosen = np.concatenate([np.resize(np.flatnonzero(digits.labels == d), n) for d, n in enumerate(counts)])
    for name, array in (("t10k-images-idx3", images[chosen]), ("t10k-labels-idx1", labels)):
        content = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
        (folder / f"{name}-ubyte.gz").write_bytes(gzip.compress(content, 1, mtime=0))
    for name in ("train-images-idx3", "train-labels-idx1"):  # which no command here opens
        (folder / f"{name}-ubyte.gz").write_bytes(gzip.compress(b"", mtime=0))


def _models(folder: Path, weight: np.ndarray, bias: np.ndarray) -> None:
    (folder / "digits.onnx").write_bytes(_onnx(weight, bias))
    (folder / "large.onnx").write_bytes(_onnx(weight, bias, scale=12))  # whose images are audited in many parts
    module = nn.Sequential(nn.Flatten(), nn.Linear(784, 10)).eval()
    module.load_state_dict({"1.weight": torch.from_numpy(weight), "1.bias": torch.from_numpy(bias)})
    save_file(module.state_dict(), folder / "digits.safetensors")
    (folder / "factory.py").write_text(FACTORY)
    batch = torch.export.Dim("n", min=1, max=4096)
    program = torch.export.export(module, (torch.rand(2, 1, 28, 28),), dynamic_shapes=({0: batch},))
    torch.export.save(program, folder / "digits.pt2")
    _hugging_face(folder / "hugging_face")


def _onnx(weight: np.ndarray, bias: np.ndarray, *, scale: int = 1) -> bytes:
    """A linear classifier of digits that are so many times as wide and high."""
    pool = helper.make_node("AveragePool", ["images"], ["small"], kernel_shape=[scale] * 2, strides=[scale] * 2)
    graph = helper.make_graph(
        [
            *([pool] if scale > 1 else []),
            helper.make_node("Flatten", ["small" if scale > 1 else "images"], ["flat"]),
            helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"], transB=1),
        ],
        "digits",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, 28 * scale, 28 * scale])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def _hugging_face(folder: Path) -> None:
    from transformers import ViTConfig, ViTForImageClassification

    torch.manual_seed(SEED)
    config = ViTConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, image_size=28, patch_size=14
    )
    config.num_labels = 10
    ViTForImageClassification(config).save_pretrained(folder)
    processor = {
        **{"image_processor_type": "ViTImageProcessor", "do_resize": True, "size": {"height": 28, "width": 28}},
        **{"do_rescale": True, "do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))


def _settings(folder: Path) -> None:
    """Texts that a user writes."""
    (folder / "config.toml").write_text('size = "28"\nchannels = "gray"\nmean = 0.5\nstd = [0.5]\nlayout = "NCHW"\n')
    (folder / "recipe.toml").write_text(
        f'name = "tiny"\ndata = "folder:{folder}/png"\noptimizer = "sgd"\nepochs = 6\nbatch_size = 20\n'
    )
    (folder / "color_recipe.toml").write_text(
        f'name = "tiny"\ndata = "folder:{folder}/color"\noptimizer = "sgd"\nepochs = 6\nbatch_size = 20\n'
        "validation_size = 20\n"
    )
    (folder / "plan.toml").write_text(PLAN.format(folder=folder))
    (folder / "discussion.toml").write_text(DISCUSSION.format(folder=folder))


def results(samples: Samples) -> None:
    """What commands have written, of the samples and in results/."""
    words = (samples / "digits.onnx", "--data", samples / "png", "--suite", "none", "--transform", "negative")
    ended = run(command("audit", *words, "--limit", "20", "--out", samples / "audit"), samples / "made")
    annotated = run(command("annotate", samples / "png", "--out", samples / "rules.toml"), samples / "made")
    if ended.code or annotated.code:
        raise RuntimeError(f"expected two commands to end well, got {ended.error} {annotated.error}")
    (samples / "results").mkdir()
    published = (ROOT / f"results/{name}/{name}.json" for name in ("table1", "sensitivity"))
    for file in (samples / "audit/summary.json", *published):
        shutil.copy(file, samples / "results")


def usual_commands(samples: Samples) -> list[Body]:
    """Commands that between them import what commands import."""
    png, model = samples / "png", samples / "digits.onnx"
    negative = ("--suite", "none", "--transform", "negative", "--limit", "20")
    return [
        command("audit", model, "--data", png, *negative, "--out", "out"),
        command("annotate", "mnist:test", "--data-dir", samples / "idx", "--out", "out"),
        *(
            command("verify", samples / name, "--data", png, "--invariant", "negative", "--limit", "4")
            for name in ("digits.pt2", "hugging_face")
        ),
        *(command("annotate", samples / name, "--out", "out") for name in ("digits.parquet", "dcm", "tiff")),
    ]
