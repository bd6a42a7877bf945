"""Transformed images are found beside the rest, and where none is, nobody is alarmed."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.dicom_files import made

from negatoscope.data import Dataset, load_dataset
from negatoscope.documents import from_plain
from negatoscope.errors import DataError, InputError, OutputError
from negatoscope.hardening import FitData
from negatoscope.hardening.cross_fit import assign_folds
from negatoscope.hardening.inspect import _cuts, inspect
from negatoscope.hardening.inspection import Inspection
from negatoscope.types import PixelArray


def blobs(n: int, *, channels: int = 1, seed: int = 0, side: int = 16) -> PixelArray:
    """A bright blob over a dark ground, half of it noise; of color images red is brightest and blue darkest."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    centers = generator.uniform(4, side - 4, (n, 2, 1, 1))
    blob = np.exp(-((rows - centers[:, 0]) ** 2 + (columns - centers[:, 1]) ** 2) / 8)
    colors = np.array([1.0, 0.7, 0.4])[:channels, None, None]
    noise = generator.uniform(0, 60, (n, channels, side, side))
    return (noise + 190 * blob[:, None] * colors).astype(np.uint8)


def dataset_of(images: PixelArray) -> Dataset:
    return Dataset.from_arrays(images, np.zeros(len(images), dtype=np.int64), name="blobs")


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder of 60 files without labels, of which the first 3 are negatives."""
    folder = tmp_path / "<scans>"
    folder.mkdir()
    for index, image in enumerate(blobs(60)):
        Image.fromarray(255 - image[0] if index < 3 else image[0]).save(folder / f"{index:02d}<b>&.png")
    return folder


def test_negated_images_are_first_and_are_counted() -> None:
    images = blobs(400)
    images[100:108] = 255 - images[100:108]
    found = inspect(dataset_of(images))
    assert {image.sample for image in found.images[:8]} == set(range(100, 108))
    assert found.images[7].score > 0 > found.images[8].score
    assert {image.element for image in found.images} == {"negative"}
    assert found.low <= 8 <= found.high
    assert 4 <= found.standing_out <= 12


def test_swapped_channels_are_found_with_the_order_that_mends_them() -> None:
    images = blobs(400, channels=3)
    images[:6] = images[:6, ::-1]
    images[6:9] = images[6:9, [1, 2, 0]]
    found = inspect(dataset_of(images), invariant="channel_permutation")
    mended = {image.sample: image.element for image in found.images[:9]}
    assert mended == {
        **dict.fromkeys(range(6), "channel_permutation(order='BGR')"),
        **dict.fromkeys(range(6, 9), "channel_permutation(order='BRG')"),
    }
    estimates = {each.element: each.estimate for each in found.elements}
    assert sorted(estimates, key=lambda element: -estimates[element])[0] == "channel_permutation(order='BGR')"
    assert sum(estimates.values()) == pytest.approx(found.estimate)
    assert "channel_permutation(order='BGR') about " in str(found)


def test_where_none_is_negated_none_stands_out() -> None:
    found = inspect(dataset_of(blobs(400)))
    assert (found.estimate, found.standing_out, found.cuts) == (0.0, 0, ())
    assert _cuts(np.array([0.3, 0.4]), 0.4) == (), "less than half an image stands out no more"
    assert "none stands out as negated" in str(found)


@pytest.mark.data
@pytest.mark.parametrize(("share", "least"), [(0.01, 0.95), (0.0, 0.0)])
def test_secret_negatives_of_digits_are_found(share: float, least: float) -> None:
    digits = load_dataset("mnist", split="train")
    generator = np.random.default_rng(3)
    images = np.array(digits.images[:4000])
    secret = generator.permutation(4000)[: round(share * 4000)]
    images[secret] = 255 - images[secret]
    found = inspect(dataset_of(images))
    first = {image.sample for image in found.images[: round(1.5 * len(secret))]}
    assert len(first & set(secret.tolist())) >= least * len(secret)
    assert found.low <= len(secret) <= found.high
    assert bool(found.cuts) == bool(share)


def test_a_folder_is_inspected_and_everything_is_written(scans: Path, tmp_path: Path) -> None:
    (scans / "broken.png").write_bytes(b"none")
    found = inspect(scans, out=tmp_path / "out")
    assert (found.n, [image.name for image in found.unreadable]) == (60, ["broken.png"])
    assert {image.name for image in found.images[:3]} == {f"{index:02d}<b>&.png" for index in range(3)}
    out = tmp_path / "out"
    assert from_plain(json.loads((out / "inspection.json").read_text()), Inspection) == found
    lines = list(csv.DictReader((out / "images.csv").read_text().splitlines()))
    assert [line["rank"] for line in lines] == [str(rank) for rank in range(1, 61)]
    assert [line["name"] for line in lines[:60]] == [image.name for image in found.images]
    assert (out / "report.md").read_text() == str(found)


def test_an_inspection_that_cannot_be_written_whole_leaves_no_document_of_an_earlier_one(
    scans: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    inspect(scans, out=out)
    (out / "report.html").unlink()
    (out / "report.html" / "mine").mkdir(parents=True)
    with pytest.raises(OutputError):
        inspect(scans, seed=1, out=out)
    assert not (out / "inspection.json").exists()


def test_the_page_has_pictures_and_escapes_names(scans: Path, tmp_path: Path) -> None:
    inspect(scans, out=tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("data:image/png") == 2 * 24
    assert "00&lt;b&gt;&amp;.png" in page
    assert "<b>&.png" not in page


def test_x_rays_whose_header_is_wrong_are_found_and_no_patient_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    for index, image in enumerate(blobs(60)):
        pixels = 255 - image[0] if index < 3 else image[0]
        (folder / f"{index:02d} Roe Jane.dcm").write_bytes(made(pixels))
    found = inspect(folder, out=tmp_path / "out")
    assert {image.name for image in found.images[:3]} == {"image 0", "image 1", "image 2"}
    assert "Jane" not in "".join(file.read_text() for file in (tmp_path / "out").iterdir()) + str(found)
    inspect(folder, out=tmp_path / "out", keep_names=True)
    texts = {file.name: file.read_text() for file in (tmp_path / "out").iterdir()}
    assert [name for name, text in texts.items() if "Jane" in text] == ["images.csv"]
    (folder / "60.dcm").write_bytes(made(blobs(1)[0, 0], BurnedInAnnotation="YES"))
    inspect(folder, out=tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "burned-in text" in page
    assert "data:image/" not in page


def test_frames_of_one_object_stand_in_one_fold() -> None:
    fit = FitData(blobs(40), tracks=np.arange(40) // 4)
    of_fold = assign_folds(fit, 2, seed=0)
    assert [len(set(of_fold[fit.tracks == track].tolist())) for track in range(10)] == [1] * 10
    assert set(of_fold.tolist()) == {0, 1}


def test_a_fold_that_leaves_frames_of_one_object_is_refused() -> None:
    data = replace(dataset_of(blobs(60)), tracks=np.arange(60) // 20)
    with pytest.raises(InputError, match=r"^expected fit images of at least 2 objects, .* held out, got 1; add some$"):
        inspect(data)


def test_the_seed_decides_everything() -> None:
    data = dataset_of(blobs(120))
    first, again, other = (inspect(data, seed=seed).images for seed in (1, 1, 2))
    assert first == again != other


def test_a_limit_leaves_as_many_images() -> None:
    found = inspect(dataset_of(blobs(200)), limit=80)
    assert (found.n, found.config.limit, found.split) == (80, 80, "test (80 of 200)")


def test_color_files_that_are_gray_count_as_gray() -> None:
    images = np.repeat(blobs(60), 3, axis=1)
    assert inspect(dataset_of(images)).channels == 1
    with pytest.raises(InputError, match=r"^expected color images for the group channel_permutation, got gray ones"):
        inspect(dataset_of(images), invariant="channel_permutation")


def test_gray_and_color_files_together_count_as_color(tmp_path: Path) -> None:
    for index, (gray, color) in enumerate(zip(blobs(30), blobs(30, channels=3), strict=True)):
        Image.fromarray(gray[0]).save(tmp_path / f"gray{index}.png")
        Image.fromarray(color.transpose(1, 2, 0)).save(tmp_path / f"color{index}.png")
    assert inspect(tmp_path).channels == 3


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"invariant": "negativ"}, "did you mean 'negative'"),
        ({"folds": 1}, "^expected --folds from 2 to 20, got 1$"),
        ({"size": 4}, "^expected --size from 8 to 256, got 4$"),
        ({"seed": -1}, "^expected --seed from 0"),
        ({"limit": 39}, "^expected at least 40 images for 2 folds, got 39; add some$"),
        ({"limit": 24, "folds": 5}, "^expected at least 25 images for 5 folds, got 24; add some$"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        inspect(dataset_of(blobs(60)), **options)


def test_unreadable_data_and_a_folder_that_holds_something_else_are_refused(scans: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="to be empty or to hold an inspection"):
        inspect(scans, out=scans)
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"none")
    with pytest.raises(DataError, match=r"^expected an image in broken, got 1 that cannot be read"):
        inspect(folder)


def test_samples_may_stand_in_any_order() -> None:
    names = tuple(f"{index}.png" for index in range(60))
    images = blobs(60)
    images[7] = 255 - images[7]
    dataset = Dataset.from_arrays(images, np.zeros(60, dtype=np.int64), name="blobs", names=names)
    found = inspect(dataset.take(np.arange(60)[::-1], split="test"))
    assert (found.images[0].sample, found.images[0].name) == (7, "7.png")
