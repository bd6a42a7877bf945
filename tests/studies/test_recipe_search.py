"""The search for default recipes: its rule, the published search, and what it refuses in one sentence."""

from dataclasses import replace
from pathlib import Path

import pytest

from negatoscope.documents import read_document
from negatoscope.errors import DataError, OutputError, RecipeError
from negatoscope.reproduce.run_data import load_split, split_training
from negatoscope.studies.locked_file import locked_file
from negatoscope.studies.recipe_search import (
    TOLERANCE,
    Candidates,
    RecipeSearchResult,
    SearchRun,
    choose,
    finalists,
    load_candidates,
    packaged_candidates,
    search_recipes,
)
from negatoscope.training.recipe import Recipe, named_recipe
from negatoscope.training.train import train

RESULTS = Path(__file__).parents[2] / "results" / "recipes"


@pytest.mark.parametrize("name", ["mnist", "gtsrb"])
def test_the_default_recipe_is_the_one_that_the_published_search_chose(name: str) -> None:
    search = read_document(RESULTS / f"{name}.json", RecipeSearchResult, what="a search", make="search again")
    candidates = packaged_candidates(name)
    assert choose(candidates, search.runs) == search.chosen
    (chosen,) = [recipe for recipe in candidates.recipes if recipe.name == search.chosen]
    assert replace(named_recipe("accurate", name), name=chosen.name, split=chosen.split) == chosen


def run(recipe: Recipe, epsilon: float, accuracy: float) -> SearchRun:
    return SearchRun(recipe.name, recipe.digest, epsilon, 0, 10_000, accuracy, 350_000, 100.0)


def test_the_search_prefers_the_better_and_among_equals_the_cheaper() -> None:
    candidates = packaged_candidates("mnist")
    first, second, third = candidates.recipes
    runs = [run(first, 0.0, 0.9), run(second, 0.0, 0.95), run(third, 0.0, 0.94)]
    assert finalists(candidates, runs) == [second, third]
    assert choose(candidates, runs) is None
    runs += [run(second, 0.2, 0.9), run(third, 0.2, 0.91 + 10 * TOLERANCE)]
    assert choose(candidates, runs) == third.name


CANDIDATES = """
epsilons = [0.0]
candidates = [{ name = "one" }, { name = "two", learning_rate = 0.01 }]
[base]
split = "stratified"
validation_size = 50
epochs = 1
"""


def test_a_search_makes_no_run_twice(tmp_path: Path, few_digits: str) -> None:
    (tmp_path / "mine.toml").write_text(CANDIDATES + f'data = "{few_digits}"')
    candidates, lines = load_candidates(tmp_path / "mine.toml"), list[str]()
    made = search_recipes(candidates, out=tmp_path / "mine.json", progress=lines.append)
    assert [line.partition(":")[0] for line in lines] == ["one at epsilon 0.0", "two at epsilon 0.0"]
    assert made.chosen in ("one", "two")
    assert search_recipes(candidates, out=tmp_path / "mine.json", progress=lines.append) == made
    assert len(lines) == 2
    with pytest.raises(DataError, match=r"^expected runs of seed 1 in .*mine\.json, got those of seed 0; give another"):
        search_recipes(candidates, out=tmp_path / "mine.json", seed=1)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"schema": 2, "runs": 3}', '{"schema": 1, "runs": []}'])
def test_a_search_reports_that_its_earlier_runs_are_damaged(tmp_path: Path, content: str) -> None:
    (tmp_path / "mnist.json").write_text(content)
    with pytest.raises(DataError, match=r"^expected the runs of an earlier search .*mnist\.json, .*; delete it$"):
        search_recipes(packaged_candidates("mnist"), out=tmp_path / "mnist.json")


ONE = 'candidates = [{ name = "a" }]\n'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (f"epsilons = [0.0]\nbase = 3\n{ONE}", "expected base to be"),
        (f"epsilons = []\nbase = {{ data = 'mnist' }}\n{ONE}", "got 0 and 1 of them"),
        ("epsilons = [0.0]\nbase = { data = 'mnist' }\ncandidates = []", "got 1 and 0 of them"),
        ("epsilons = [0.0]\nbase = { data = 'mnist' }\ncandidates = [3]", "expected candidates.0 to be"),
        (f"epsilons = [0.0]\nbase = {{ }}\n{ONE}", "expected data in base or in each candidate, got 'a' without"),
        (
            'epsilons = [0.0]\nbase = { data = "mnist" }\ncandidates = [{ name = "a" }, { name = "a", epochs = 3 }]',
            "expected names of candidates without repetition, got a twice",
        ),
        (f"epsilons = [0.0]\nbase = {{ epochs = 0 }}\n{ONE}", "expected epochs"),
    ],
)
def test_impossible_candidates_are_refused_with_their_file(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "mine.toml").write_text(content)
    with pytest.raises(RecipeError, match=rf"mine\.toml.*{sentence}"):
        load_candidates(tmp_path / "mine.toml")


def test_a_recipe_that_keeps_its_best_epoch_is_judged_by_that(tmp_path: Path, few_digits: str) -> None:
    last = Recipe("last", data=few_digits, validation_size=50, epochs=6, learning_rate=0.02, schedule="constant")
    best = replace(last, name="best", selection="best_validation")
    training, validation = split_training(
        load_split(few_digits, "train", data_dir=None, fast=False), last, seed=0, fast=False
    )
    accuracies = [epoch.validation_accuracy for epoch in train(last, training, validation=validation, seed=0).history]
    assert max(accuracies) > accuracies[-1]
    found = search_recipes(Candidates((0.0,), (last, best)), out=tmp_path / "mine.json")
    assert [run.validation_accuracy for run in found.runs] == [accuracies[-1], max(accuracies)]


def test_a_search_is_made_by_one_process_at_a_time(tmp_path: Path) -> None:
    candidates, file = packaged_candidates("mnist"), tmp_path / "mnist.json"
    with locked_file(file), pytest.raises(OutputError, match=r"mnist\.json to be free, got another run that writes"):
        search_recipes(candidates, out=file)
    assert list(tmp_path.iterdir()) == []
