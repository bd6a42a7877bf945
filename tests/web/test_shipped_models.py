"""The small classifiers that come with the package: small, as accurate as their file says, and models of an audit."""

import numpy as np
import pytest
import torch

from negatoscope.data import load_dataset
from negatoscope.documents import read_document
from negatoscope.models.open import open_classifier
from negatoscope.models.predict import predict
from negatoscope.transforms.tone import negative
from negatoscope.web.answers import SideBySide
from negatoscope.web.models import (
    FIRST_DIGIT,
    FOLDER,
    NAMED,
    NAMES,
    OPTIONS,
    ShippedModel,
    ShippedModels,
    load,
    open_digits,
)
from negatoscope.web.pictures import Pictures
from negatoscope.web.setup import describe_setup

PUBLISHED = read_document(FOLDER / "models.json", ShippedModels, what="the shipped models", make="make them again")


def test_all_weights_together_are_at_most_300_kilobytes() -> None:
    sizes = {path.name: path.stat().st_size for path in FOLDER.iterdir() if path.is_file() and path.suffix != ".py"}
    assert set(sizes) == {*(f"{name}.safetensors" for name in NAMES), "digits.zip", "models.json"}
    assert sum(sizes.values()) <= 300_000
    assert [model.size_bytes for model in PUBLISHED.models] == [sizes[f"{name}.safetensors"] for name in NAMES]


def test_the_mended_one_answers_the_same_for_every_digit_and_its_negative() -> None:
    digits, mended = open_digits(), load("mended")
    images = torch.from_numpy(np.stack([*digits.images])).float() / 255
    assert torch.equal(mended(images), mended(1 - (1 - images)))
    assert torch.equal(mended(images).argmax(1), mended(negative(images)).argmax(1))
    assert {tuple(digits.class_names), len(digits), *np.bincount(digits.labels).tolist()} == {(*"0123456789",), 50, 5}


@pytest.mark.parametrize(("name", "path"), list(zip(NAMES, NAMED, strict=True)))
def test_an_audit_opens_them_by_name(name: str, path: str) -> None:
    images = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    assert torch.equal(open_classifier(path, **OPTIONS)(images), load(name)(images))


@pytest.mark.data
@pytest.mark.parametrize("model", PUBLISHED.models, ids=lambda model: model.name)
def test_their_published_accuracies_can_be_counted_again(model: ShippedModel) -> None:
    test = load_dataset("mnist", split="test", download=False)
    classifier = load(model.name)
    for transform, published in (
        (None, model.clean_accuracy),
        (lambda images, _: negative(images), model.negative_accuracy),
    ):
        given = predict(
            classifier, np.asarray(test.images), test.labels, device=torch.device("cpu"), batch_transform=transform
        )
        assert (given.predictions == test.labels).mean() == pytest.approx(published, abs=2e-4)


def test_of_fewer_digits_the_first_is_on_the_table(models: SideBySide) -> None:
    digits = open_digits()
    for n, first in ((50, f"d{FIRST_DIGIT}"), (10, "d0")):
        pictures = Pictures(digits.take(np.arange(n), split="test"), [models.classifiers[0].input_spec.resize])
        assert describe_setup(models, pictures, audit=False, first=FIRST_DIGIT).first == first


def test_the_digit_on_the_table_at_first_is_one_whose_negative_the_plain_classifier_misreads() -> None:
    digits = open_digits()
    first = torch.from_numpy(np.asarray([digits.images[FIRST_DIGIT]])).float() / 255
    assert load("plain")(first).argmax(dim=1).tolist() == [int(digits.labels[FIRST_DIGIT])]
    assert load("plain")(1 - first).argmax(dim=1).tolist() != [int(digits.labels[FIRST_DIGIT])]
    assert load("mended")(1 - first).argmax(dim=1).tolist() == [int(digits.labels[FIRST_DIGIT])]
