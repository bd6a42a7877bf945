import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from negatoscope.data import Dataset, OwnSizeImages, load_dataset
from negatoscope.data.image_folder import open_folder
from negatoscope.data.prepare import prepared_folder
from negatoscope.errors import DataError, SpecError


def picture(path: Path, seed: int, *, size: tuple[int, ...] = (6, 5, 3)) -> np.ndarray:
    values = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return values


@pytest.fixture
def divided(tmp_path: Path) -> Path:
    """Folders for training and test; one class has images in test only."""
    top = tmp_path / "signs"
    for seed, name in enumerate(
        ("train/stop/b.png", "train/stop/a.ppm", "train/10/x.bmp", "test/2/x.png", "test/10/y.png")
    ):
        picture(top / name, seed)
    return top


def load(folder: Path, split: str = "test") -> Dataset:
    return load_dataset(f"folder:{folder}", split=split)


def test_classes_are_the_folders_of_both_splits_in_the_order_of_text(divided: Path) -> None:
    train, test = load(divided, "train"), load(divided, "test")
    assert train.class_names == test.class_names == ("10", "2", "stop")
    assert train.labels.tolist() == [0, 2, 2]
    assert test.labels.tolist() == [0, 1]


def test_images_of_one_size_are_one_array_of_what_pillow_reads(divided: Path) -> None:
    images = load(divided, "train").images
    assert isinstance(images, np.ndarray)
    for got, name in zip(images, ("10/x.bmp", "stop/a.ppm", "stop/b.png"), strict=True):
        np.testing.assert_array_equal(got, np.asarray(Image.open(divided / "train" / name)).transpose(2, 0, 1))


def test_gray_images_have_one_channel(tmp_path: Path) -> None:
    values = picture(tmp_path / "gray" / "a.png", 0, size=(4, 4))
    np.testing.assert_array_equal(load(tmp_path).images[0], values[None])


@pytest.mark.parametrize("size", [(6, 6, 3), (6, 5)])
def test_images_of_other_sizes_or_modes_keep_them(divided: Path, size: tuple[int, ...]) -> None:
    values = picture(divided / "train" / "stop" / "c.png", 9, size=size)
    images: OwnSizeImages = load(divided, "train").images
    assert not isinstance(images, np.ndarray)
    assert len(images) == 4
    assert images[0].shape == (3, 6, 5)
    np.testing.assert_array_equal(images[3], values[None] if values.ndim == 2 else values.transpose(2, 0, 1))
    np.testing.assert_array_equal(images[1:][2], images[3])


def test_a_folder_that_is_not_divided_is_for_test_only(tmp_path: Path) -> None:
    picture(tmp_path / "pets" / "cat" / "1.jpg", 0)
    picture(tmp_path / "pets" / "train" / "1.jpg", 1)  # a class of railway trains
    dataset = load(tmp_path / "pets")
    assert dataset.class_names == ("cat", "train")
    with pytest.raises(DataError, match=r"expected training images in .*pets/train/CLASS"):
        load(tmp_path / "pets", "train")


def test_the_spec_has_the_folders_name_and_nothing_of_its_path(divided: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(divided.parent)
    paths = (str(divided), f"{divided}/", "signs", "./signs/.")
    texts = [f"folder:{path}" for path in paths] + [f"folder(path={str(divided)!r})"]
    datasets = [load_dataset(text, split="test") for text in texts]
    assert {dataset.spec for dataset in datasets} == {"folder:signs"}
    assert {dataset.name for dataset in datasets} == {"folder:signs"}
    assert [file.name for dataset in datasets for file in dataset.files] == ["signs"] * 5
    assert not datasets[0].official
    for path in prepared_folder().rglob("*"):
        assert path.is_dir() or str(divided.parent).encode() not in path.read_bytes()


def test_files_within_a_class_may_lie_deeper_and_others_are_passed_over(divided: Path) -> None:
    picture(divided / "test" / "2" / "deep" / "er" / "Z.PNG", 0)
    for other in ("2/readme.txt", "2/._x.png", ".git/x.png", "loose.png"):
        path = divided / "test" / other
        path.parent.mkdir(exist_ok=True)
        path.write_text("no image")
    assert load(divided).labels.tolist() == [0, 1, 1]


def test_the_fingerprint_follows_every_byte_and_name_but_not_the_place(divided: Path, tmp_path: Path) -> None:
    prints = [load(divided).fingerprint]
    moved = tmp_path / "elsewhere" / "signs"
    moved.parent.mkdir()
    divided.rename(moved)
    assert load(moved).fingerprint == prints[0]
    picture(moved / "test" / "2" / "x.png", 77)
    prints.append(load(moved).fingerprint)
    (moved / "test" / "2" / "x.png").rename(moved / "test" / "2" / "w.png")
    prints.append(load(moved).fingerprint)
    assert len(set(prints)) == 3


def test_changed_images_are_prepared_again(divided: Path) -> None:
    before = np.array(load(divided).images)
    values = picture(divided / "test" / "2" / "x.png", 77)
    after = load(divided).images
    np.testing.assert_array_equal(after[0], before[0])
    np.testing.assert_array_equal(after[1], values.transpose(2, 0, 1))


def test_an_image_that_does_not_decode_is_reported_by_name(divided: Path) -> None:
    path = divided / "train" / "stop" / "b.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=r"expected an image in .*stop/b\.png"):
        load(divided, "train")


def test_an_image_of_another_size_that_does_not_decode_is_reported_on_access(divided: Path) -> None:
    picture(divided / "train" / "10" / "z.png", 0, size=(9, 9, 3))
    path = divided / "train" / "stop" / "b.png"
    path.write_bytes(b"no image")
    images = load(divided, "train").images
    assert images[0].shape == (3, 6, 5)
    with pytest.raises(DataError, match=r"expected an image in .*stop/b\.png"):
        images[3]


def test_an_image_that_is_gone_is_reported_by_name(divided: Path) -> None:
    picture(divided / "train" / "10" / "z.png", 0, size=(9, 9, 3))
    images = load(divided, "train").images
    (divided / "train" / "stop" / "b.png").unlink()
    with pytest.raises(DataError, match=r"stop/b\.png is none: No such file"):
        images[3]


@pytest.mark.parametrize("made", ["empty", "no classes", "empty class", "train only"])
def test_a_folder_without_images_is_refused_with_what_is_expected(tmp_path: Path, made: str) -> None:
    if made == "no classes":
        picture(tmp_path / "loose.png", 0)
    elif made == "empty class":
        (tmp_path / "cat").mkdir()
    elif made == "train only":
        picture(tmp_path / "train" / "cat" / "a.png", 0)
    sentence = r"expected images \(\.bmp, .*\) in .*/CLASS, found none"
    if made == "train only":
        sentence = r"expected images of the split test in .*, got the split train; name one, as in .*:train$"
    with pytest.raises(DataError, match=sentence):
        load(tmp_path)


@pytest.mark.parametrize("path", ["/", "/.."])
def test_a_whole_file_system_is_refused_before_it_is_searched(path: str) -> None:
    with pytest.raises(
        DataError, match=r"expected folder:PATH with a folder of images, got '/.*', a whole file system"
    ):
        open_folder(path, "test")


def test_images_have_names_and_nothing_was_done_to_them(divided: Path) -> None:
    dataset = load(divided, "train")
    assert dataset.names == ("10/x.bmp", "stop/a.ppm", "stop/b.png")
    assert dataset.prepared == ""


def test_an_opened_folder_reads_no_image_and_knows_the_same_of_them(divided: Path) -> None:
    (divided / "train" / "stop" / "b.png").write_bytes(b"no image")
    opened = open_folder(str(divided), "train")
    assert (opened.names, opened.class_names) == (("10/x.bmp", "stop/a.ppm", "stop/b.png"), ("10", "2", "stop"))
    assert opened.labels.tolist() == [0, 2, 2]
    values = np.asarray(Image.open(divided / "train" / "stop" / "a.ppm")).transpose(2, 0, 1)
    np.testing.assert_array_equal(opened.images[1], values)
    with pytest.raises(DataError, match=r"^expected an image in train/stop/b\.png, got bytes that do not decode"):
        opened.images[2]


def test_an_opened_folders_fingerprint_follows_names_and_sizes(divided: Path) -> None:
    prints = [open_folder(str(divided), "test").fingerprint]
    assert open_folder(str(divided), "test").fingerprint == prints[0]
    (divided / "test" / "2" / "x.png").rename(divided / "test" / "2" / "w.png")
    prints.append(open_folder(str(divided), "test").fingerprint)
    with (divided / "test" / "2" / "w.png").open("ab") as file:
        file.write(b"more")
    prints.append(open_folder(str(divided), "test").fingerprint)
    assert len(set(prints)) == 3


def test_links_are_followed_but_never_in_a_circle_and_one_that_leads_nowhere_is_unreadable(
    divided: Path, tmp_path: Path
) -> None:
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "stop").symlink_to(divided / "train" / "stop")
    (linked / "stop" / "circle").symlink_to(linked)
    (linked / "stop" / "z.png").symlink_to(tmp_path / "nowhere")
    opened = open_folder(str(linked), "test")
    assert opened.names == ("stop/a.ppm", "stop/b.png", "stop/z.png")
    with pytest.raises(DataError, match=r"^expected a readable image, but stop/z\.png is none: No such file"):
        opened.images[2]


def test_a_pipe_is_no_image_and_blocks_nobody(divided: Path) -> None:
    os.mkfifo(divided / "test" / "2" / "pipe.png")
    assert open_folder(str(divided), "test").names == ("10/y.png", "2/x.png")


def test_a_name_that_is_no_text_is_written_with_escapes(divided: Path) -> None:
    picture(divided / "test" / os.fsdecode(b"cl\xe4ss") / "a.png", 0)
    opened = open_folder(str(divided), "test")
    assert opened.class_names == ("10", "2", "cl\\udce4ss", "stop")
    assert opened.names[2] == "cl\\udce4ss/a.png"
    assert opened.images[2].shape == (3, 6, 5)


def test_a_path_that_is_no_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "nowhere", ""):
        with pytest.raises(DataError, match=r"expected folder:PATH with a folder of images, got '.*', no folder"):
            load_dataset(f"folder:{path}", split="test")
    with pytest.raises(SpecError, match=r"write folder\(path=...\)"):
        load_dataset("folder", split="test")
