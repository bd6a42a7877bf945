"""Settings as they are tried on images: in the order that was asked for, each image under its own."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import negatoscope as ng
from negatoscope.data import Dataset
from negatoscope.data.open import open_dataset
from negatoscope.errors import DataError
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.predict import predict
from negatoscope.searching.searched import read_searched
from negatoscope.searching.settings import apply_settings, predict_under, read_images, try_setting
from negatoscope.searching.transfer import measure_transfer
from negatoscope.transforms import describe_transform
from negatoscope.transforms.spaces import resolve_space

GAMMA = resolve_space("gamma(exponent=0.5..2)", channels=1)


def test_samples_are_found_in_a_dataset_of_any_order(digits: Dataset) -> None:
    order = np.random.default_rng(0).permutation(len(digits))
    shuffled = digits.take(order, split=digits.split)
    asked = np.array([7, 250, 0, 7, 13])
    assert shuffled.samples[shuffled.positions_of(asked)].tolist() == asked.tolist()


def test_images_come_in_the_order_of_the_samples_whatever_their_number(
    classifier: ClassifierAdapter, digits: Dataset
) -> None:
    asked = np.random.default_rng(1).permutation(len(digits))
    parts = list(read_images(classifier, digits, asked))
    images = torch.cat([images for images, _, _ in parts])
    expected = np.asarray(digits.images)[asked]
    assert np.array_equal((images * 255).round().byte().numpy(), expected)
    assert torch.cat([labels for _, labels, _ in parts]).tolist() == digits.labels[asked].tolist()
    assert np.concatenate([batch.samples for _, _, batch in parts]).tolist() == asked.tolist()


def test_an_image_that_cannot_be_read_any_more_is_one_sentence(
    classifier: ClassifierAdapter, digits: Dataset, tmp_path: Path
) -> None:
    for index in range(3):
        (tmp_path / "0").mkdir(exist_ok=True)
        Image.fromarray(np.asarray(digits.images)[index, 0]).save(tmp_path / "0" / f"{index}.png")
    folder = open_dataset(str(tmp_path))
    (tmp_path / "0" / "1.png").unlink()
    with pytest.raises(DataError, match=r"^expected a readable image, but 0/1\.png is none: No such file"):
        list(read_images(classifier, folder, folder.samples))


def test_each_image_has_its_own_setting_and_none_where_its_point_is_no_number(digits: Dataset) -> None:
    images = torch.from_numpy(np.asarray(digits.images[:4])).float() / 255
    points = torch.tensor([[0.0], [float("nan")], [1.0], [0.5]], dtype=torch.float64)
    changed = apply_settings(GAMMA, images, points)
    for place, exponent in ((0, 0.5), (2, 2.0), (3, 1.25)):
        transform = describe_transform(f"gamma(exponent={exponent})").function
        torch.testing.assert_close(changed[place : place + 1], transform(images[place : place + 1]))
    assert torch.equal(changed[1], images[1])


def test_one_setting_on_all_images_is_that_transform(classifier: ClassifierAdapter, digits: Dataset) -> None:
    parts = [part[:2] for part in read_images(classifier, digits, digits.samples)]
    correct, confidences = try_setting(classifier, GAMMA, parts, torch.tensor([1.0], dtype=torch.float64))
    transform = describe_transform("gamma(exponent=2.0)").function
    pixels = np.asarray(digits.images)
    expected = predict(
        classifier,
        pixels,
        digits.labels,
        device=classifier.device,
        batch_transform=lambda images, labels: transform(images),
    )
    assert np.array_equal(correct, expected.predictions == digits.labels)
    np.testing.assert_allclose(confidences, expected.label_confidences, atol=1e-5)


def test_predictions_under_settings_do_not_depend_on_the_images_beside(
    classifier: ClassifierAdapter, digits: Dataset
) -> None:
    images, labels, _ = next(iter(read_images(classifier, digits, digits.samples[:16])))
    points = torch.linspace(0, 1, len(images), dtype=torch.float64)[:, None]
    together = predict_under(classifier, GAMMA, images, labels, points)
    alone = [
        predict_under(classifier, GAMMA, images[[place]], labels[[place]], points[[place]])
        for place in range(len(images))
    ]
    assert together.predictions.tolist() == [int(one.predictions[0]) for one in alone]


def test_a_model_that_is_shown_its_own_finds_is_fooled_by_all_of_them(
    classifier: ClassifierAdapter, other: ClassifierAdapter, digits: Dataset
) -> None:
    result = ng.search(classifier, digits, space=GAMMA.text, budget=20, limit=100)
    searched = read_searched(result.out, GAMMA.text)
    chosen = digits.take(digits.positions_of(searched.samples), split=digits.split)
    itself = measure_transfer(classifier, chosen, GAMMA, searched)
    assert itself.n == len(searched)
    assert itself.clean_accuracy == pytest.approx(searched.clean_correct.mean())
    assert itself.accuracy == pytest.approx(searched.correct.mean())
    assert itself.n_fooled == searched.fooled.sum() > 0
    assert itself.fooled == 1
    another = measure_transfer(other, chosen, GAMMA, searched)
    assert another.n_fooled <= itself.n_fooled
    assert another.sha256 == other.sha256


def test_where_nothing_was_found_that_fools_no_share_of_it_is_told(
    classifier: ClassifierAdapter, digits: Dataset
) -> None:
    result = ng.search(classifier, digits, space="gamma(exponent=1..1.001)", budget=3, limit=40)
    (space,) = result.summary.spaces
    searched = read_searched(result.out, space.space)
    searched = replace(searched, first_errors=np.where(searched.first_errors > 1, 0, searched.first_errors))
    chosen = digits.take(digits.positions_of(searched.samples), split=digits.split)
    told = measure_transfer(classifier, chosen, resolve_space(space.space, channels=1), searched)
    assert (told.n_fooled, told.fooled, told.fooled_low, told.fooled_high) == (0, None, None, None)
