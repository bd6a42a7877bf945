"""What an image costs before and after hardening: time, passes, parameters, floating-point operations."""

import time
from dataclasses import dataclass
from statistics import median

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from negatoscope.hardening.wrapper import WrappedClassifier
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import Classifier, suitable_batch
from negatoscope.types import Images, Logits

_TIMED = 15  # batches before, and as many after


@dataclass(frozen=True, kw_only=True)
class InferenceCost:
    """What one image costs before and after hardening.

    Args:
        milliseconds_before: Median time for an image of a batch.
        milliseconds_after: Likewise; batches before and after alternate.
        passes: How many images the classifier itself is shown for one.
        parameters_before: Of the classifier, None where it is no torch module.
        parameters_added: Beside it.
        flops_before: Floating-point operations of convolutions and products in the classifier, None where it is no
            torch module.
        flops_added: Of what stands before or around it, its own passes left out.
    """

    milliseconds_before: float
    milliseconds_after: float
    passes: float
    parameters_before: int | None
    parameters_added: int
    flops_before: int | None
    flops_added: int

    @property
    def ratio(self) -> float:
        """The time after, as a multiple of the time before."""
        return self.milliseconds_after / self.milliseconds_before


@torch.no_grad()
def measure_cost(before: ClassifierAdapter, after: ClassifierAdapter, images: Images) -> InferenceCost:
    """What it costs to classify images before and after hardening.

    Args:
        before: The classifier.
        after: What a method made of it.
        images: In [0, 1]; the first batch of them is classified.
    """
    images = images[: suitable_batch(before.device, values=images[0].numel())]
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(_TIMED + 1):  # the first of each is a warm-up
        for classifier, times in zip((before, after), seconds, strict=True):
            times.append(_seconds(classifier, images))
    first, second = (1000 * median(times[1:]) / len(images) for times in seconds)
    own = _parameters(before)
    flops = None if own is None else _flops(before, images[:1])
    if isinstance(after, WrappedClassifier):
        passes, parameters = _passes(after, images), _count(after.wrapper)
        added = _flops(_without_classifier(after), images[:1])
    else:
        passes, parameters = 1.0, (_parameters(after) or 0) - (own or 0)
        added = _flops(after, images[:1]) - (flops or 0)
    return InferenceCost(
        milliseconds_before=first,
        milliseconds_after=second,
        passes=passes,
        parameters_before=own,
        parameters_added=parameters,
        flops_before=flops,
        flops_added=added,
    )


def _seconds(classifier: Classifier, images: Images) -> float:
    if images.device.type == "cuda":
        torch.cuda.synchronize(images.device)
    began = time.perf_counter()
    classifier(images).sum().item()  # which waits for the device
    return time.perf_counter() - began


def _passes(classifier: WrappedClassifier, images: Images) -> float:
    """How many images the classifier behind the wrapper is shown for one."""
    shown: list[int] = []

    def counted(batch: Images) -> Logits:
        shown.append(len(batch))
        return ClassifierAdapter.__call__(classifier, batch)

    classifier.wrapper(counted, images)
    return sum(shown) / len(images)


def _without_classifier(classifier: WrappedClassifier) -> Classifier:
    """The wrapper around a classifier that computes nothing."""
    classes = classifier.input_spec.data_classes
    return lambda images: classifier.wrapper(lambda some: some.new_zeros(len(some), classes), images)


def _flops(classifier: Classifier, image: Images) -> int:
    with FlopCounterMode(display=False) as counter:
        classifier(image)
    return int(counter.get_total_flops())


def _parameters(classifier: ClassifierAdapter) -> int | None:
    return None if classifier.module is None else _count(classifier.module)


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
