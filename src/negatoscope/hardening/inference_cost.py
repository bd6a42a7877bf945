"""What an image costs before and after hardening: time, passes, parameters, floating-point operations."""

from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from negatoscope.hardening.cost import paired_milliseconds
from negatoscope.hardening.drop_in import DropIn
from negatoscope.hardening.wrapper import WrappedClassifier
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import Classifier, suitable_batch
from negatoscope.types import Images, Logits


@dataclass(frozen=True, kw_only=True)
class InferenceCost:
    """What one image costs before and after hardening.

    Args:
        milliseconds_before: Median time for an image of a batch.
        milliseconds_after: Likewise.
        ratio: The median ratio of the time after to the time before, which are measured in turns.
        passes: How many images the classifier itself is shown for one.
        parameters_before: Of the classifier, None where they cannot be seen.
        parameters_added: Beside it.
        flops_before: Floating-point operations of convolutions and products in the classifier, None where they cannot
            be counted.
        flops_added: Of what stands before or around it, its own passes left out.
    """

    milliseconds_before: float
    milliseconds_after: float
    ratio: float
    passes: float
    parameters_before: int | None
    parameters_added: int
    flops_before: int | None
    flops_added: int


@torch.no_grad()
def measure_cost(before: ClassifierAdapter, after: ClassifierAdapter, images: Images) -> InferenceCost:
    """What it costs to classify images before and after hardening, in this process.

    Args:
        before: The classifier.
        after: What a method made of it.
        images: In [0, 1]; the first batch of them is classified.
    """
    images = images[: suitable_batch(before.device, values=images[0].numel())]
    first, second, ratio = paired_milliseconds(lambda: before(images), lambda: after(images), images=len(images))
    own = _parameters(before)
    flops = None if own is None else _flops(before, images[:1])
    if isinstance(after, WrappedClassifier):
        parameters, added = _count(after.wrapper), _flops(_without_classifier(after), images[:1])
    else:
        parameters = (_parameters(after) or 0) - (own or 0)
        added = _flops(after, images[:1]) - (flops or 0)
    return InferenceCost(
        milliseconds_before=first,
        milliseconds_after=second,
        ratio=ratio,
        passes=_passes(after, images) if isinstance(after, WrappedClassifier) else 1.0,
        parameters_before=own,
        parameters_added=parameters,
        flops_before=flops,
        flops_added=added,
    )


def cost_of_file(cost: InferenceCost, file: DropIn) -> InferenceCost:
    """The same of the file that takes the classifier's place, where its operations could be counted."""
    before, after = file.before, file.after
    if before.parameters is None or after.parameters is None or before.flops is None or after.flops is None:
        return cost
    return replace(
        cost,
        milliseconds_before=before.milliseconds,
        milliseconds_after=after.milliseconds,
        ratio=file.slowdown,
        parameters_before=before.parameters,
        parameters_added=after.parameters - before.parameters,
        flops_before=before.flops,
        flops_added=after.flops - before.flops,
    )


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
