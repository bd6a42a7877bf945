"""What a network does with negatives: is the label lost, or only misclassified?"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from negatoscope.data import Dataset
from negatoscope.hardware import Hardware
from negatoscope.models.networks import PaperNetwork
from negatoscope.models.predict import predict, suitable_batch, to_images
from negatoscope.reproduce.run_data import few_of
from negatoscope.statistics.intervals import Rate
from negatoscope.transforms.controls import noise, pixel_flips
from negatoscope.transforms.tone import negative, negative_path
from negatoscope.types import Images, PixelArray

PROBED, ALONG, FEW = 5000, 2000, 200
"""How many images: that a linear probe is fitted on, that a point of a path is measured on, and both in a smoke run."""

SHARES = tuple(round(0.1 * step, 1) for step in range(11))
NOISES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""L2 norms of random noise. A digit of 28x28 pixels, nearly all 0 or 1, lies about 26 from its negative."""

PREDICTIONS = (2 * len(SHARES) + len(NOISES)) * ALONG + 4 * PROBED
"""How many images go through a network of this size in all: along the paths, and twice each for two linear probes."""

_FeatureMap = Callable[[Images], Tensor]


@dataclass(frozen=True)
class LinearProbes:
    """How well linear classifiers tell the labels of negatives from three kinds of features.

    Those of the network's last hidden layer, of the same layer of an untrained network, and pixels.

    Args:
        features: Accuracy from the network's last hidden layer.
        untrained_features: Accuracy from the same layer of an untrained network.
        pixels: Accuracy from the pixels themselves.
    """

    features: Rate
    untrained_features: Rate
    pixels: Rate


@dataclass(frozen=True)
class TransformedAccuracy(Rate):
    """Accuracy and mean confidence under a transform of some strength: a share, a probability or an L2 norm.

    Args:
        strength: A share or a probability in [0, 1], or an L2 norm of at least 0.
        confidence: The mean confidence, in [0, 1].
    """

    strength: float
    confidence: float


@dataclass(frozen=True)
class Probing:
    """What a network does with negatives.

    Args:
        linear_probe: Whether a linear classifier still finds the label.
        path: Accuracy on the way from an image to its negative, by the share of the way.
        flips: Accuracy where each pixel is flipped, by the probability.
        noise: Accuracy under Gaussian noise, by its L2 norm.
    """

    linear_probe: LinearProbes
    path: tuple[TransformedAccuracy, ...]
    flips: tuple[TransformedAccuracy, ...]
    noise: tuple[TransformedAccuracy, ...]


def probe_negatives(
    network: PaperNetwork, training: Dataset, test: Dataset, *, seed: int, hardware: Hardware, fast: bool = False
) -> Probing:
    """Fit linear probes on negatives, and follow predictions on the way from an image to its negative.

    Args:
        network: In evaluation mode.
        training: The images that it was trained on; linear probes are fitted on negatives of some of them.
        test: Images that it was not trained on; everything is measured on them.
        seed: Of the untrained network that it is compared with.
        hardware: Where the network is.
        fast: A smoke run, with few images.
    """
    probed, along = (FEW, FEW) if fast else (PROBED, ALONG)
    fitted_on, measured_on, followed = few_of(training, probed), few_of(test, probed), few_of(test, along)
    untrained = PaperNetwork(
        channels=network.channels, size=network.size, classes=network.classes, settings=network.settings, seed=seed + 1
    )
    untrained = untrained.to(hardware.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]

    def probe(features: _FeatureMap) -> Rate:
        return linear_probe(features, fitted_on, measured_on, device=hardware.device)

    def accuracy(strength: float, transform: Callable[[Images], Images]) -> TransformedAccuracy:
        images, device = np.asarray(followed.images), hardware.device
        result = predict(network, images, followed.labels, device=device, batch_transform=lambda x, _: transform(x))
        rate = Rate.of(result.predictions == followed.labels)
        return TransformedAccuracy(**vars(rate), strength=strength, confidence=float(result.confidences.mean()))

    return Probing(
        LinearProbes(
            probe(_last_hidden_layer(network)),
            probe(_last_hidden_layer(untrained)),
            probe(lambda images: images.flatten(1)),
        ),
        path=tuple(accuracy(share, partial(negative_path, share=share)) for share in SHARES),
        flips=tuple(accuracy(share, partial(pixel_flips, probability=share)) for share in SHARES),
        noise=tuple(accuracy(norm, partial(noise, l2=norm)) for norm in NOISES),
    )


def linear_probe(features: _FeatureMap, training: Dataset, test: Dataset, *, device: torch.device) -> Rate:
    """The accuracy on negatives of a linear classifier of features.

    Multinomial logistic regression on standardized features, fitted on negatives of `training`, measured on those of
    `test`.

    Source: Alain and Bengio 2016, arXiv 1610.01644, for linear probes of what a layer knows.
    """
    fitted, measured = (
        _negatives_through(features, np.asarray(each.images), device=device) for each in (training, test)
    )
    mean, deviation = fitted.mean(dim=0), fitted.std(dim=0).clamp(min=1e-6)
    labels = torch.from_numpy(np.array(training.labels)).to(device)
    probe = _fit((fitted - mean) / deviation, labels, classes=len(training.class_names))
    with torch.no_grad():
        predictions = probe((measured - mean) / deviation).argmax(dim=1).cpu().numpy()
    return Rate.of(predictions == test.labels)


def _fit(features: Float[Tensor, "n values"], labels: Tensor, *, classes: int, penalty: float = 1e-3) -> nn.Module:
    """Logistic regression with a squared penalty on its weights, to convergence."""
    probe = nn.Linear(features.shape[1], classes).to(features.device)
    with torch.no_grad():
        for parameter in probe.parameters():
            parameter.zero_()  # the loss is convex: nothing is left to chance
    optimizer = torch.optim.LBFGS(probe.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(probe(features), labels) + penalty * probe.weight.square().sum()
        torch.autograd.backward(loss)
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return probe


def _last_hidden_layer(network: PaperNetwork) -> _FeatureMap:
    def features(images: Images) -> Tensor:
        captured: list[Tensor] = []
        with network.output.register_forward_pre_hook(lambda layer, inputs: captured.append(inputs[0])):
            network(images)
        return captured[0]

    return features


@torch.no_grad()
def _negatives_through(features: _FeatureMap, pixels: PixelArray, *, device: torch.device) -> Float[Tensor, "n values"]:
    size = suitable_batch(device, values=int(np.prod(pixels.shape[1:])))
    batches = torch.split(torch.from_numpy(np.array(pixels)), size)
    return torch.cat([features(negative(to_images(batch.to(device)))).float() for batch in batches])
