"""Does the self-check name wrong settings, and leave right ones alone? No speed is compared.

Small networks are trained on MNIST, GTSRB and (with `--quick`, alone) a sample of MNIST: each for other ranges,
normalizations, orders of channels and classes, and layouts. Each is checked with its own options, and with wrong ones,
on 512 test images. A wrong setting counts as named if the options that the self-check suggests, pasted behind the wrong
ones, give the predictions of the right ones for 95 % of these images and for 95 % of their negatives. One that costs
less than two points cannot be told from a right one, and is listed apart.
"""

import re
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.harness import Findings, Measure
from negatoscope.auditing.results import SelfCheck
from negatoscope.auditing.self_check import self_check
from negatoscope.data import Dataset, load_dataset
from negatoscope.data.batches import batches
from negatoscope.data.split import stratified_sample
from negatoscope.models.adapter import ClassifierAdapter, preprocess
from negatoscope.models.open import open_classifier
from negatoscope.models.predict import predict, to_images
from negatoscope.pixels import ResizeSpec
from negatoscope.types import LabelArray, PixelArray

Options = dict[str, str]

_IMAGES = {"mnist_sample": (1000, 3), "mnist": (4000, 3), "gtsrb": (6000, 6)}  # trained on, and epochs
_SIDES = {"mnist_sample": 28, "mnist": 28, "gtsrb": 32}
_CHECKED = 512
_COSTS = 0.02  # of accuracy: what costs less cannot be seen in so few images
_BY_FOLDERS = ",".join(map(str, map(sorted(range(43), key=str).index, range(43))))


@dataclass(frozen=True)
class Network:
    """What a network is trained for, and the options that a user may give it instead.

    Args:
        right: Its options.
        wrong: Others, each of which stands behind the right ones.
        outputs: How many it has, where that is more than classes.
    """

    right: Options
    wrong: tuple[Options, ...]
    outputs: int | None = None


@dataclass(frozen=True)
class Case:
    """One check.

    Args:
        data: What the network was trained on.
        right: Its own options.
        wrong: What stood behind them, "" where nothing did.
        accuracy: With these, on the checked images.
        right_accuracy: With its own.
        suggestion: What was suggested.
        stopped: Whether an audit would stop.
        outcome: Of a wrong setting "named"; "named as good", after another one; "another named"; "missed"; or, where it
            costs less than two points, "costs nothing". Of a right one "left alone" or "false alarm".
        seconds: What the check took.
    """

    data: str
    right: str
    wrong: str
    accuracy: float
    right_accuracy: float
    suggestion: str
    stopped: bool
    outcome: str
    seconds: float


GRAY = (
    Network({}, ({"range": "0..255"}, {"range": "-1..1"}, {"mean": "0.1307", "std": "0.3081"}, {"class_map": "+1"})),
    Network({"range": "0..255"}, ({"range": "0..1"}, {"range": "0..1", "mean": "0.1307", "std": "0.3081"})),
    Network({"range": "-1..1"}, ({"range": "0..1"}, {"range": "0..255"}, {"class_map": "9..0"})),
    Network(
        {"mean": "0.1307", "std": "0.3081"}, ({"mean": "0", "std": "1"}, {"range": "0..255"}, {"class_map": "9..0"})
    ),
    Network({"mean": "1", "std": "-1"}, ({"mean": "0", "std": "1"}, {"range": "0..255"})),
    Network({"class_map": "9..0"}, ({"class_map": "0..9"}, {"class_map": "+1"}, {"range": "0..255"})),
    Network({"class_map": "0,1,2,8,4,5,6,7,3,9"}, ({"class_map": "0..9"}, {"class_map": "9..0"})),
    Network({"class_map": "1..10"}, ({"class_map": "0..9"}, {"class_map": "10..1"}), outputs=11),
)
COLOR = (
    Network({}, ({"channel_order": "BGR"}, {"range": "0..255"}, {"range": "-1..1"}, {"class_map": "sorted"})),
    Network({"range": "0..255", "channel_order": "BGR"}, ({"channel_order": "RGB"}, {"range": "0..1"})),
    Network(
        {"mean": "0.485,0.456,0.406", "std": "0.229,0.224,0.225"},
        ({"channel_order": "BGR"}, {"mean": "0", "std": "1"}, {"range": "0..255"}),
    ),
    Network(
        {"mean": "0.3337,0.3064,0.3171", "std": "0.2672,0.2564,0.2629"},
        ({"mean": "0", "std": "1"}, {"channel_order": "BGR"}, {"range": "0..255"}),
    ),
    Network(
        {"channel_order": "BGR", "range": "0..255", "mean": "103.939,116.779,123.68", "std": "1"},
        ({"channel_order": "RGB"}, {"range": "0..1", "mean": "0", "std": "1"}),
    ),
    Network({"layout": "NHWC", "range": "-1..1"}, ({"range": "0..1"}, {"channel_order": "BGR"}, {"layout": "NCHW"})),
    Network({"class_map": _BY_FOLDERS}, ({"class_map": "0..42"}, {"channel_order": "BGR"})),
    Network({"class_map": "1..43"}, ({"class_map": "0..42"}, {"range": "0..255"}), outputs=44),
)


def run(quick: bool) -> Findings:
    plan = {"mnist_sample": GRAY[1:7:5]} if quick else {"mnist": GRAY, "gtsrb": COLOR}
    cases = [case for data, networks in plan.items() for case in _cases(data, networks)]
    return Findings(_measures(cases), details={"cases": [asdict(case) for case in cases]})


def _measures(cases: list[Case]) -> list[Measure]:
    def share(name: str, hit: str, *others: str) -> Measure:
        n = [sum(case.outcome == outcome for case in cases) for outcome in (hit, *others)]
        return Measure(name, f"of {sum(n)}", n[0])

    slowest = Measure("the slowest check", "s", max(case.seconds for case in cases))
    return [
        share("wrong settings that are named", "named", "named as good", "another named", "missed"),
        share("right settings that are left alone", "left alone", "false alarm"),
        slowest,
    ]


def _cases(data: str, networks: tuple[Network, ...]) -> Iterator[Case]:
    limit, epochs = _IMAGES[data]
    train = _pixels(load_dataset(data, split="train"), limit=limit)
    pixels, labels = _pixels(load_dataset(data, split="test"), limit=_CHECKED)
    for network in networks:
        module = _trained(network, *train, epochs=epochs, seed=0)
        yield from (_case(data, network, wrong, module, pixels, labels) for wrong in ({}, *network.wrong))


def _case(
    data: str, network: Network, wrong: Options, module: nn.Module, pixels: PixelArray, labels: LabelArray
) -> Case:
    base = {"size": str(_SIDES[data]), "channels": "gray" if pixels.shape[1] == 1 else "rgb", **network.right}
    right = _open(module, labels, base)
    began = time.perf_counter()
    found = self_check(_open(module, labels, {**base, **wrong}), pixels, labels)
    seconds = time.perf_counter() - began
    return Case(
        data=data,
        right=_text(network.right),
        wrong=_text(wrong),
        accuracy=found.accuracy,
        right_accuracy=_accuracy(right, pixels, labels),
        suggestion=found.suggestion,
        stopped=not found.passed,
        outcome=outcome(found, right, lambda hint: _open(module, labels, {**base, **wrong, **hint}), pixels, labels),
        seconds=round(seconds, 2),
    )


def outcome(
    found: SelfCheck,
    right: ClassifierAdapter,
    opened: Callable[[Options], ClassifierAdapter],
    pixels: PixelArray,
    labels: LabelArray,
) -> str:
    """What became of a check, as `Case` says; `opened` makes the classifier with a hint pasted behind its options."""
    costs = _accuracy(right, pixels, labels) - found.accuracy
    if opened({}).input_spec == right.input_spec:
        return "false alarm" if found.suggestion else "left alone"
    if costs < _COSTS:
        return "costs nothing"
    fits = [_agree(right, opened(hint), pixels, labels) for hint in hints(found.suggestion)]
    return "named" if fits[:1] == [True] else "named as good" if any(fits) else "another named" if fits else "missed"


def _agree(right: ClassifierAdapter, other: ClassifierAdapter, pixels: PixelArray, labels: LabelArray) -> bool:
    """Whether predictions are the same for 95 % of images, clean and negative: then the settings are right."""
    shares = []
    for images in (pixels, 255 - pixels):
        a, b = (predict(one, images, labels, device=one.device).predictions for one in (right, other))
        shares.append(float((a == b).mean()))
    return min(shares) >= 0.95


def hints(suggestion: str) -> list[Options]:
    """The options of a suggestion as a command line reads them: those named, then those that are as good."""
    named, _, others = suggestion.partition("; as good: ")
    texts = [named.removeprefix("with ").partition(" the accuracy is ")[0], *others.split(", or ")]
    return [_pasted(re.sub(r" \([A-Za-z' ]+\)$", "", text)) for text in texts if text.startswith("--")]


def _pasted(text: str) -> Options:
    words = [part for word in shlex.split(text) for part in word.split("=", 1)]
    return {name[2:].replace("-", "_"): value for name, value in zip(words[::2], words[1::2], strict=True)}


def _text(options: Mapping[str, str]) -> str:
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in options.items())


def _open(module: nn.Module, labels: LabelArray, options: Mapping[str, Any]) -> ClassifierAdapter:
    return open_classifier(module, data_classes=int(labels.max()) + 1, device="cpu", **options)


def _accuracy(classifier: ClassifierAdapter, pixels: PixelArray, labels: LabelArray) -> float:
    return float((predict(classifier, pixels, labels, device=classifier.device).predictions == labels).mean())


def _pixels(dataset: Dataset, *, limit: int) -> tuple[PixelArray, LabelArray]:
    dataset = dataset.take(stratified_sample(dataset.labels, limit=limit, seed=0), split=dataset.split)
    gray = dataset.spec.startswith("mnist")
    resize = ResizeSpec(28, 28, "gray") if gray else ResizeSpec(32, 32, "rgb")
    parts = list(batches(dataset, resize, batch_size=256))
    return np.concatenate([part.pixels for part in parts]), np.concatenate([part.labels for part in parts])


class _Net(nn.Module):
    """A small convolutional network behind a layout: it takes any numbers of that count for such a batch."""

    def __init__(self, channels: int, side: int, outputs: int, *, layout: str) -> None:
        super().__init__()
        self.by_pixels = layout == "NHWC"
        self.shape = (side, side, channels) if self.by_pixels else (channels, side, side)
        self.layers = nn.Sequential(
            *(nn.BatchNorm2d(channels), nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
            *(nn.Linear(32 * (side // 4) ** 2, 96), nn.ReLU(), nn.Linear(96, outputs)),
        )

    def forward(self, images: Tensor) -> Tensor:
        images = images.reshape(len(images), *self.shape)
        scores: Tensor = self.layers(images.permute(0, 3, 1, 2) if self.by_pixels else images)
        return scores


def _trained(network: Network, pixels: PixelArray, labels: LabelArray, *, epochs: int, seed: int) -> nn.Module:
    """A network that expects what `network.right` says."""
    torch.manual_seed(seed)
    channels, side = pixels.shape[1], pixels.shape[2]
    outputs = network.outputs or int(labels.max()) + 1
    options = {"size": side, "channels": "gray" if channels == 1 else "rgb", **network.right}
    module = _Net(channels, side, outputs, layout=network.right.get("layout", "NCHW"))
    input_spec = _open(module.eval(), labels, options).input_spec
    targets = torch.tensor(input_spec.class_map or range(outputs))[torch.from_numpy(labels)]
    optimizer = torch.optim.Adam(module.parameters(), lr=2e-3)
    for _ in range(epochs):
        module.train()
        for chosen in torch.split(torch.randperm(len(labels)), 64):
            native = preprocess(to_images(torch.from_numpy(pixels[chosen.numpy()])), input_spec=input_spec)
            loss = functional.cross_entropy(module(native), targets[chosen])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    return module.eval()
