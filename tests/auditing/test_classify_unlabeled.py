"""Predictions for images without labels are those of the classifier itself, and nothing in them is an accuracy."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from statsmodels.stats.proportion import proportion_confint
from tests.dicom_files import made

from negatoscope.auditing.run import AuditProgress
from negatoscope.auditing.unlabeled import classify_unlabeled, without_names
from negatoscope.auditing.unlabeled_predictions import UnlabeledPredictions
from negatoscope.auditing.unlabeled_text import unlabeled_csv, unlabeled_tables
from negatoscope.data import Dataset
from negatoscope.data.unlabeled import open_unlabeled
from negatoscope.documents import from_plain, to_plain
from negatoscope.errors import DataError, InputError, OutputError
from negatoscope.transforms import TRANSFORMS
from negatoscope.types import Images, Logits

OPTIONS = {"size": 8, "channels": "gray"}
SPECS = ("negative", "flip", "noise(l2=1.0)")


def brightest_bar(images: Images) -> Logits:
    rows = images.mean(dim=(1, 3))
    return 9 * torch.stack([rows[:, :2].mean(1), rows[:, 2:4].mean(1), rows[:, 4:6].mean(1)], dim=1)


@pytest.fixture
def photos(make_dataset: Callable[..., Dataset], tmp_path: Path) -> Path:
    folder = tmp_path / "<photos>"
    folder.mkdir()
    for index, image in enumerate(make_dataset(12, split="test").images):
        Image.fromarray(image[0]).save(folder / f"{index:02d}.png")
    return folder


def _images(folder: Path) -> Images:
    pixels = np.stack([np.asarray(Image.open(file)) for file in sorted(folder.glob("*.png"))])
    return torch.from_numpy(pixels)[:, None].float() / 255


def test_a_misspelled_argument_is_one_sentence_with_the_nearest(photos: Path) -> None:
    with pytest.raises(InputError, match=r"^expected no 'transform'; did you mean 'transforms'\?$"):
        classify_unlabeled(brightest_bar, photos, transform=["negative"], **OPTIONS)


def test_predictions_are_those_of_the_classifier(photos: Path) -> None:
    found = classify_unlabeled(brightest_bar, photos, suite="none", transforms=SPECS, **OPTIONS)
    images = _images(photos)
    for spec, changed in (("clean", images), ("negative", 1 - images), ("flip", TRANSFORMS.get("flip")(images))):
        shares = brightest_bar(changed).softmax(dim=1)
        predictions = [next(one for one in image.predictions if one.spec == spec) for image in found.images]
        assert [one.prediction for one in predictions] == shares.argmax(dim=1).tolist()
        assert [one.confidence for one in predictions] == pytest.approx(shares.amax(dim=1).tolist(), abs=1e-6)


def test_one_transform_may_be_given_as_a_text(photos: Path) -> None:
    found = classify_unlabeled(brightest_bar, photos, suite="none", transforms="negative", **OPTIONS)
    assert [entry.spec for entry in found.transforms] == ["negative"]


def test_consistency_is_the_share_of_predictions_that_stay(photos: Path) -> None:
    found = classify_unlabeled(brightest_bar, photos, suite="none", transforms=SPECS, **OPTIONS)
    clean, negative = (brightest_bar(images).argmax(dim=1) for images in (_images(photos), 1 - _images(photos)))
    same = int((clean == negative).sum())
    entry = found.transforms[0]
    assert (entry.spec, entry.n, entry.consistency) == ("negative", 12, same / 12)
    assert (entry.low, entry.high) == pytest.approx(proportion_confint(same, 12, method="wilson"))
    assert sum("negative" in image.changed for image in found.images) == 12 - same > 0


def test_of_one_image_without_transforms_the_sentence_is_its_prediction(photos: Path) -> None:
    found = classify_unlabeled(brightest_bar, photos / "00.png", suite="none", **OPTIONS)
    assert str(found).splitlines()[0].endswith("for 00.png.**")


def test_a_table_that_stops_at_20_images_says_so_and_callbacks_get_an_estimate(
    make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    for index, image in enumerate(make_dataset(21, split="test").images):
        Image.fromarray(image[0]).save(tmp_path / f"{index:02d}.png")
    moments: list[AuditProgress] = []
    found = classify_unlabeled(brightest_bar, tmp_path, suite="none", progress=moments.append, **OPTIONS)
    more = "The table lists 20 of 21 images; CSV and predictions.json have all."
    assert more in str(found)
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(unlabeled_tables(found))
    assert more in " ".join(console.export_text().split())
    assert (moments[-1].images, moments[-1].seconds_left) == (21, 0.0)
    few = classify_unlabeled(brightest_bar, tmp_path, suite="none", limit=20, **OPTIONS)
    assert "The table lists" not in str(few)


def test_a_recorded_command_names_no_dicom_file_and_keeps_everything_else(tmp_path: Path) -> None:
    for name in ("1", "1 of ann"):
        (tmp_path / name).write_bytes(made(np.zeros((8, 8), np.uint8)))
    dataset = open_unlabeled(tmp_path)
    assert dataset is not None
    command = "negatoscope audit resnet18.onnx --limit 10 --data {} 'scans/{}'"
    named, hidden = command.format("1", "1 of ann"), command.format("image.dcm", "image.dcm")
    assert without_names(named, dataset) == hidden


def test_nothing_is_called_an_accuracy(photos: Path, tmp_path: Path) -> None:
    found = classify_unlabeled(brightest_bar, photos, suite="none", transforms=SPECS, out=tmp_path / "out", **OPTIONS)
    keys = json.dumps(to_plain(found))
    assert "accuracy" not in keys
    assert '"label"' not in keys
    assert "there is no accuracy" in str(found)
    assert from_plain(json.loads((tmp_path / "out" / "predictions.json").read_text()), UnlabeledPredictions) == found


def test_the_page_shows_each_picture_and_escapes_names(photos: Path, tmp_path: Path) -> None:
    classify_unlabeled(
        brightest_bar, photos / "00.png", suite="none", transforms=SPECS, out=tmp_path / "out", **OPTIONS
    )
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("data:image/png") == 1 + len(SPECS)
    assert "http" not in page.replace("http-equiv", "")
    classify_unlabeled(brightest_bar, photos, suite="none", transforms=SPECS, out=tmp_path / "out", **OPTIONS)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<photos>" not in page
    assert "The first 8 of 12 images" in page
    assert page.count("data:image/png") == 8 * (1 + len(SPECS))


def test_a_file_names_the_classes(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("top\nmiddle\nbottom\n")
    names = str(tmp_path / "names.txt")
    found = classify_unlabeled(brightest_bar, photos / "00.png", suite="negative", class_map=names, **OPTIONS)
    assert found.class_names == ("top", "middle", "bottom")
    name = found.class_names[int(brightest_bar(_images(photos)[:1]).argmax())]
    assert f"predicts {name} " in str(found)
    (tmp_path / "names.txt").write_text("top\nmiddle\n")
    with pytest.raises(InputError, match=r"expected a line for each of 3 outputs in .*, got 2 lines"):
        classify_unlabeled(brightest_bar, photos / "00.png", class_map=names, **OPTIONS)


def test_an_unreadable_image_is_named_and_left_out(photos: Path) -> None:
    (photos / "03.png").write_bytes(b"no image")
    found = classify_unlabeled(brightest_bar, photos, suite="negative", **OPTIONS)
    assert len(found.images) == 11
    assert [image.name for image in found.unreadable] == ["03.png"]
    assert "1 image could not be read and is left out: 03.png" in str(found)
    with pytest.raises(DataError, match=r"got 1 that cannot be read"):
        classify_unlabeled(brightest_bar, photos / "03.png", suite="negative", **OPTIONS)


def test_an_attack_is_made_against_the_clean_prediction(photos: Path) -> None:
    found = classify_unlabeled(brightest_bar, photos, suite="none", transforms=("fgsm(epsilon=0.5)",), **OPTIONS)
    assert found.transforms[0].consistency < 0.5


def test_the_csv_has_a_line_for_each_image_and_transform(photos: Path) -> None:
    found = classify_unlabeled(brightest_bar, photos, suite="none", transforms=SPECS, **OPTIONS)
    lines = unlabeled_csv(found).splitlines()
    assert len(lines) == 1 + 12 * (1 + len(SPECS))
    assert lines[0] == "image,transform,prediction,class_name,confidence,same_as_clean"


def test_data_with_labels_and_folders_with_other_files_are_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="what has labels is audited"):
        classify_unlabeled(brightest_bar, tmp_path, **OPTIONS)
    with pytest.raises(OutputError, match=r"got 00\.png; give another --out"):
        classify_unlabeled(brightest_bar, photos, out=photos, **OPTIONS)


@pytest.mark.parametrize("burnt_in", ["NO", "YES"])
def test_nothing_names_a_dicom_file_and_burnt_in_text_is_not_shown(burnt_in: str, tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    (folder / "Roe Jane.dcm").write_bytes(made(pixels, BurnedInAnnotation=burnt_in))
    for data, out in ((folder / "Roe Jane.dcm", tmp_path / "a"), (folder, tmp_path / "b")):
        found = classify_unlabeled(brightest_bar, data, suite="negative", out=out, **OPTIONS)
        written = "".join(file.read_text() for file in out.iterdir()) + str(found)
        assert "Jane" not in written
        assert found.images[0].name == "image 0"
        page = (out / "report.html").read_text()
        assert ("data:image/" in page) == (burnt_in == "NO")
        assert ("burned-in text" in page) == (burnt_in == "YES")
