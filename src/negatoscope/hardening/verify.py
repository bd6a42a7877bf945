"""Does a classifier give an image and its transforms the same prediction, on these images or by construction?"""

from collections.abc import Callable, Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float

from negatoscope.auditing.arguments import as_folder, open_model, provenance_of
from negatoscope.auditing.plan import AuditConfig, AuditPlan, make_plan
from negatoscope.data import Dataset
from negatoscope.data.batches import Batch, batches
from negatoscope.data.unlabeled import open_images
from negatoscope.errors import DataError, expect
from negatoscope.hardening.guarantee import UNKNOWN, guarantee, guarantee_of_wrapper
from negatoscope.hardening.onnx_match import matched_wrapper
from negatoscope.hardening.onnx_original import columns_of
from negatoscope.hardening.orbit import expect_square
from negatoscope.hardening.verification import ElementConsistency, Verification
from negatoscope.hardening.wrapper import wrapper_of
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.by_url import on_disk
from negatoscope.models.onnx_graph import read_graph
from negatoscope.models.options import expect_known
from negatoscope.models.predict import to_images
from negatoscope.provenance import Provenance, python_call
from negatoscope.statistics.intervals import Rate
from negatoscope.stores import path_of
from negatoscope.transforms.groups import Group, resolve_group

Progress = Callable[[int, int], None]
"""Called with how many images are done, and how many there are."""


def verify(  # noqa: PLR0913 (the options of the command line)
    model: object,
    data: Any,
    *,
    invariant: str = "negative",
    at_least: float = 1.0,
    limit: int | None = None,
    seed: int = 0,
    bits: int | None = None,
    window: tuple[float, float] | str | None = None,
    device: str = "auto",
    data_dir: str | Path | None = None,
    progress: Progress | None = None,
    **options: object,
) -> Verification:
    """Count on how many images a classifier's predictions agree over the orbit, and whether they must.

    Args:
        model: What `audit` takes.
        data: Images, with or without labels.
        invariant: The group, or several, comma-separated.
        at_least: The share of images, in [0, 1], that must have one prediction.
        limit: At most this many images; None is all.
        seed: Decides which.
        bits: How many of their 16 bits gray images use, 8 to 16, where their files do not say; None is all.
        window: Center and width of the values that become black to white, or a text such as "40,400"; None is all.
        device: Where a model that is opened here lives.
        data_dir: A folder to look into first for named datasets.
        progress: Called after each batch.
        options: What the model's file does not say, by the names of `ModelOptions`.

    Raises:
        InputError: Something given is unusable, such as a group of colors for a model of gray images, or the model
            gives NaN.
        DataError: There are no images.
    """
    expect_known(options, signature(verify).parameters)
    dataset = open_images(data, data_dir=as_folder(data_dir))
    classifier = open_model(model, device=device, options=options, class_names=class_names_of(dataset))
    images = {"limit": limit, "seed": seed, "bits": bits, "window": window}
    given = {"invariant": invariant, "at_least": at_least, **images}
    changed = {name: value for name, value in given.items() if value != signature(verify).parameters[name].default}
    command = python_call("negatoscope.verify", model, data, **changed, **options)
    provenance = provenance_of(classifier, dataset, command=command)
    plan = verification_plan(classifier, dataset, **images)
    source = model if isinstance(model, str | Path) else None
    return run_verification(
        plan, source=source, invariant=invariant, at_least=at_least, provenance=provenance, progress=progress
    )


def class_names_of(dataset: Dataset) -> tuple[str, ...]:
    """What the classes of labeled images are called, for a class map by names."""
    return tuple(dataset.class_names) if len(dataset.class_names) > 1 else ()


def verification_plan(classifier: ClassifierAdapter, dataset: Dataset, **images: Any) -> AuditPlan:
    """The images, as an audit of the classifier takes them; `images` are settings of `AuditConfig`."""
    return make_plan(classifier, dataset, AuditConfig(suite="none", **images))


def run_verification(
    plan: AuditPlan,
    *,
    source: str | Path | None,
    invariant: str,
    at_least: float,
    provenance: Provenance,
    progress: Progress | None = None,
) -> Verification:
    """Ask the classifier about every element of the group for each image.

    Args:
        plan: Classifier and images.
        source: What the classifier was opened from, where that is a text.
        invariant: As `verify` says.
        at_least: As `verify` says.
        provenance: Where the numbers come from.
        progress: Called after each batch.

    Raises:
        InputError: As `verify` says.
        DataError: No image can be read.
    """
    expect(0.0 <= at_least <= 1.0, "--at-least from 0 to 1", at_least)
    classifier, dataset = plan.classifier, plan.dataset
    resize = classifier.input_spec.resize
    group = resolve_group(invariant, channels=classifier.input_spec.planes)
    expect_square(group, height=resize.height, width=resize.width)
    holds, reason = construction(classifier, source, group)
    done, unreadable, parts = 0, 0, []
    for batch in batches(dataset, resize, batch_size=plan.batch_size):
        if len(batch.pixels):
            parts.append(_compare(classifier, group, batch))
        unreadable += len(batch.unreadable)
        done += len(batch.pixels) + len(batch.unreadable)
        if progress:
            progress(done, len(dataset))
    if not parts:
        raise DataError(f"expected images in {dataset.spec} that can be read, got none of {unreadable}")
    same = np.concatenate([agrees for agrees, _ in parts])
    apart = np.max([difference for _, difference in parts], axis=0)
    rate = Rate.of(np.asarray(same.all(axis=1)))
    return Verification(
        classifier=classifier.name,
        invariant=group.name,
        dataset=f"{dataset.spec} {dataset.split}",
        n=rate.n,
        unreadable=unreadable,
        agreeing=rate.correct,
        consistency=rate.accuracy,
        low=rate.low,
        high=rate.high,
        logit_difference=float(apart.max()),
        by_construction=holds,
        reason=reason,
        at_least=at_least,
        elements=tuple(_elements(group, same, apart)),
        provenance=provenance,
    )


def construction(classifier: ClassifierAdapter, source: str | Path | None, group: Group) -> tuple[bool, str]:
    """Whether predictions are the same over the group whatever the image, and why that is known or is not."""
    if wrapper_of(classifier) or classifier.kind != "onnx":
        return guarantee(classifier, group)
    if source is None:
        return False, f"{UNKNOWN}: the graph of {classifier.name} was not compared; give the file's path."
    with on_disk(path_of(source)) as path:
        model = read_graph(path.read_bytes(), name=path.name)
    wrapper = matched_wrapper(model, classifier.input_spec, columns=columns_of(classifier), group=group)
    if wrapper is None:
        return False, f"{UNKNOWN}: the graph of {path.name} is not that of a wrapper for {group.name}."
    return guarantee_of_wrapper(wrapper, group)


@torch.no_grad()
def _compare(
    classifier: ClassifierAdapter, group: Group, batch: Batch
) -> tuple[Bool[np.ndarray, "images elements"], Float[np.ndarray, " elements"]]:
    """Whether predictions are those for the images as they are, under each other element, and how far logits differ."""
    images = to_images(torch.from_numpy(batch.pixels)).to(classifier.device)
    clean = classifier(images)
    same, apart = [], []
    for element in group.elements[1:]:
        logits = classifier(element(images))
        same.append((logits.argmax(dim=1) == clean.argmax(dim=1)).cpu().numpy())
        difference = torch.where(logits == clean, 0.0, (logits - clean).abs())  # two infinities differ by nothing
        apart.append(float(difference.amax()))
    return np.stack(same, axis=1), np.array(apart)


def _elements(
    group: Group, same: Bool[np.ndarray, "images elements"], apart: Float[np.ndarray, " elements"]
) -> Iterator[ElementConsistency]:
    for element, agrees, difference in zip(group.elements[1:], same.T, apart, strict=True):
        rate = Rate.of(agrees)
        yield ElementConsistency(
            element=str(element),
            agreeing=rate.correct,
            consistency=rate.accuracy,
            low=rate.low,
            high=rate.high,
            logit_difference=float(difference),
        )
