"""Make the small classifiers anew: ``python -m negatoscope.web.models`` trains for some minutes and overwrites them."""

import io
import zipfile
from functools import partial

import numpy as np
import torch
import typer
from PIL import Image

from negatoscope.data import Dataset, load_dataset
from negatoscope.data.split import split_validation
from negatoscope.documents import write_document
from negatoscope.files import write_whole
from negatoscope.hardening import FitData
from negatoscope.hardening.canonicalize import canonicalize
from negatoscope.hardening.saved import saved_bytes
from negatoscope.hardware import pick_hardware
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.open import open_classifier
from negatoscope.models.predict import BatchTransform, predict
from negatoscope.training.augmentation import recipe_augmentations
from negatoscope.training.loop import Learner, TrainingProgress, train_model
from negatoscope.training.recipe import Recipe
from negatoscope.training.step import accumulate_gradients
from negatoscope.transforms.groups import resolve_group
from negatoscope.transforms.tone import negative
from negatoscope.web.models import FOLDER, NAMES, OPTIONS, DigitNetwork, ShippedModel, ShippedModels, load

RECIPE = Recipe("digits", optimizer="adamw", learning_rate=0.004, weight_decay=0.01, epochs=8, batch_size=128, shift=2)
"""Of the plain classifier: shifts by up to 2 pixels, so that drawn digits need not be centered to the pixel."""

_OF_EACH = 5  # digits of each class that are shown first
_LICENSE = "MNIST: LeCun, Bottou, Bengio and Haffner 1998, CC BY-SA 3.0"


def make() -> None:
    """Train the plain classifier, harden it, measure both and write all files."""
    training, test = (load_dataset("mnist", split=split) for split in ("train", "test"))
    plain = train(training)
    images = FitData(np.asarray(training.images), training.labels)
    mended = canonicalize(plain, images, resolve_group("negative", channels=1), 0, typer.echo)
    for name, classifier in zip(NAMES, (plain, mended), strict=True):
        write_whole(FOLDER / f"{name}.safetensors", saved_bytes(classifier))
    write_whole(FOLDER / "digits.zip", digits(test))
    made = ShippedModels(
        command="python -m negatoscope.web.models",
        data="trained on mnist:train, judged by all 10,000 images of mnist:test",
        license=_LICENSE,
        models=tuple(measure(name, test) for name in NAMES),
    )
    write_document(FOLDER / "models.json", made)
    for model in made.models:
        accuracies = f"{100 * model.clean_accuracy:.2f} % clean, {100 * model.negative_accuracy:.2f} % on negatives"
        typer.echo(f"{model.name}: {accuracies}; {model.parameters:,} weights, {model.size_bytes:,} bytes")


def train(dataset: Dataset) -> ClassifierAdapter:
    """The plain classifier, trained on all images but those that validate."""
    hardware = pick_hardware("cpu", "float32")
    training, validation = split_validation(dataset, method="random", size=RECIPE.validation_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = DigitNetwork().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    objective = partial(accumulate_gradients, recipe=RECIPE, epsilon=0.0, hardware=hardware)
    learner = Learner(network, RECIPE, hardware, objective, recipe_augmentations(RECIPE))
    train_model(learner, training, validation=validation, progress=_say)
    return open_classifier(network.requires_grad_(False), name=NAMES[0], **OPTIONS)


def measure(name: str, test: Dataset) -> ShippedModel:
    """What a classifier's file gives on test images and on their negatives."""
    path, classifier = FOLDER / f"{name}.safetensors", load(name)
    module, wrapper = classifier.module, getattr(classifier, "wrapper", None)
    weights = [tensor.numel() for part in (module, wrapper) if part for tensor in part.state_dict().values()]

    def accuracy(transform: BatchTransform | None) -> float:
        given = predict(
            classifier, np.asarray(test.images), test.labels, device=classifier.device, batch_transform=transform
        )
        return float((given.predictions == test.labels).mean())

    return ShippedModel(
        name=name,
        parameters=sum(weights),
        size_bytes=path.stat().st_size,
        clean_accuracy=accuracy(None),
        negative_accuracy=accuracy(lambda images, _: negative(images)),
    )


def digits(test: Dataset) -> bytes:
    """The first few test images of each class, as a zip of class folders; the same bytes each time."""
    chosen = [np.flatnonzero(test.labels == label)[:_OF_EACH] for label in range(len(test.class_names))]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for position in np.concatenate(chosen).tolist():
            picture = io.BytesIO()
            Image.fromarray(np.asarray(test.images)[position][0]).save(picture, "PNG", optimize=True)
            entry = zipfile.ZipInfo(f"{test.class_names[test.labels[position]]}/mnist-test-{position:05d}.png")
            archive.writestr(entry, picture.getvalue())
    return content.getvalue()


def _say(progress: TrainingProgress) -> None:
    steps = progress.steps // RECIPE.epochs
    if progress.step % steps == 0:
        typer.echo(f"epoch {progress.step // steps} of {RECIPE.epochs}")


if __name__ == "__main__":
    make()
