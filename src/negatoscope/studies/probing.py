"""What a network does with negatives: is the label lost, or only misread?"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from negatoscope.data import Dataset
from negatoscope.hardware import Hardware
from negatoscope.models.networks import PaperNetwork
from negatoscope.models.predict import BatchTransform, predict, suitable_batch, to_images
from negatoscope.reproduce.run_data import few_of
from negatoscope.statistics import Rate
from negatoscope.transforms.controls import noise, pixel_flips
from negatoscope.transforms.negative_path import negative_path
from negatoscope.transforms.tone import negative
from negatoscope.types import Images, LabelArray, Labels, PixelArray

READ, ALONG, FEW = 5000, 2000, 200
"""How many images: that a read-out is fitted on, that a point of a path is measured on, and both in a smoke run."""

SHARES = tuple(round(0.1 * step, 1) for step in range(11))
NOISES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""L2 sizes of random noise. A digit of 28x28 pixels, nearly all 0 or 1, lies about 26 from its negative."""

LOOKS = (2 * len(SHARES) + len(NOISES)) * ALONG + 4 * READ
"""How many images go through a network of this size in all: along the paths, and twice each for two read-outs."""

_Map = Callable[[Images], Tensor]


def probe_negatives(
    network: PaperNetwork, training: Dataset, test: Dataset, *, seed: int, hardware: Hardware, fast: bool = False
) -> dict[str, Any]:
    """Linear read-outs of negatives, and answers on the way from an image to its negative.

    Args:
        network: In evaluation mode.
        training: The images that it was trained on; read-outs are fitted on negatives of some of them.
        test: Images that it was not trained on; everything is measured on them.
        seed: Of the untrained network that the read-outs are compared with.
        hardware: Where the network is.
        fast: A smoke run, with few images.
    """
    read, along = (FEW, FEW) if fast else (READ, ALONG)
    seen, others, few = few_of(training, read), few_of(test, read), few_of(test, along)
    untrained = PaperNetwork(
        channels=network.channels, size=network.size, classes=network.classes, settings=network.settings, seed=seed + 1
    )
    untrained = untrained.to(hardware.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    sources: dict[str, _Map] = {
        "features": _features(network),
        "untrained_features": _features(untrained),
        "pixels": lambda images: images.flatten(1),
    }
    return {
        "linear_probe": {
            name: linear_probe(source, seen, others, device=hardware.device) for name, source in sources.items()
        },
        "path": _along(network, few, hardware, "share", SHARES, lambda x, s: negative_path(x, share=s)),
        "flips": _along(network, few, hardware, "probability", SHARES, lambda x, p: pixel_flips(x, probability=p)),
        "noise": _along(network, few, hardware, "l2", NOISES, lambda x, size: noise(x, l2=size)),
    }


def linear_probe(source: _Map, seen: Dataset, others: Dataset, *, device: torch.device) -> dict[str, float]:
    """How well a linear classifier reads the labels of negatives from what `source` makes of them.

    Multinomial logistic regression on standardised features, fitted on negatives of `seen`, measured on those of
    `others`.

    Source: Alain and Bengio 2016, arXiv 1610.01644, for linear read-outs of what a layer knows.
    """
    fitted, measured = (_apply(source, np.asarray(each.images), device=device) for each in (seen, others))
    mean, deviation = fitted.mean(dim=0), fitted.std(dim=0).clamp(min=1e-6)
    classes = len(seen.class_names)
    reader = _fit((fitted - mean) / deviation, torch.from_numpy(np.array(seen.labels)).to(device), classes=classes)
    with torch.no_grad():
        told = reader((measured - mean) / deviation).argmax(dim=1).cpu().numpy()
    return Rate.of(told == others.labels).to_dict()


def _fit(features: Float[Tensor, "n values"], labels: Tensor, *, classes: int, penalty: float = 1e-3) -> nn.Module:
    """Logistic regression with a squared penalty on its weights, to convergence."""
    reader = nn.Linear(features.shape[1], classes).to(features.device)
    with torch.no_grad():
        for parameter in reader.parameters():
            parameter.zero_()  # the loss is convex: nothing is left to chance
    optimizer = torch.optim.LBFGS(reader.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(reader(features), labels) + penalty * reader.weight.square().sum()
        torch.autograd.backward(loss)
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return reader


def _features(network: PaperNetwork) -> _Map:
    """What the last hidden layer says of images."""

    def features(images: Images) -> Tensor:
        found: list[Tensor] = []
        hook = network.output.register_forward_pre_hook(lambda layer, inputs: found.append(inputs[0]))
        try:
            network(images)
        finally:
            hook.remove()
        return found[0]

    return features


@torch.no_grad()
def _apply(source: _Map, pixels: PixelArray, *, device: torch.device) -> Float[Tensor, "n values"]:
    size = suitable_batch(device, values=int(np.prod(pixels.shape[1:])))
    batches = torch.split(torch.from_numpy(np.array(pixels)), size)
    return torch.cat([source(negative(to_images(batch.to(device)))).float() for batch in batches])


def _along(
    network: PaperNetwork,
    images: Dataset,
    hardware: Hardware,
    name: str,
    values: tuple[float, ...],
    transform: Callable[[Images, float], Images],
) -> list[dict[str, float]]:
    """Accuracy and mean confidence after a transform of growing strength."""
    pixels, labels = np.asarray(images.images), images.labels
    found = []
    for value in values:
        batch_transform: BatchTransform = partial(_changed, transform, value)
        told = predict(network, pixels, labels, device=hardware.device, batch_transform=batch_transform)
        found.append({name: value, **_point(told.predictions, told.confidences, labels)})
    return found


def _changed(transform: Callable[[Images, float], Images], value: float, images: Images, labels: Labels) -> Images:
    return transform(images, value)


def _point(predictions: LabelArray, confidences: np.ndarray, labels: LabelArray) -> dict[str, float]:
    return {**Rate.of(predictions == labels).to_dict(), "confidence": float(confidences.mean())}
