"""GTSRB as it is: its tracks, its frames that stand in both splits, and the copy at hand."""

import zipfile
from collections import Counter
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest

from negatoscope.data import DataLocator, gtsrb, load_dataset
from negatoscope.data.zips import ZipMembers

TRAINING = "GTSRB/Final_Training/Images"
TEST = "GTSRB/Final_Test/Images"
SHARED_FRAMES = ["00666", "02291", "03546", "03594", "04548", "09384", "09575", "11906"]


def real() -> list[Path]:
    found = DataLocator(download=False).find("gtsrb")
    return [found[name].path for name in (gtsrb.TRAIN_IMAGES, gtsrb.TEST_IMAGES, gtsrb.TEST_TABLE)]


@pytest.mark.data
def test_the_real_training_images_come_in_tracks_of_thirty_frames_of_one_sign(
    real_training: tuple[ZipMembers, list[gtsrb.Sign]],
) -> None:
    members, signs = real_training
    gtsrb.expect_complete(signs, "train", members.path)
    frames = Counter(sign.track for sign in signs)
    assert sorted(frames) == list(range(1307))
    assert Counter(frames.values()) == {30: 1306, 29: 1}
    (short,) = {sign.member[:-10] for sign in signs if frames[sign.track] == 29}
    assert short == f"{TRAINING}/00033/00019"
    assert len({(sign.track, sign.label) for sign in signs}) == 1307


@pytest.mark.data
def test_eight_real_test_images_are_frames_of_one_training_track() -> None:
    train, test, _ = real()
    with zipfile.ZipFile(train) as opened, zipfile.ZipFile(test) as tests:
        frames = {(m.CRC, m.file_size): m for m in opened.infolist() if m.filename.endswith(".ppm")}
        twins = [m for m in tests.infolist() if (m.CRC, m.file_size) in frames]
        for twin in twins:
            frame = frames[twin.CRC, twin.file_size]
            assert frame.filename.startswith(f"{TRAINING}/00014/00023_")
            assert sha256(tests.read(twin)).digest() == sha256(opened.read(frame)).digest()
    assert [Path(twin.filename).stem for twin in twins] == SHARED_FRAMES


@pytest.mark.data
def test_the_real_copy_is_read_from_its_zips_and_records_whether_it_is_official() -> None:
    dataset = load_dataset("gtsrb", split="test", download=False)
    assert len(dataset) == 12_630
    assert len(dataset.class_names) == 43
    assert dataset.tracks is None
    assert dataset.official == all(file.official for file in dataset.files)
    assert {file.name for file in dataset.files} == {gtsrb.TRAIN_IMAGES, gtsrb.TEST_IMAGES, gtsrb.TEST_TABLE}
    _, test, table = real()
    with zipfile.ZipFile(table) as opened:
        lines = opened.read("GT-final_test.csv").decode().split()[1:]
    assert [int(text.rpartition(";")[2]) for text in lines] == dataset.labels.tolist()
    with zipfile.ZipFile(test) as opened:
        content = np.frombuffer(opened.read(f"{TEST}/00666.ppm"), np.uint8)
    expected = cv2.cvtColor(cv2.imdecode(content, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(dataset.images[666], expected.transpose(2, 0, 1))
