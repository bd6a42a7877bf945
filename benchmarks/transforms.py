"""Each transform beside kornia, Pillow, scikit-image and OpenCV, and what the suite of all costs beside the network.

Equal footing: the same random 8-bit images; 500 as MNIST's and GTSRB's, 16 of 224x224; as many threads as processors.
Ours and kornia's work on the float32 batch, both in channels_last (as an audit has it) and both in NCHW. OpenCV and
scikit-image, which know no batches, get a list of float32 arrays as they like them, and keep what they make. Pillow
knows 8 bits alone: "Pillow" is given and leaves 8-bit pictures, a quarter of the bytes; "Pillow, tensors" comes from
the float32 batch and returns to it, as a transform in front of a classifier must. A turn is as many calls as fit into
20 ms, so that nobody pays for what another left in the cache. A peer stands only where it has the operation: contrast,
tone curves, edges, borders, scikit-image's gray and noise are each library's own, which differ in rounding, stretching,
weights or generator (nobody else's noise depends on the image alone). What nobody has stands without a peer. A note
gives each time in copies of the batch, measured in the same run.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import torch

from benchmarks import harness
from benchmarks.harness import Measure
from benchmarks.peers.pictures import Contestant, peers_of
from negatoscope.models.networks import NetworkSettings, PaperNetwork
from negatoscope.models.predict import suitable_batch, to_images
from negatoscope.transforms import TRANSFORMS
from negatoscope.transforms.suites import suite
from negatoscope.types import Images, PixelArray

BATCHES = {"1x28x28": (500, 1, 28), "3x32x32": (500, 3, 32), "3x224x224": (16, 3, 224)}
LAYOUTS = {"channels_last": torch.channels_last, "NCHW": torch.contiguous_format}
CLASSES = {1: 10, 3: 43}
_IN_NO_SUITE = ["saturation_shift(amount=0.3)"]
TURN = 0.02
"""Seconds."""


def run(quick: bool) -> list[Measure]:
    batches = {name: (4 if quick else n, *rest) for name, (n, *rest) in BATCHES.items()}
    rounds = 1 if quick else 7
    measures = []
    for name, (n, channels, size) in batches.items():
        pixels = np.random.default_rng(0).integers(0, 256, (n, channels, size, size), dtype=np.uint8)
        if size < 100:
            measures.append(_share_of_network(name, pixels, rounds=rounds))
        for layout in LAYOUTS if channels > 1 else ["channels_last"]:
            measures += _each(f"{name}, {layout}", pixels, LAYOUTS[layout], rounds=rounds)
    return measures


def _each(title: str, pixels: PixelArray, layout: torch.memory_format, *, rounds: int) -> list[Measure]:
    images = to_images(torch.from_numpy(pixels)).contiguous(memory_format=layout)
    copied = torch.empty_like(images)
    copy = statistics.median(_timed({"copy": lambda: copied.copy_(images)}, rounds=4 * rounds)["copy"])
    measures = []
    for spec in _one_of_each(gray=images.shape[1] == 1):
        ours = TRANSFORMS.resolve(spec)[1]
        contestants: dict[str, Contestant] = {"negatoscope": partial(ours, images)}
        times = _timed(contestants | peers_of(spec, pixels, images), rounds=rounds)
        passes = statistics.median(times["negatoscope"]) / copy
        note = f"{passes:.1f} times a copy of the batch ({2e-9 * images.nbytes / copy:.0f} GB/s)"
        measures.append(harness.measure(f"{spec}: {title}", "images/s", times, amount=len(images), note=note))
    return measures


def _one_of_each(*, gray: bool) -> list[str]:
    """Of every transform the spec that stands first in the suite of all, or one of its own where that has none."""
    specs = [*suite("all", channels="gray" if gray else "rgb").specs, *([] if gray else _IN_NO_SUITE)]
    return list({spec.partition("(")[0]: spec for spec in reversed(specs)}.values())[::-1]


def _share_of_network(name: str, pixels: PixelArray, *, rounds: int) -> Measure:
    """What all transforms take in an audit's batches, as a share of as many forward passes of the paper's network."""
    size = suitable_batch(torch.device("cpu"), values=pixels[0].size)
    batches = [to_images(torch.from_numpy(pixels[start : start + size])) for start in range(0, len(pixels), size)]
    channels, size = pixels.shape[1:3]
    network = PaperNetwork(
        channels=channels, size=size, classes=CLASSES[channels], settings=NetworkSettings(), seed=0
    ).eval()
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    specs = suite("all", channels="gray" if channels == 1 else "rgb").specs
    functions = [TRANSFORMS.resolve(spec)[1] for spec in specs]
    with torch.inference_mode():
        times = _timed(
            {"transforms": lambda: _all(functions, batches), "forward": lambda: _all([network], batches)},
            rounds=rounds,
        )
    each, forward = (statistics.median(times[key]) * 1e6 / len(pixels) for key in ("transforms", "forward"))
    note = f"{each:.0f} microseconds an image for {len(specs)} transforms, {forward:.0f} for one forward pass"
    title = f"suite all, share of its forward passes: {name}"
    return harness.value(title, "share", each / (forward * len(specs)), note=note)


def _all(functions: Sequence[Callable[[Images], Images]], batches: Sequence[Images]) -> None:
    for images in batches:
        for function in functions:
            function(images)


def _timed(contestants: Mapping[str, Contestant], *, rounds: int) -> dict[str, list[float]]:
    """Seconds of one call, averaged over each turn."""
    quiet, harness.console.quiet = harness.console.quiet, True
    try:
        once = harness.take_turns(contestants, rounds=1)
        calls = {name: max(1, round(TURN / seconds[0])) if rounds > 1 else 1 for name, seconds in once.items()}
        turns = {name: partial(_again, contestant, calls[name]) for name, contestant in contestants.items()}
        times = harness.take_turns(turns, rounds=rounds, warm_up=0)
    finally:
        harness.console.quiet = quiet
    return {name: [seconds / calls[name] for seconds in each] for name, each in times.items()}


def _again(contestant: Contestant, calls: int) -> None:
    for _ in range(calls):
        contestant()
