import json
import multiprocessing
import pickle
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from negatoscope.data import DataLocator, gtsrb, load_dataset
from negatoscope.data.batches import batches
from negatoscope.data.containers import LazyImages
from negatoscope.data.gtsrb import Preparation, Sign
from negatoscope.data.open import open_dataset
from negatoscope.data.prepare import prepared_folder
from negatoscope.data.sources import sources
from negatoscope.data.zips import ZipMembers
from negatoscope.errors import DataError, SpecError
from negatoscope.pixels import DECODING, ResizeSpec

HEADER = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"
TRAINING = "GTSRB/Final_Training/Images"
TEST = "GTSRB/Final_Test/Images"
Pictures = dict[str, np.ndarray]
Members = dict[str, bytes]


def ppm(image: np.ndarray) -> bytes:
    """A PPM file written by hand, with the comment that some copies have."""
    height, width, _ = image.shape
    return b"P6\n# a comment\n%d %d\n255\n" % (width, height) + image.tobytes()


def line(name: str, image: np.ndarray, label: int) -> str:
    height, width, _ = image.shape
    return f"{name};{width};{height};4;5;{width - 6};{height - 7};{label}"


def pictures(n: int, seed: int = 0) -> list[np.ndarray]:
    """Smooth color images of different sizes."""
    generator = np.random.default_rng(seed)
    sizes = generator.integers(18, 60, (n, 2))
    small = [generator.integers(0, 256, (4, 4, 3), dtype=np.uint8) for _ in range(n)]
    return [cv2.resize(image, tuple(map(int, size))) for image, size in zip(small, sizes, strict=True)]


def write_zip(path: Path, members: Members, *, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return path


@pytest.fixture(scope="module")
def signs() -> Pictures:
    """Two classes with two tracks of two frames each, by member name."""
    names = [f"{TRAINING}/{c:05d}/{track:05d}_{frame:05d}.ppm" for c in (3, 14) for track in (0, 1) for frame in (0, 1)]
    return dict(zip(names, pictures(8), strict=True))


def training_members(signs: Pictures) -> Members:
    """Tables whose lines stand in another order than the names, as nothing promises them in order."""
    members = {name: ppm(image) for name, image in signs.items()}
    for label in (14, 3):
        folder = f"{TRAINING}/{label:05d}"
        names = [name for name in signs if name.startswith(folder)][::-1]
        lines = [line(name.rpartition("/")[2], signs[name], label) for name in names]
        members[f"{folder}/GT-{label:05d}.csv"] = "\r\n".join([HEADER, *lines, ""]).encode()
    return members


@pytest.fixture(scope="module")
def archive(signs: Pictures, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_zip(tmp_path_factory.mktemp("gtsrb") / gtsrb.TRAIN_IMAGES, training_members(signs))


def training_images(archive: Path) -> LazyImages:
    members = ZipMembers(archive)
    return gtsrb.open_signs(members, gtsrb.read_training_table(members))


def test_training_images_come_in_the_order_of_class_track_and_frame(archive: Path, signs: Pictures) -> None:
    read = gtsrb.read_training_table(ZipMembers(archive))
    assert [sign.member for sign in read] == list(signs)
    assert [sign.label for sign in read] == [3] * 4 + [14] * 4
    assert [sign.track for sign in read] == [0, 0, 1, 1, 2, 2, 3, 3]
    for sign, image in zip(read, signs.values(), strict=True):
        height, width, _ = image.shape
        assert sign.region == (4 / width, 5 / height, (width - 5) / width, (height - 6) / height)


def test_images_keep_their_own_size_and_colors(archive: Path, signs: Pictures) -> None:
    images = training_images(archive)
    assert len(images) == len(signs)
    for got, image in zip(images, signs.values(), strict=True):
        np.testing.assert_array_equal(got, image.transpose(2, 0, 1))
    part = images[2:5]
    assert len(part) == 3
    np.testing.assert_array_equal(part[0], images[2])
    np.testing.assert_array_equal(images[-1], images[7])


def test_images_can_be_sent_to_another_process(archive: Path) -> None:
    images = training_images(archive)
    images[0]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(images))[3], images[3])


def test_threads_read_the_same_images(archive: Path, signs: Pictures) -> None:
    images = training_images(archive)
    with ThreadPoolExecutor(4) as pool:
        for index, got in enumerate(pool.map(lambda index: images[index % 8], range(80))):
            np.testing.assert_array_equal(got.transpose(1, 2, 0), list(signs.values())[index % 8])


def read_many(images: Sequence[np.ndarray]) -> str:
    return sha256(b"".join(images[index % 8].tobytes() for index in range(400))).hexdigest()


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no process forks here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_and_its_parent_do_not_disturb_each_other(archive: Path) -> None:
    images = training_images(archive)
    expected = read_many(images)
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=lambda: answers.put(read_many(images)))  # inherited, not sent
    child.start()
    assert read_many(images) == expected
    child.join()
    assert child.exitcode == 0
    assert answers.get() == expected


def cut(members: Members, name: str, text: bytes, by: bytes) -> Members:
    assert text in members[name]
    return {**members, name: members[name].replace(text, by)}


TABLE = f"{TRAINING}/00003/GT-00003.csv"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda m: cut(m, TABLE, b"Filename", b"File"), "expected Filename;Width;.* in .*GT-00003.csv"),
        (lambda m: cut(m, TABLE, b"00001_00001.ppm;", b"00001_00001.ppm;x"), "expected Filename;Width"),
        (lambda m: cut(m, TABLE, b";3\r\n", b";43\r\n"), "impossible line for 00001_00001.ppm"),
        (lambda m: cut(m, TABLE, b";3\r\n", b"\r\n"), "expected Filename;Width"),
        (lambda m: cut(m, TABLE, b";3\r\n", b";4\r\n"), r"expected TRACK_FRAME.ppm of class 3 .*_00001.ppm of 4"),
        (lambda m: cut(m, TABLE, b"00001_00001.ppm", b"1.ppm"), r"expected TRACK_FRAME.ppm"),
        (lambda m: cut(m, TABLE, b"00001_00001.ppm", b"00001_00002.ppm"), "00001_00002.ppm in .*missing"),
        (lambda m: cut(m, TABLE, b"00001_00001.ppm", b"../../../a_b.ppm"), "a_b.ppm in .*missing"),
        (lambda m: cut(m, TABLE, b"00001_00001.ppm", b"00001_00000.ppm"), "once in the tables, got 8 lines for 7"),
        (lambda m: {**m, TABLE: m[TABLE] + b"\xff\xfe"}, "expected Filename;Width"),
        (lambda m: {name: content for name, content in m.items() if "00001_00000" not in name}, "and 1 more"),
    ],
)
def test_a_table_that_is_wrong_is_refused(
    tmp_path: Path, signs: Pictures, change: Callable[[Members], Members], complaint: str
) -> None:
    path = write_zip(tmp_path / "odd.zip", change(training_members(signs)))
    with pytest.raises(DataError, match=complaint):
        gtsrb.read_training_table(ZipMembers(path))


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_zip_cut_short_is_refused(tmp_path: Path, archive: Path, share: float) -> None:
    content = archive.read_bytes()
    (tmp_path / "cut.zip").write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=r"expected a zip in .*cut\.zip"):
        gtsrb.read_training_table(ZipMembers(tmp_path / "cut.zip"))


def test_a_member_that_is_no_image_is_refused_by_name(tmp_path: Path, signs: Pictures) -> None:
    first = next(iter(signs))
    path = write_zip(tmp_path / "odd.zip", {**training_members(signs), first: b"P6\n20 20\n255\nshort"})
    with pytest.raises(DataError, match=f"expected an image in {first}"):
        gtsrb.prepare_signs(ZipMembers(path), gtsrb.read_training_table(ZipMembers(path)), Preparation())


def test_a_part_of_the_dataset_is_not_taken_for_the_whole(tmp_path: Path, signs: Pictures) -> None:
    for name in (gtsrb.TRAIN_IMAGES, gtsrb.TEST_IMAGES, gtsrb.TEST_TABLE):
        write_zip(tmp_path / name, training_members(signs))
    with pytest.raises(DataError, match=r"expected 39209 images of 43 classes in .*, got 8 of 2"):
        load_dataset("gtsrb", split="train", data_dir=tmp_path)


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the three zips in small: of each class one track of two frames, and one test image."""
    monkeypatch.setitem(sources(), "gtsrb", replace(sources()["gtsrb"], counts={"train": 86, "test": 43}))
    names = [f"{TRAINING}/{label:05d}/00000_{frame:05d}.ppm" for label in range(43) for frame in (0, 1)]
    members = {}
    for name, image in zip(names, pictures(86, seed=1), strict=True):
        folder, _, file = name.rpartition("/")
        table = f"{folder}/GT-{folder[-5:]}.csv"
        members[name] = ppm(image)
        members[table] = members.get(table, HEADER.encode()) + b"\n" + line(file, image, int(folder[-5:])).encode()
    write_zip(tmp_path / gtsrb.TRAIN_IMAGES, members)
    images = dict(zip([f"{index:05d}.ppm" for index in range(43)], pictures(43, seed=2), strict=True))
    write_zip(tmp_path / gtsrb.TEST_IMAGES, {f"{TEST}/{name}": ppm(image) for name, image in images.items()})
    lines = [line(name, image, 42 - index) for index, (name, image) in enumerate(images.items())]
    write_zip(tmp_path / gtsrb.TEST_TABLE, {"GT-final_test.csv": "\n".join([HEADER, *lines[::-1]]).encode()})
    return tmp_path


def test_both_splits_load_in_the_order_of_their_names_whatever_the_tables_order(release: Path) -> None:
    train, test = (load_dataset("gtsrb", split=split, data_dir=release) for split in ("train", "test"))
    assert train.labels.tolist() == [label for label in range(43) for _ in range(2)]
    assert train.tracks is not None
    assert train.tracks.tolist() == train.labels.tolist()
    assert test.labels.tolist() == list(range(42, -1, -1))
    assert test.tracks is None
    assert not train.official
    assert train.files == test.files
    for file in train.files:
        assert file.sha256 == sha256((release / file.name).read_bytes()).hexdigest()


def test_prepared_images_are_those_of_the_preparation_and_the_spec_names_it(release: Path) -> None:
    dataset = load_dataset("gtsrb(prepare='paper', interpolation='box')", split="test", data_dir=release)
    signs = gtsrb.read_test_table(ZipMembers(release / gtsrb.TEST_IMAGES), release / gtsrb.TEST_TABLE)
    expected = gtsrb.prepare_signs(ZipMembers(release / gtsrb.TEST_IMAGES), signs, Preparation(interpolation="box"))
    np.testing.assert_array_equal(dataset.images, expected)
    assert dataset.spec == "gtsrb(prepare='paper', interpolation='box')"
    keys = [json.loads(path.read_text(encoding="utf-8")) for path in prepared_folder().glob("gtsrb-*/key.json")]
    assert {key.get("decoding") for key in keys} == {DECODING}, "else pixels outlive what decoded them"


def test_signs_in_color_are_what_an_audit_makes_of_the_plain_ones_for_a_network_of_that_size(release: Path) -> None:
    dataset = load_dataset("gtsrb(prepare='color')", split="test", data_dir=release)
    plain = load_dataset("gtsrb", split="test", data_dir=release)
    resize = ResizeSpec(32, 32, "rgb")
    np.testing.assert_array_equal(
        dataset.images, np.concatenate([b.pixels for b in batches(plain, resize, batch_size=20)])
    )
    assert (dataset.spec, dataset.prepared) == ("gtsrb(prepare='color')", "color, 32x32 bilinear")
    assert len({dataset.fingerprint, plain.fingerprint}) == 2


def test_another_table_of_the_signs_places_gives_other_prepared_images(release: Path) -> None:
    spec = "gtsrb(prepare='paper', region='sign')"
    before = np.array(load_dataset(spec, split="test", data_dir=release).images)
    with zipfile.ZipFile(release / gtsrb.TEST_TABLE) as opened:
        table = opened.read("GT-final_test.csv").replace(b";4;5;", b";0;0;")
    write_zip(release / gtsrb.TEST_TABLE, {"GT-final_test.csv": table})
    after = load_dataset(spec, split="test", data_dir=release)
    signs = gtsrb.read_test_table(ZipMembers(release / gtsrb.TEST_IMAGES), release / gtsrb.TEST_TABLE)
    expected = gtsrb.prepare_signs(ZipMembers(release / gtsrb.TEST_IMAGES), signs, Preparation(region="sign"))
    np.testing.assert_array_equal(after.images, expected)
    assert (after.images != before).any()


def test_settings_of_the_preparation_need_the_preparation() -> None:
    with pytest.raises(SpecError, match="prepare='paper'"):
        load_dataset("gtsrb(interpolation='box')", split="train")


def gray_by_opencv(content: bytes) -> np.ndarray:
    """Decoding and gray by OpenCV; antialiased resizing by torch, for OpenCV's bilinear has none."""
    gray = cv2.cvtColor(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2GRAY)
    values = torch.from_numpy(gray)[None, None].float()
    small = functional.interpolate(values, (28, 28), mode="bilinear", antialias=True)[0, 0]
    return small.round().clamp(0, 255).numpy().astype(np.uint8)


def assert_like_opencv(members: ZipMembers, signs: Sequence[Sign]) -> None:
    """One gray level of rounding is allowed before equalization, which must then be OpenCV's to the bit."""
    gray, images = (gtsrb.prepare_signs(members, signs, Preparation(order=o)) for o in ("resize", "resize_equalize"))
    assert gray.shape == images.shape == (len(signs), 1, 28, 28)
    assert gray.dtype == images.dtype == np.uint8
    with zipfile.ZipFile(members.path) as opened:
        for before, after, sign in zip(gray[:, 0], images[:, 0], signs, strict=True):
            other = gray_by_opencv(opened.read(sign.member))
            assert np.abs(before.astype(int) - other).max() <= 1
            np.testing.assert_array_equal(after, cv2.equalizeHist(before))


def test_the_papers_preparation_is_what_opencv_makes_of_the_same_images(archive: Path) -> None:
    members = ZipMembers(archive)
    assert_like_opencv(members, gtsrb.read_training_table(members))


def prepared(archive: Path, preparation: Preparation) -> np.ndarray:
    return gtsrb.prepare_signs(ZipMembers(archive), gtsrb.read_training_table(ZipMembers(archive)), preparation).astype(
        int
    )


def test_each_order_of_equalization_gives_other_images(archive: Path) -> None:
    orders = [prepared(archive, Preparation(order=order)) for order in ("resize_equalize", "equalize_resize", "resize")]
    assert all((orders[i] != orders[j]).mean() > 0.1 for i, j in ((0, 1), (1, 2), (0, 2)))
    assert (orders[0].min(axis=(1, 2, 3)) == 0).all()
    assert (orders[0].max(axis=(1, 2, 3)) == 255).all()


def test_a_negative_before_the_preparation_is_the_negative_of_its_gray_image(archive: Path) -> None:
    image, negative = (prepared(archive, Preparation(order="resize", negated=negated)) for negated in (False, True))
    assert np.abs(255 - image - negative).max() <= 2


@pytest.mark.parametrize("order", ["resize_equalize", "equalize_resize", "resize"])
def test_the_marked_sign_is_cut_out_before_all_else(archive: Path, signs: Pictures, order: gtsrb.Order) -> None:
    for sign, image in zip(gtsrb.read_training_table(ZipMembers(archive)), signs.values(), strict=True):
        cut_by_hand = np.ascontiguousarray(image[5:-6, 4:-5])
        np.testing.assert_array_equal(
            gtsrb.prepare_sign(ppm(image), sign, Preparation(order=order, region="sign")),
            gtsrb.prepare_sign(ppm(cut_by_hand), sign, Preparation(order=order, region="full")),
        )


def test_the_marked_sign_is_found_in_a_rescaled_copy_too(archive: Path, signs: Pictures) -> None:
    sign = gtsrb.read_training_table(ZipMembers(archive))[0]
    half = replace(sign, region=(0.0, 0.0, 0.5, 0.5))
    image = np.zeros((32, 32, 3), np.uint8)
    image[:16, :16] = 200
    only_bright = gtsrb.prepare_sign(ppm(image), half, Preparation(order="resize", region="sign"))
    assert (only_bright == 200).all()


@pytest.mark.data
def test_real_signs_are_prepared_as_opencv_would(real_training: tuple[ZipMembers, list[Sign]]) -> None:
    members, signs = real_training
    assert_like_opencv(members, signs[::800])


@pytest.mark.data
def test_real_images_of_their_original_size_are_read_as_the_tables_say() -> None:
    places = DataLocator(download=False).named
    folder = places["NEGATOSCOPE_DATA_DIR"] / "gtsrb_original_sample"
    if not folder.is_dir():
        pytest.skip("NEGATOSCOPE_DATA_DIR holds no gtsrb_original_sample")
    train = gtsrb.read_training_table(ZipMembers(folder / gtsrb.TRAIN_IMAGES))
    test = gtsrb.read_test_table(ZipMembers(folder / gtsrb.TEST_IMAGES), folder / gtsrb.TEST_TABLE)
    assert (len(train), len(test)) == (2580, 1000)
    assert set(Counter(sign.track for sign in train).values()) == {30}
    with zipfile.ZipFile(folder / gtsrb.TEST_TABLE) as opened:
        rows = [row.split(";") for row in opened.read("GT-final_test.csv").decode().split()[1:]]
    images = gtsrb.open_signs(ZipMembers(folder / gtsrb.TEST_IMAGES), test)
    for index in range(0, 1000, 20):
        width, height = map(int, rows[index][1:3])
        assert images[index].shape == (3, height, width)
    assert_like_opencv(ZipMembers(folder / gtsrb.TRAIN_IMAGES), train[::60])


@pytest.mark.parametrize(
    ("preparation", "phrase"),
    [
        (Preparation(), "gray, 28x28 bilinear, equalized"),
        (Preparation(order="equalize_resize", interpolation="box"), "gray, equalized, 28x28 box"),
        (Preparation(order="resize", region="sign", negated=True), "cut to the sign, negative, gray, 28x28 bilinear"),
    ],
)
def test_a_preparation_describes_in_words_what_it_does_in_its_order(preparation: Preparation, phrase: str) -> None:
    assert str(preparation) == phrase


def test_images_are_called_what_they_are_called_in_the_zip(release: Path) -> None:
    dataset = load_dataset("gtsrb", split="test", data_dir=release)
    assert dataset.names[0].startswith("GTSRB/Final_Test/Images/0000")
    assert dataset.prepared == ""
    opened = open_dataset("gtsrb(prepare='paper'):test", data_dir=release)
    loaded = load_dataset("gtsrb(prepare='paper')", split="test", data_dir=release)
    assert opened.prepared == loaded.prepared == str(Preparation()) == "gray, 28x28 bilinear, equalized"
    assert (opened.fingerprint, opened.names) == (loaded.fingerprint, loaded.names)
    np.testing.assert_array_equal(opened.images, loaded.images)
