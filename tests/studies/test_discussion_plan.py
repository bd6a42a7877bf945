"""What the discussion's experiments train: the plan, and the images that a variant is shown."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from negatoscope.data import Dataset
from negatoscope.data.gtsrb import GTSRB
from negatoscope.errors import InputError, RecipeError, SpecError
from negatoscope.studies.discussion_jobs import plan_variants
from negatoscope.studies.discussion_plan import (
    Variant,
    choose_datasets,
    load_plan,
)
from negatoscope.studies.discussion_run import noise_as_large
from negatoscope.studies.discussion_training import shown_images
from negatoscope.studies.experiments import EXPERIMENTS, choose_experiments
from negatoscope.training.recipe import named_recipe
from negatoscope.transforms import describe_transform
from negatoscope.transforms.label_preserving import annotate_all

PLAN = load_plan()
ALL = tuple(EXPERIMENTS)
SOME = """
recipe = "sgd"
datasets = ["mnist"]
variants = [{ name = "plain", experiments = ["a"] }, { name = "few", experiments = ["b"], negatives = 5 }]
[transforms]
mnist = ["gamma(exponent=0.5)"]
"""


def test_no_run_of_the_plan_is_made_twice() -> None:
    runs = plan_variants(PLAN, experiments=ALL, datasets=PLAN.datasets, seeds=3)
    assert len({run.place for run in runs}) == len(runs)
    once = [each for each in PLAN.variants if each.seeds == 1]
    assert len(runs) == 2 * (3 * len(PLAN.variants) - 2 * len(once))


def test_experiments_share_the_plain_runs() -> None:
    by_experiment = {
        name: {run.place for run in plan_variants(PLAN, experiments=[name], datasets=["mnist"], seeds=3)}
        for name in ALL
    }
    assert len(by_experiment["a"]) == 3
    assert all(by_experiment["a"] <= places for places in by_experiment.values())
    together = plan_variants(PLAN, experiments=ALL, datasets=["mnist"], seeds=3)
    assert len(together) < sum(map(len, by_experiment.values()))


def test_a_fine_tuned_run_belongs_to_the_recipe_of_the_network_that_it_starts_from() -> None:
    runs = plan_variants(PLAN, experiments=["b"], datasets=["mnist"], seeds=1)
    plain = named_recipe("sgd", "mnist").digest
    assert all(run.start == (plain if run.variant.fine_tuned else "") for run in runs)
    others = [replace(run, start="another") for run in runs]
    assert not {run.place for run in runs} & {run.place for run in others}


def test_the_plain_variant_is_the_plain_reading() -> None:
    for dataset in PLAN.datasets:
        assert PLAN.recipe_of(PLAN.plain, dataset) == named_recipe("sgd", dataset)
    assert [each.name for each in PLAN.variants if each.is_plain] == ["plain"]


def test_numbers_of_negatives_run_from_one_to_all_in_steps_of_ten() -> None:
    learned = [each for each in PLAN.variants if "b" in each.experiments and not each.is_plain]
    ways = {(each.fine_tuned, each.clean) for each in learned}
    assert ways == {(False, 0.0), (True, 0.0), (True, 0.5)}
    for way in ways:
        numbers = [each.negatives for each in learned if (each.fine_tuned, each.clean) == way]
        assert numbers == [1, 10, 100, 1000, 10_000, "all"]


@pytest.mark.parametrize("dataset", PLAN.datasets)
def test_transforms_of_the_plan_keep_every_label(dataset: str) -> None:
    names = {"mnist": tuple("0123456789"), "gtsrb": GTSRB.class_names}[dataset]
    for text in PLAN.transforms[dataset]:
        transform = describe_transform(text)
        annotation = annotate_all(dataset, names, [each.spec for each in transform.stages or (transform,)])
        assert (annotation.basis, all(annotation.preserved)) == ("annotated", True), text


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('name = "few"', 'name = "plain"', "expected names of variants without repetition, got plain twice"),
        (
            'experiments = ["b"]',
            'experiments = ["f"]',
            "expected experiments of the variant 'few' from a to e",
        ),
        ("negatives = 5", "negatives = -5", "expected negatives of at least 0 in 'few', got -5"),
        ("negatives = 5", "classes = 0.0", "expected classes above 0, up to 1, in 'few', got 0.0"),
        ("negatives = 5", "fine_tuned = true", "expected negatives in 'few', which is fine-tuned, got none"),
        ("negatives = 5", 'changes = "other"', "expected changes of the variant 'few' among"),
        (
            "negatives = 5",
            "transforms = true",
            "expected one plain variant in the plan, got plain and few, alike in what",
        ),
        ("negatives = 5", "negatives = 5, seeds = 0", "expected seeds of at least 1 in 'few', got 0"),
        ("negatives = 5", "negatives = 5, clean = 0.5", "expected clean in 'few' beside fine_tuned, got 0.5"),
        (
            'experiments = ["a"]',
            'experiments = ["a"], negatives = 1',
            "expected one plain variant in the plan, got none",
        ),
        (
            'experiments = ["a"] }, {',
            'experiments = ["a"], seeds = 2 }, { fine_tuned = true,',
            "expected as many seeds of 'plain' as of 'few', which starts from it, got at most 2",
        ),
        ("gamma(", "gama(", "did you mean 'gamma'?"),
    ],
)
def test_a_plan_that_is_none_is_one_sentence(old: str, new: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(SOME)
    assert len(load_plan(file).variants) == 2
    file.write_text(SOME.replace(old, new))
    with pytest.raises((RecipeError, SpecError), match=r"plan\.toml") as raised:
        load_plan(file)
    assert sentence in str(raised.value)


def test_experiments_and_datasets_are_chosen_by_name() -> None:
    assert choose_experiments(()) == ALL
    assert choose_experiments(("c", "a")) == ("a", "c")
    assert choose_datasets(PLAN, ()) == ("mnist", "gtsrb")
    with pytest.raises(InputError, match="expected known names in --experiments, got 'x'"):
        choose_experiments(("x",))
    with pytest.raises(InputError, match="expected known names in --datasets, got 'cifar'"):
        choose_datasets(PLAN, ("cifar",))
    with pytest.raises(InputError, match="expected --datasets without repetition, got mnist, mnist"):
        choose_datasets(PLAN, ("mnist", "mnist"))


@pytest.fixture(scope="module")
def bars(make_dataset: Callable[..., Dataset]) -> Dataset:
    return make_dataset(n=60, classes=4)


def of_negatives(shown: Dataset, bars: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Which images of `shown` are negatives; every image is one of `bars`, as it is or as its negative."""
    images = np.asarray(bars.images)[shown.samples]
    negated = (np.asarray(shown.images) == 255 - images).all(axis=(1, 2, 3))
    assert (negated | (np.asarray(shown.images) == images).all(axis=(1, 2, 3))).all()
    assert (shown.labels == bars.labels[shown.samples]).all()
    return negated, shown.samples[negated]


def test_from_scratch_negatives_stand_beside_all_images(bars: Dataset) -> None:
    shown = shown_images(bars, Variant("few", ("b",), negatives=7), seed=1)
    negated, samples = of_negatives(shown.images, bars)
    assert (len(shown.images), shown.negatives, len(set(samples))) == (67, 7, 7)
    assert sorted(shown.images.samples[~negated]) == list(range(60))
    assert shown.classes == (0, 1, 2, 3)
    more = shown_images(bars, Variant("more", ("b",), negatives=20), seed=1)
    assert set(samples) < set(of_negatives(more.images, bars)[1])
    other = shown_images(bars, Variant("few", ("b",), negatives=7), seed=2)
    assert set(samples) != set(of_negatives(other.images, bars)[1])


def test_all_negatives_are_all_and_none_are_the_images_themselves(bars: Dataset) -> None:
    shown = shown_images(bars, Variant("all", ("b",), negatives="all"), seed=0)
    assert (len(shown.images), shown.negatives) == (120, 60)
    plain = shown_images(bars, Variant("plain", ("a",)), seed=0)
    assert plain.images is bars
    assert (plain.negatives, plain.classes) == (0, ())


@pytest.mark.parametrize("clean", [0.0, 0.5])
def test_fine_tuning_shows_few_negatives_as_often_as_it_takes(clean: float, bars: Dataset) -> None:
    variant = Variant("few", ("b",), negatives=7, fine_tuned=True, clean=clean)
    shown = shown_images(bars, variant, seed=1)
    negated, samples = of_negatives(shown.images, bars)
    assert len(shown.images) == 60
    assert negated.sum() == 60 - 60 * clean
    assert len(set(samples)) == shown.negatives == 7
    times = np.unique(samples, return_counts=True)[1]
    assert times.max() - times.min() <= 1


def test_beside_clean_images_so_many_negatives_count_as_have_room(bars: Dataset) -> None:
    shown = shown_images(bars, Variant("all", ("b",), negatives="all", fine_tuned=True, clean=0.5), seed=1)
    _, samples = of_negatives(shown.images, bars)
    assert len(set(samples)) == shown.negatives == 30


def test_only_the_classes_of_a_share_are_shown_as_negatives(bars: Dataset) -> None:
    half = Variant("half", ("d",), negatives="all", classes=0.5)
    shown = shown_images(bars, half, seed=3)
    _, samples = of_negatives(shown.images, bars)
    assert len(shown.classes) == 2
    assert set(bars.labels[samples]) == set(shown.classes)
    assert shown.negatives == np.isin(bars.labels, shown.classes).sum()
    most = shown_images(bars, replace(half, classes=0.75), seed=3)
    assert set(shown.classes) < set(most.classes)
    assert len({shown_images(bars, half, seed=seed).classes for seed in range(12)}) > 2


@pytest.mark.parametrize("spec", ["negative", "gamma(exponent=2.0)", "rotation(degrees=15.0)"])
def test_noise_is_as_large_in_each_image_as_what_a_transform_changes(spec: str) -> None:
    images = torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(0)).round()
    images[3:] *= torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    change = describe_transform(spec).function
    sizes = (change(images) - images).flatten(1).norm(dim=1)
    noisy = noise_as_large(images, change=change, clipped=False)
    assert torch.allclose((noisy - images).flatten(1).norm(dim=1), sizes, rtol=1e-5)
    clipped = noise_as_large(images, change=change, clipped=True)
    assert torch.allclose(clipped, noisy.clamp(0, 1), atol=1e-6)
    assert ((clipped - images).flatten(1).norm(dim=1) <= sizes + 1e-5).all()
