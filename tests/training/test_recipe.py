"""A recipe is plain data: it survives TOML, knows what is impossible, and has one digest."""

import dataclasses
import json
import math
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negatoscope.errors import RecipeError
from negatoscope.models.networks import NetworkSettings
from negatoscope.training.recipe import Recipe, load_recipe, named_recipe

NAN, INF = float("nan"), float("inf")

OTHER: dict[str, Any] = {
    "data": "gtsrb(prepare='paper')",
    "negatives": "before",
    "optimizer": "adamw",
    "learning_rate": 1e-05,
    "momentum": 0.0,
    "nesterov": False,
    "rho": 0.95,
    "optimizer_epsilon": 1e-08,
    "weight_decay": 0.01,
    "schedule": "cosine",
    "warmup": 0.0,
    "epochs": 1,
    "batch_size": 1,
    "label_smoothing": 0.1,
    "shift": 8,
    "fgsm_label": "predicted",
    "negative_share": 0.5,
    "clean_weight": 1.0,
    "split": "track",
    "validation_size": 1,
    "selection": "best_validation",
}
OTHER_NETWORK: dict[str, Any] = {
    "padding": "same",
    "pool_size": 3,
    "conv_activation": "tanh",
    "initialization": "he",
    "batch_norm": True,
    "dropout_pool": 0.25,
    "dropout_first": 0.5,
    "dropout_second": 0.1,
    "input_scaling": "centered",
}
CHOICES = ("negatives", "optimizer", "schedule", "fgsm_label", "split", "selection")

IMPOSSIBLE: list[tuple[str, Any]] = [
    ("name", ""),
    *((name, value) for name in CHOICES for value in ("", "x", "SGD")),
    *(("learning_rate", value) for value in (0.0, 0, -0.0, -1.0, NAN, INF)),
    *(("optimizer_epsilon", value) for value in (0.0, -1.0, NAN, INF)),
    *(("weight_decay", value) for value in (-1e-9, NAN, INF)),
    *(("clean_weight", value) for value in (-0.1, 1.1, NAN, -INF)),
    *(("negative_share", value) for value in (-0.1, 1.1, NAN, INF)),
    *((name, value) for name in ("momentum", "rho", "label_smoothing", "warmup") for value in (-0.1, 1.0, 1, NAN, INF)),
    *((name, value) for name in ("epochs", "batch_size", "validation_size") for value in (0, -1)),
    *((name, value) for name in ("epochs", "batch_size") for value in (1_000_001, 2**63, 10**400)),
    *(("shift", value) for value in (-1, 9)),
]


def _toml(recipe: dict[str, Any]) -> str:
    """The recipe as a person would write it; TOML writes numbers, texts and true the way JSON does."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in recipe.items() if key != "network"]
    return "\n".join(
        [*lines, "[network]", *(f"{key} = {json.dumps(value)}" for key, value in recipe["network"].items())]
    )


def test_the_tables_of_this_test_have_every_setting() -> None:
    assert {"name", "network", *OTHER} == {field.name for field in dataclasses.fields(Recipe)}
    assert set(OTHER_NETWORK) == {field.name for field in dataclasses.fields(NetworkSettings)}
    assert {name for name, _ in IMPOSSIBLE} == {"name", *OTHER} - {"data", "nesterov"}


def test_a_recipe_survives_toml(tmp_path: Path) -> None:
    recipe = Recipe(
        "every setting is another than its default: ü\t\"'\\", **OTHER, network=NetworkSettings(**OTHER_NETWORK)
    )
    (tmp_path / "recipe.toml").write_text(_toml(recipe.to_dict()), encoding="utf-8")
    read = load_recipe(tmp_path / "recipe.toml")
    assert read == recipe
    assert read.digest == recipe.digest
    for name, value in recipe.to_dict().items():
        assert name == "name" or value != Recipe("default").to_dict()[name]


def test_what_a_recipe_leaves_out_has_its_default(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text('name = "short"')
    assert load_recipe(tmp_path / "recipe.toml") == Recipe("short")


def test_a_whole_number_stands_for_a_float_and_stays_one_number(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(
        'name = "a"\nlearning_rate = 1\nclean_weight = 1\n[network]\ndropout_pool = 0'
    )
    recipe = load_recipe(tmp_path / "recipe.toml")
    assert type(recipe.learning_rate) is type(recipe.clean_weight) is type(recipe.network.dropout_pool) is float
    assert recipe.digest == Recipe("a", learning_rate=1.0, clean_weight=1.0).digest


@given(
    learning_rate=st.floats(0, exclude_min=True, allow_infinity=False),
    momentum=st.floats(0, 1, exclude_max=True),
    epochs=st.integers(1, 10**6),
    name=st.text(min_size=1),
)
def test_a_recipe_survives_plain_data(learning_rate: float, momentum: float, epochs: int, name: str) -> None:
    recipe = Recipe(name, learning_rate=learning_rate, momentum=momentum, epochs=epochs)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict())), where="here") == recipe


def test_the_digest_differs_with_every_setting_but_the_name() -> None:
    digests = [Recipe("a").digest]
    digests += [Recipe("a", **{name: value}).digest for name, value in OTHER.items()]
    digests += [Recipe("a", network=NetworkSettings(**{name: value})).digest for name, value in OTHER_NETWORK.items()]
    assert len(set(digests)) == len(digests) == 1 + len(OTHER) + len(OTHER_NETWORK)
    assert Recipe("b").digest == digests[0]


def test_runs_made_before_a_setting_was_there_stay_known() -> None:
    recipe = named_recipe("accurate", "mnist")
    later = ("name", "negative_share", "rho", "optimizer_epsilon")
    settings = {key: value for key, value in recipe.to_dict().items() if key not in later}
    assert recipe.digest == sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def test_a_digest_is_sixteen_hex_digits() -> None:
    digests = [Recipe("a", **{name: value}).digest for name, value in OTHER.items()]
    assert all(len(digest) == 16 and int(digest, 16) >= 0 for digest in digests)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("name", "value"), IMPOSSIBLE, ids=str)
def test_an_impossible_value_is_one_sentence(name: str, value: Any) -> None:
    with pytest.raises(RecipeError, match=rf"^expected {name} .*, got '?{value}'?$"):
        Recipe(**{"name": "a", name: value})
    with pytest.raises(RecipeError, match=rf"^mine\.toml: expected {name} .*, got "):
        Recipe.from_dict({"name": "a", name: value}, where="mine.toml")


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", OTHER)
def test_a_value_of_another_type_is_one_sentence(name: str) -> None:
    wrong = {str: 1, int: 2.0, float: "0.1", bool: 1}[type(OTHER[name])]
    for value in (wrong, [OTHER[name]], {}):
        with pytest.raises(RecipeError, match=rf"^mine\.toml: expected {name} .*, got "):
            Recipe.from_dict({"name": "a", name: value}, where="mine.toml")


@pytest.mark.parametrize("name", ["epochs", "learning_rate"])
def test_true_is_no_number(name: str) -> None:
    with pytest.raises(RecipeError, match=rf"^mine\.toml: expected {name} to be a (whole )?number, got True$"):
        Recipe.from_dict({"name": "a", name: True}, where="mine.toml")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"name": "a", "lerning_rate": 1.0},
            r"expected no 'lerning_rate'; did you mean 'learning_rate'\?$",
        ),
        ({"name": "a", "network": {"pool": 2}}, r"expected no 'network\.pool'; did you mean 'pool_size'\?$"),
        ({"name": "a", "network": {"pool_size": 0}}, r"expected pool_size from 1 to 8, got 0$"),
        ({"name": "a", "network": {"pool_size": 2.0}}, r"expected network\.pool_size to be a whole number, got 2\.0$"),
        ({"name": "a", "network": {"batch_norm": 1}}, r"expected network\.batch_norm to be true or false, got 1$"),
        ({"name": "a", "network": {"dropout_pool": NAN}}, r"expected dropout_pool in \[0, 1\), got nan$"),
        ({"name": "a", "network": "large"}, r"expected network to be a table, got 'large'$"),
        ({"name": "a", "network": 7}, r"expected network to be a table, got 7$"),
        ({"name": "a", "network": []}, r"expected network to be a table, got \[\]$"),
        ({"name": "a", "learning_rate": 10**400}, r"expected learning_rate above 0 and finite, got inf$"),
        ({"name": "a", "weight_decay": INF}, r"expected weight_decay at least 0 and finite, got inf$"),
        ({"epochs": 3}, r"expected name, which is missing$"),
        ({}, r"expected name, which is missing$"),
    ],
    ids=str,
)
def test_impossible_data_is_one_sentence_that_names_the_file(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RecipeError, match=rf"^mine\.toml: {sentence}"):
        Recipe.from_dict(values, where="mine.toml")


@pytest.mark.parametrize(
    "content",
    [b"name = ", b"\xff\xfe", b"name = 'a'\nname = 'b'", b"epochs = " + b"9" * 5000, b"epochs = " + b"[" * 5000],
    ids=["half", "no text", "twice", "absurd number", "absurd nesting"],
)
def test_a_file_that_is_no_toml_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "recipe.toml").write_bytes(content)
    with pytest.raises(RecipeError, match=r"^expected a recipe as TOML in .*recipe\.toml, got a file that is not: "):
        load_recipe(tmp_path / "recipe.toml")


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecipeError, match=r"^expected a recipe in .*, but it cannot be read: "):
        load_recipe(tmp_path / name)


def test_nan_in_toml_is_impossible_everywhere(tmp_path: Path) -> None:
    numbers = [name for name, value in OTHER.items() if isinstance(value, float)]
    assert len(numbers) == 9
    for name in numbers:
        for text in ("nan", "-nan", "inf"):
            (tmp_path / "recipe.toml").write_text(f'name = "a"\n{name} = {text}')
            with pytest.raises(
                RecipeError, match=rf"expected {name} .*, got {abs(math.nan) if 'nan' in text else 'inf'}$"
            ):
                load_recipe(tmp_path / "recipe.toml")
