"""Validation images are cut out of the training set by rule, and datasets stay whole in it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from negatoscope.data import Dataset, SourceFile
from negatoscope.data.split import Split, split_validation, stratified_sample
from negatoscope.errors import InputError

MakeDataset = Callable[..., Dataset]
METHODS: list[Split] = ["last", "random", "track", "stratified"]


@pytest.mark.parametrize("method", METHODS)
@given(frames=st.integers(1, 5), tracks=st.integers(20, 60), share=st.floats(0.05, 0.5), seed=st.integers(0, 99))
def test_every_image_is_on_one_side_in_its_order(
    make_dataset: MakeDataset, method: Split, frames: int, tracks: int, share: float, seed: int
) -> None:
    dataset = make_dataset(n=frames * tracks, frames=frames, seed=seed)
    training, validation = split_validation(dataset, method=method, size=max(1, int(share * len(dataset))), seed=seed)
    assert (training.split, validation.split) == ("train", "validation")
    np.testing.assert_array_equal(np.sort(np.concatenate([training.samples, validation.samples])), dataset.samples)
    for side in (training, validation):
        assert len(side) > 0
        assert bool((np.diff(side.samples) > 0).all())
        np.testing.assert_array_equal(np.asarray(side.images), np.asarray(dataset.images)[side.samples])
        np.testing.assert_array_equal(side.labels, dataset.labels[side.samples])
        assert side.tracks is not None
        assert dataset.tracks is not None
        np.testing.assert_array_equal(side.tracks, dataset.tracks[side.samples])


@pytest.mark.parametrize("method", ["last", "random"])
@pytest.mark.parametrize("size", [1, 13, 47])
def test_size_is_met_exactly(make_dataset: MakeDataset, method: Split, size: int) -> None:
    training, validation = split_validation(make_dataset(48), method=method, size=size)
    assert (len(training), len(validation)) == (48 - size, size)


def test_last_means_the_last_images(make_dataset: MakeDataset) -> None:
    _, validation = split_validation(make_dataset(48), method="last", size=5)
    assert validation.samples.tolist() == [43, 44, 45, 46, 47]


def test_random_images_come_from_everywhere(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(20)
    chosen = [split_validation(dataset, method="random", size=5, seed=seed)[1].samples for seed in range(400)]
    counts = np.bincount(np.concatenate(chosen), minlength=20)
    # Each image is chosen with probability 1/4: 100 times of 400, give or take five deviations of 8.7.
    assert bool((abs(counts - 100) < 44).all())


@given(seed=st.integers(0, 999), size=st.integers(10, 60))
def test_stratified_takes_the_same_share_of_each_class(make_dataset: MakeDataset, seed: int, size: int) -> None:
    dataset = make_dataset(120, seed=seed, classes=4)
    _, validation = split_validation(dataset, method="stratified", size=size, seed=seed)
    wanted = size / 120 * np.bincount(dataset.labels, minlength=4)
    assert bool((abs(np.bincount(validation.labels, minlength=4) - wanted) <= np.maximum(0.5, 1 - wanted)).all())
    assert abs(len(validation) - size) <= 4


@given(seed=st.integers(0, 999), size=st.integers(10, 60))
def test_no_track_stands_on_both_sides_and_every_class_validates(
    make_dataset: MakeDataset, seed: int, size: int
) -> None:
    dataset = make_dataset(180, seed=seed, frames=6)
    training, validation = split_validation(dataset, method="track", size=size, seed=seed)
    assert training.tracks is not None
    assert validation.tracks is not None
    assert not set(training.tracks) & set(validation.tracks)
    assert set(validation.labels) == set(dataset.labels)
    # Whole tracks of six images, rounded in each of three classes.
    assert abs(len(validation) - size) <= 3 * 6


@pytest.mark.parametrize("method", METHODS)
def test_the_seed_decides_the_choice(make_dataset: MakeDataset, method: Split) -> None:
    dataset = make_dataset(96, frames=4)
    first, again, other = (
        split_validation(dataset, method=method, size=24, seed=seed)[1].samples.tolist() for seed in (5, 5, 6)
    )
    assert first == again
    assert (first != other) == (method != "last")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [0, -1, 48, 49])
def test_a_size_that_leaves_nothing_is_one_sentence(make_dataset: MakeDataset, method: Split, size: int) -> None:
    with pytest.raises(InputError, match=rf"^expected a validation_size from 1 to 47 for bars\(.*, got {size}$"):
        split_validation(make_dataset(48, frames=4), method=method, size=size)


@pytest.mark.parametrize("method", ["stratified", "track"])
def test_one_image_or_track_of_each_class_leaves_nothing_to_train_on(make_dataset: MakeDataset, method: Split) -> None:
    frames = 1 if method == "stratified" else 8
    dataset = replace(make_dataset(3 * frames, frames=frames), labels=np.arange(3).repeat(frames))
    with pytest.raises(InputError, match=rf"^expected images left to train on for split '{method}' of bars"):
        split_validation(dataset, method=method, size=1)


def test_tracks_must_be_known(make_dataset: MakeDataset) -> None:
    with pytest.raises(InputError, match=r"^expected a dataset with tracks for split 'track', got bars"):
        split_validation(make_dataset(), method="track", size=5)


@pytest.mark.usefixtures("unchecked")
def test_another_method_is_one_sentence(make_dataset: MakeDataset) -> None:
    with pytest.raises(InputError, match=r"^expected a method of last, random, track, stratified, got 'first'; name"):
        split_validation(make_dataset(), method="first", size=5)  # type: ignore[arg-type]


def test_a_negative_seed_is_one_sentence(make_dataset: MakeDataset) -> None:
    with pytest.raises(InputError, match=r"^expected a seed of at least 0, got -1$"):
        split_validation(make_dataset(), method="random", size=5, seed=-1)


def test_chosen_images_of_their_own_size_are_those_at_their_positions(make_dataset: MakeDataset) -> None:
    images = [np.full((1, side, side), side, dtype=np.uint8) for side in range(1, 7)]
    chosen = replace(make_dataset(6), images=images).take(np.array([4, 0, 2]), split="chosen")
    assert [image.shape for image in chosen.images] == [(1, 5, 5), (1, 1, 1), (1, 3, 3)]
    assert [image.shape for image in chosen.images[1:]] == [(1, 1, 1), (1, 3, 3)]
    assert chosen.take(np.array([2]), split="again").images[0].shape == (1, 3, 3)


def test_a_fingerprint_distinguishes_datasets(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    file = SourceFile("file", "0" * 64, official=True)
    others = [
        replace(dataset, spec="other"),
        replace(dataset, split="test"),
        replace(dataset, labels=dataset.labels[::-1].copy()),
        replace(dataset, files=(file,)),
        replace(dataset, files=(replace(file, sha256="1" * 64),)),
        dataset.take(np.arange(1, 48), split="train"),
        dataset.take(np.arange(48)[::-1], split="train"),
    ]
    assert len({other.fingerprint for other in (dataset, *others)}) == 1 + len(others)
    assert dataset.fingerprint == make_dataset().fingerprint == dataset.take(np.arange(48), split="train").fingerprint


def test_a_dataset_is_official_when_all_its_files_are(make_dataset: MakeDataset) -> None:
    mine, theirs = (SourceFile("file", "0" * 64, official=official) for official in (False, True))
    assert replace(make_dataset(), files=(theirs, theirs)).official
    assert not replace(make_dataset(), files=(theirs, mine)).official
    assert make_dataset().name == "bars"


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8), share=st.floats(0.01, 0.99), seed=st.integers(0, 99))
def test_a_sample_has_of_each_class_its_share_but_for_one_image(sizes: list[int], share: float, seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.arange(len(sizes)).repeat(sizes))
    limit = max(1, int(share * len(labels)))
    chosen = stratified_sample(labels, limit=limit, seed=seed)
    assert len(chosen) == limit
    assert bool((np.diff(chosen) > 0).all())
    quotas = np.array(sizes) * limit / len(labels)
    assert bool((abs(np.bincount(labels[chosen], minlength=len(sizes)) - quotas) < 1).all())


def test_what_rounding_leaves_goes_to_the_largest_remainders() -> None:
    labels = np.arange(3).repeat([47, 16, 37])  # quotas of ten: 4.7, 1.6, 3.7
    assert np.bincount(labels[stratified_sample(labels, limit=10, seed=0)]).tolist() == [5, 1, 4]


def test_equal_remainders_are_drawn_by_lot() -> None:
    labels = np.arange(10).repeat(10)
    extra = sum(
        np.bincount(labels[stratified_sample(labels, limit=15, seed=seed)], minlength=10) for seed in range(200)
    )
    # Each class has one image, and with probability 1/2 another: 300, give or take five deviations of 7.1.
    assert bool((abs(extra - 300) < 36).all())


def test_the_seed_decides_a_sample_and_a_large_limit_takes_all() -> None:
    labels = np.arange(3).repeat(30)
    first, again, other = (stratified_sample(labels, limit=30, seed=seed).tolist() for seed in (5, 5, 6))
    assert first == again != other
    assert stratified_sample(labels, limit=90, seed=0).tolist() == list(range(90))
    assert stratified_sample(labels, limit=10**9, seed=0).tolist() == list(range(90))


@pytest.mark.parametrize(("limit", "seed"), [(0, 0), (-1, 0), (5, -1)])
def test_an_impossible_sample_is_one_sentence(limit: int, seed: int) -> None:
    with pytest.raises(
        InputError, match=rf"^expected --limit of at least 1 and --seed of at least 0, got {limit} and {seed}$"
    ):
        stratified_sample(np.zeros(9, dtype=np.int64), limit=limit, seed=seed)


def test_chosen_images_keep_their_names(make_dataset: MakeDataset) -> None:
    named = replace(make_dataset(4), names=("a", "b", "c", "d"), prepared="gray").take(np.array([2, 0]), split="chosen")
    assert (named.names, named.prepared) == (("c", "a"), "gray")
