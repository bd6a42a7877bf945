"""One run of the discussion's experiments: trained, and measured on test images under transforms and under noise."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from negatoscope.data import Dataset
from negatoscope.hardware import Hardware
from negatoscope.models.checkpoint import save_tensors
from negatoscope.reproduce.measure import Columns, Destinations, accuracy_of, destinations_of
from negatoscope.reproduce.run_data import RunData, few_of, split_training
from negatoscope.reproduce.runs import MadeBy, Pass, Run, RunProgress, keep_run, measure_passes
from negatoscope.statistics.measured import TrackedRate
from negatoscope.studies.discussion_plan import DiscussionRunSpec, Variant
from negatoscope.studies.discussion_training import WEIGHTS, train_variant
from negatoscope.transforms import describe_transform
from negatoscope.transforms.controls import noise, noise_directions
from negatoscope.types import Images, Labels

MEASURED, FOLLOWED = 5000, 1000
"""How many training images are measured on, as they are and as negatives; how many validation images are followed along
training, by which nothing is chosen."""


@dataclass(frozen=True, kw_only=True)
class MeasuredTransform:
    """Accuracy on test images under a transform, and under Gaussian noise that changes each image as much.

    Args:
        transform: Its spec.
        l2: The mean L2 norm of what it changes in an image in [0, 1]; at least 0.
        accuracy: Under the transform.
        noise: Under noise of the same L2 norm image by image, which leaves [0, 1] where it must; None where that was
            not measured, as the next two.
        clipped_noise: Under the same noise, cut off at 0 and 1.
        clipped_l2: The mean of what is left of its L2 norm, at least 0.
    """

    transform: str
    l2: float
    accuracy: TrackedRate
    noise: TrackedRate | None = None
    clipped_noise: TrackedRate | None = None
    clipped_l2: float | None = None


@dataclass(frozen=True, kw_only=True)
class DiscussionRun(Run):
    """A run of the discussion's experiments.

    Args:
        variant: What was trained.
        fast: Whether it was a smoke run.
        start: The digest of the recipe of the network that it started from; "" where it was trained from scratch.
        negatives: How many images it was shown as negatives, at least 0.
        classes: Which classes these were of, from 0.
        parameters: How many weights its network has, at least 1.
        measured: On test images, the negative first.
        destinations: Of the predictions on negatives of test images, with counts.
        seconds: How long training took, in seconds.
        made_by: Versions and hardware.
        class_names: Of the dataset.
    """

    variant: Variant
    fast: bool
    start: str = ""
    negatives: int
    classes: tuple[int, ...]
    parameters: int
    measured: tuple[MeasuredTransform, ...]
    destinations: Destinations
    seconds: float
    made_by: MadeBy
    class_names: tuple[str, ...]

    @property
    def negative_test(self) -> TrackedRate:
        """Accuracy on negatives of test images."""
        return self.measured[0].accuracy

    def under(self, transform: str) -> float | None:
        """Accuracy on test images under a transform; None where that was not measured."""
        return next((each.accuracy.accuracy for each in self.measured if each.transform == transform), None)

    @property
    def place(self) -> tuple[object, ...]:
        """As that of what was to be run."""
        transforms = tuple(each.transform for each in self.measured)
        return self.dataset, self.seed, self.fast, self.recipe.digest, self.variant.digest, transforms, self.start


def make_discussion_run(
    spec: DiscussionRunSpec,
    data: RunData,
    *,
    hardware: Hardware,
    folder: Path,
    start: Path | None,
    progress: RunProgress,
) -> DiscussionRun:
    """Train and measure one network, resuming where an earlier call was stopped.

    Leaves `rows.parquet`, of a plain network `weights.safetensors`, and last `run.json` in `folder`.

    Raises:
        InputError: Training diverges, or the recipe does not fit the data.
        DataError: The weights to start from are missing or damaged.
        OutputError: `folder` cannot be written or the disk is full.
    """
    training, validation = split_training(data.train, spec.recipe, seed=spec.seed, fast=spec.fast)
    trained = train_variant(
        spec,
        training,
        validation=few_of(validation, FOLLOWED),
        hardware=hardware,
        folder=folder,
        start=start,
        progress=progress,
    )
    sizes: dict[str, list[Tensor]] = {}
    passes = _passes(spec, few_of(training, MEASURED), data.test, sizes)
    columns = measure_passes(spec, trained.network, passes, hardware=hardware, folder=folder, progress=progress)
    if spec.variant.is_plain:
        save_tensors(folder / WEIGHTS, trained.network.state_dict(), facts={"seed": spec.seed})
    run = DiscussionRun(
        dataset=spec.dataset,
        epsilon=spec.epsilon,
        seed=spec.seed,
        recipe=spec.recipe,
        train=accuracy_of(columns["train", "clean"]),
        test=accuracy_of(columns["test", "clean"]),
        negative_train=accuracy_of(columns["train", "negative"]),
        variant=spec.variant,
        fast=spec.fast,
        start=spec.start,
        negatives=trained.shown.negatives,
        classes=trained.shown.classes,
        parameters=sum(parameter.numel() for parameter in trained.network.parameters()),
        measured=tuple(_measured(transform, columns, sizes) for transform in spec.transforms),
        destinations=destinations_of(columns["test", "negative"], classes=len(training.class_names), with_counts=True),
        seconds=round(trained.seconds, 1),
        made_by=MadeBy.now(hardware),
        class_names=training.class_names,
    )
    keep_run(folder, run)
    return run


def _noise_name(transform: str, *, clipped: bool) -> str:
    """What rows call noise."""
    return f"{'clipped ' if clipped else ''}noise of the size of {transform}"


def _passes(spec: DiscussionRunSpec, few: Dataset, test: Dataset, sizes: dict[str, list[Tensor]]) -> Iterator[Pass]:
    """Every pass over images, which leaves what it changes of each in `sizes`."""
    yield from (Pass(few, "clean"), Pass(test, "clean"))
    negative = describe_transform("negative").function
    yield Pass(few, "negative", lambda images, labels: negative(images))
    for transform in spec.transforms:
        change = describe_transform(transform).function
        changes: dict[str, Callable[[Images], Images]] = {transform: change}
        if spec.variant.noise:
            changes[_noise_name(transform, clipped=False)] = partial(noise_as_large, change=change, clipped=False)
            changes[_noise_name(transform, clipped=True)] = partial(noise_as_large, change=change, clipped=True)
        for name, function in changes.items():
            yield Pass(test, name, partial(_sized, change=function, sizes=sizes.setdefault(name, [])))


def noise_as_large(images: Images, *, change: Callable[[Images], Images], clipped: bool) -> Images:
    """Images with Gaussian noise whose L2 norm is that of what `change` does to each of them.

    Args:
        images: Images in [0, 1].
        change: A transform.
        clipped: Whether what leaves [0, 1] is cut off, which makes it smaller.
    """
    l2 = _norms(change(images) - images)
    return noise(images, l2=l2) if clipped else images + noise_directions(images) * l2.reshape(-1, 1, 1, 1)


def _sized(images: Images, labels: Labels, *, change: Callable[[Images], Images], sizes: list[Tensor]) -> Images:
    changed = change(images)
    sizes.append(_norms(changed - images).cpu())
    return changed


def _norms(differences: Float[Tensor, "batch channels height width"]) -> Float[Tensor, " batch"]:
    return differences.square().sum(dim=(1, 2, 3)).sqrt()


def _measured(
    transform: str, columns: Mapping[tuple[str, str], Columns], sizes: Mapping[str, list[Tensor]]
) -> MeasuredTransform:
    plain, clipped = (_noise_name(transform, clipped=each) for each in (False, True))

    def rate(name: str) -> TrackedRate | None:
        return accuracy_of(columns["test", name]) if ("test", name) in columns else None

    def l2(name: str) -> float:
        return round(float(torch.cat(sizes[name]).double().mean()), 4)

    return MeasuredTransform(
        transform=transform,
        l2=l2(transform),
        accuracy=accuracy_of(columns["test", transform]),
        noise=rate(plain),
        clipped_noise=rate(clipped),
        clipped_l2=l2(clipped) if clipped in sizes else None,
    )
