"""What methods are fitted on is decoded as audits decode, and held out by object."""

import numpy as np
import pytest
from PIL import Image

from negatoscope.data import Dataset
from negatoscope.data.batches import batches
from negatoscope.data.open import open_dataset
from negatoscope.errors import DataError, InputError
from negatoscope.hardening import METHODS, FitData
from negatoscope.hardening.fit import expect_fitting, read_fit
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.input_spec import InputSpec
from negatoscope.pixels import ResizeSpec
from negatoscope.transforms.groups import resolve_group

SPEC = InputSpec(ResizeSpec(height=8, width=8, channels="gray"), 2)


@pytest.fixture
def folder(tmp_path):  # type: ignore[no-untyped-def]
    random = np.random.default_rng(0)
    for index in range(24):
        file = tmp_path / "ab"[index % 2] / f"{index}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (9 + index, 12, 3), dtype=np.uint8)).save(file)
    return tmp_path


def test_color_images_of_any_size_become_what_an_audit_would_make_of_them(folder) -> None:  # type: ignore[no-untyped-def]
    dataset = open_dataset(folder)
    fit = read_fit(dataset, SPEC, class_names=("a", "b"))
    (batch,) = batches(dataset, SPEC.resize, batch_size=24)
    assert np.array_equal(fit.images, batch.pixels)
    assert fit.labels is not None
    assert fit.labels.tolist() == batch.labels.tolist()


def test_labels_of_other_classes_are_left_out(folder) -> None:  # type: ignore[no-untyped-def]
    assert read_fit(open_dataset(folder), SPEC, class_names=("b", "c")).labels is None


def test_images_that_cannot_be_read_are_left_out_and_too_few_are_refused(folder) -> None:  # type: ignore[no-untyped-def]
    for file in sorted(folder.rglob("*.png"))[:4]:
        file.write_bytes(b"no image")
    assert len(read_fit(open_dataset(folder), SPEC).images) == 20
    sorted(folder.rglob("*.png"))[-1].write_bytes(b"no image")
    with pytest.raises(DataError, match=r"^expected at least 20 images to fit on in .*, got 19 that can be read$"):
        read_fit(open_dataset(folder), SPEC)


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (np.zeros((30, 1, 9, 8), np.uint8), r"channels, height and width \(1, 8, 8\), got \(1, 9, 8\); resize them"),
        (np.zeros((30, 3, 8, 8), np.uint8), r"channels, height and width \(1, 8, 8\), got \(3, 8, 8\); resize them"),
        (np.zeros((3, 1, 8, 8), np.uint8), "at least 20 images to fit on, got 3"),
    ],
)
def test_fit_images_of_another_size_or_too_few_are_refused(images: np.ndarray, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        expect_fitting(FitData(images), SPEC)


def test_frames_of_one_object_are_held_out_together() -> None:
    tracks = np.repeat(np.arange(10), 7)
    chosen, held = FitData(np.zeros((70, 1, 2, 2), np.uint8), tracks=tracks).held_out(share=0.2, seed=1)
    assert sorted([*chosen, *held]) == list(range(70))
    assert len(set(tracks[held])) == 2
    assert not set(tracks[held]) & set(tracks[chosen])


@pytest.mark.parametrize("method", ["canonicalize", "augment"])
def test_frames_of_one_object_alone_are_refused(
    method: str, classifier: ClassifierAdapter, digits: tuple[Dataset, Dataset]
) -> None:
    frames = FitData(np.asarray(digits[0].images)[:30], digits[0].labels[:30], tracks=np.zeros(30, np.int64))
    with pytest.raises(InputError, match=r"^expected fit images of at least 2 objects, .* held out, got 1; add some$"):
        METHODS.get(method)(classifier, frames, resolve_group("negative", channels=1), seed=0, progress=print)
