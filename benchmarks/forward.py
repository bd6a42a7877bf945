"""Classifying with the same weights as runtimes do it: forward passes alone, and a whole process.

**Forward passes alone**: the paper's network in float32, on images that lie ready in memory in the layout that each
likes best, in the batches of 32, 64, 128 or 256 images that suit it best. Ours is the network as every audit asks it
without gradients; peers run it exported to ONNX: onnxruntime with all its optimisations of the graph, OpenVINO told to
compute in float32 with one stream, both with as many threads as ours, and neither copies its input. Everyone's logits
must be the same but for rounding.

**A whole process**: 10,000 digits, clean and negative, through a small network in an ONNX file. Ours is `negatoscope
audit` from its start to its end, with rows, statistics, figures and page; `peers/ten_lines.py` reads the same files
with numpy, asks onnxruntime, and prints two accuracies, which must be ours.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks import harness, where
from benchmarks.audit import paper_network
from benchmarks.harness import Findings, Profiled
from benchmarks.startup import COMMAND, finish
from negatoscope.data import DataLocator, Dataset, load_dataset
from negatoscope.memory import keep_freed_memory
from negatoscope.models.predict import to_images

BATCHES = (32, 64, 128, 256)
IMAGES = 1024
SAME = 1e-4  # of logits of a network with its first weights, which are below 1


def run(quick: bool) -> Findings:
    """Both; neither without what writes ONNX files."""
    if not all(map(harness.available, ("onnxscript", "onnxruntime"))):
        return Findings([])
    keep_freed_memory()  # as our commands do; for everyone
    with TemporaryDirectory() as place:
        return Findings.of([_passes(Path(place), quick), *_whole(Path(place), quick)])


def _passes(place: Path, quick: bool) -> Profiled:
    network = paper_network().eval()
    file = exported(network, place / "paper.onnx", (3, 32, 32))
    images = torch.rand((64 if quick else IMAGES, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    classifiers: dict[str, Callable[[Tensor], Any]] = {
        "negatoscope": torch.inference_mode()(network),
        "onnxruntime": in_onnxruntime(file),
    }
    if harness.available("openvino"):
        classifiers["openvino"] = in_openvino(file)
    expected = torch.as_tensor(classifiers["negatoscope"](images[:32]))
    for name, classify in classifiers.items():
        difference = float((torch.as_tensor(classify(images[:32])) - expected).abs().max())
        if not difference <= SAME:
            raise RuntimeError(f"expected {name} to give the same logits, got some that differ by {difference:.2g}")
    batches = {name: _best_batch(name, classify, images) for name, classify in classifiers.items()}
    contestants = {name: partial(_all, classify, batches[name]) for name, classify in classifiers.items()}
    times = harness.take_turns(contestants, rounds=1 if quick else 15)
    note = "in batches of " + ", ".join(f"{len(parts[0])} ({name})" for name, parts in batches.items())
    name = "forward passes in float32: the paper's network"
    measure = harness.measure(name, "images/s", times, amount=len(images), note=note)
    return measure, where.shares_of_passes(classifiers["negatoscope"], batches["negatoscope"][0])


def in_onnxruntime(file: Path) -> Callable[[Tensor], np.ndarray]:
    """An ONNX file in onnxruntime, on all threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images.numpy()})[0]


def in_openvino(file: Path) -> Callable[[Tensor], np.ndarray]:
    """An ONNX file in OpenVINO, in float32 on all threads."""
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1}
    request = core.compile_model(core.read_model(file), "CPU", settings).create_infer_request()
    return lambda images: request.infer({0: images.numpy()}, share_inputs=True)[0]


def exported(network: nn.Module, file: Path, shape: tuple[int, int, int]) -> Path:
    """A network as an ONNX file that takes any number of images."""
    batch = ({0: torch.export.Dim("batch")},)
    torch.onnx.export(network, (torch.rand(2, *shape),), file, dynamic_shapes=batch, external_data=False, verbose=False)
    return file


def _best_batch(name: str, classify: Callable[[Tensor], Any], images: Tensor) -> list[Tensor]:
    """The images in the batches that it gets through soonest."""
    layout = torch.channels_last if name == "negatoscope" else torch.contiguous_format
    ways = [[part.contiguous(memory_format=layout) for part in torch.split(images, size)] for size in BATCHES]
    return min(ways, key=lambda parts: statistics.median(_seconds(partial(_all, classify, parts)) for _ in range(3)))


def _all(classify: Callable[[Tensor], Any], batches: list[Tensor]) -> None:
    for batch in batches:
        classify(batch)


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _whole(place: Path, quick: bool) -> list[Profiled]:
    model = exported(small_network(load_dataset("mnist", split="train")), place / "small.onnx", (1, 28, 28))
    files = DataLocator().find("mnist")
    ten_lines = [sys.executable, "-m", "benchmarks.peers.ten_lines", str(model)]
    ten_lines += [str(files[name].path) for name in ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")]
    accuracies = [float(line) for line in finish(ten_lines, {}).split()]
    measures = list[Profiled]()
    for what, chosen in {
        "clean and negative": ("--suite", "none", "--transform", "negative"),
        "the suite negative": ("--suite", "negative"),
    }.items():
        audit = partial(_audit, model, chosen, place)
        if audit() != accuracies:
            raise RuntimeError(f"expected the accuracies {accuracies} of an audit of {what}, got {audit()}")
        contestants: dict[str, Callable[[], object]] = {
            "negatoscope": audit,
            "onnxruntime and numpy": partial(finish, ten_lines, {}),
        }
        times = harness.take_turns(contestants, rounds=1 if quick else 5, warm_up=0)
        name = f"whole process, a small ONNX model, 10,000 digits: {what}"
        note = "the peer: clean and negative, two accuracies and nothing else"
        goes = where.shares_of_command([*_words(model, chosen), "--out", mkdtemp(dir=place) + "/audit"])
        measures.append((harness.measure(name, "s", times, note=note), goes))
    return measures


def _audit(model: Path, chosen: tuple[str, ...], place: Path) -> list[float]:
    """The accuracies clean and on negatives of an audit by the command."""
    out = Path(mkdtemp(dir=place)) / "audit"
    finish([*COMMAND, *_words(model, chosen), "--out", str(out)], {})
    summary = json.loads((out / "summary.json").read_text())
    (negative,) = (each for each in summary["transforms"] if each["spec"] == "negative")
    return [summary["clean"]["accuracy"], negative["accuracy"]]


def _words(model: Path, chosen: tuple[str, ...]) -> list[str]:
    return ["audit", str(model), "--data", "mnist", "--range", "0..1", *chosen]


def small_network(digits: Dataset) -> nn.Module:
    """About half a million operations an image, trained for a second."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        first, second = nn.Conv2d(1, 8, 5, stride=2, padding=2), nn.Conv2d(8, 32, 3, stride=2, padding=1)
        network = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Flatten(), nn.Linear(32 * 49, 10))
    pixels, labels = np.asarray(digits.images), np.asarray(digits.labels)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for chosen in np.split(np.arange(20_000), 200):
        images = to_images(torch.from_numpy(pixels[chosen]))
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(images), torch.from_numpy(labels[chosen]))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return network.eval()
