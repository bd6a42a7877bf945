"""How a space is written, what it makes of bad input, and which classes keep their label wherever it is."""

from pathlib import Path
from typing import Annotated

import pytest
import torch

from negatoscope.data.sources import sources
from negatoscope.errors import InputError, SpecError
from negatoscope.transforms import TRANSFORMS, ParameterRange, register_transform
from negatoscope.transforms.label_preserving import annotate
from negatoscope.transforms.space_labels import annotate_space
from negatoscope.transforms.spaces import Dimension, describe_spaces, resolve_space
from negatoscope.types import Images


def test_a_space_is_written_as_transforms_with_ranges() -> None:
    space = resolve_space("hue_shift(degrees=-180..180)|saturation( factor = 0 .. 2.0 )", channels=3)
    assert space.text == space.name == "hue_shift(degrees=-180..180) | saturation(factor=0..2)"
    assert space.dimensions == (
        Dimension(0, "degrees", -180.0, 180.0, identity=0.0, circular=True),
        Dimension(1, "factor", 0.0, 2.0, identity=1.0),
    )
    points = torch.tensor([[0.0, 0.5], [0.5875, 0.6]], dtype=torch.float64)
    assert space.parameters(points) == [
        "hue_shift(degrees=-180.0)",
        "hue_shift(degrees=31.5) | saturation(factor=1.2)",
    ]
    assert space.distance(points).tolist() == pytest.approx([1.0, (0.175**2 + 0.2**2) ** 0.5])


def test_a_stage_may_have_several_numbers_and_fixed_settings_beside_them() -> None:
    space = resolve_space(
        "translation(down=-0.1..0.1, right=-0.2..0.2) | noise(l2=0..1, seed=7) | negative", channels=1
    )
    assert space.text == "translation(right=-0.2..0.2, down=-0.1..0.1) | noise(l2=0..1, seed=7) | negative"
    assert [(each.stage, each.name) for each in space.dimensions] == [(0, "right"), (0, "down"), (1, "l2")]
    assert space.parameters(torch.tensor([[0.5, 1.0, 0.5]])) == [
        "translation(down=0.1) | noise(l2=0.5, seed=7) | negative"
    ]
    assert space.identity is None


def test_words_are_choices_of_which_each_has_an_equal_share() -> None:
    space = resolve_space("channel_permutation(order=..)", channels=3)
    assert space.text == "channel_permutation(order=['RBG', 'GRB', 'GBR', 'BRG', 'BGR'])"
    found = space.parameters(torch.tensor([[0.0], [0.19], [0.2], [0.99], [1.0]], dtype=torch.float64))
    assert [text[-5:-2] for text in found] == ["RBG", "RBG", "GRB", "BGR", "BGR"]
    few = resolve_space("channel_permutation(order=['BGR', 'RBG'])", channels=3)
    assert few.dimensions[0].choices == ("BGR", "RBG")


def test_whole_numbers_have_equal_shares() -> None:
    space = resolve_space("posterize(bits=2..5)", channels=1)
    values = space.dimensions[0].values(torch.linspace(0, 1, 4001, dtype=torch.float64))
    assert values.long().bincount().tolist() == [*(0, 0, 1000, 1000, 1000, 1001)]
    assert space.parameters(torch.tensor([[0.0]])) == ["posterize(bits=2)"]


def test_the_elements_of_a_group_are_choices_and_the_first_changes_nothing() -> None:
    space = resolve_space("color_cube", channels=3)
    (dimension,) = space.dimensions
    assert len(dimension.choices) == 48
    assert (dimension.choices[0], dimension.identity) == ("identity", 0)
    assert space.distance(torch.tensor([[0.0], [0.5], [1.0]])).tolist() == [0.0, 1.0, 1.0]


def test_a_named_space_of_several_leaves_out_colors_for_gray_images() -> None:
    stages = {channels: resolve_space("all", channels=channels).text.split(" | ") for channels in (1, 3)}
    assert [stage.partition("(")[0] for stage in stages[3]] == [
        *("gamma", "contrast", "brightness", "hue_shift", "saturation", "rotation", "translation")
    ]
    assert stages[1] == [stage for stage in stages[3] if stage.partition("(")[0] not in ("hue_shift", "saturation")]


def test_named_spaces_are_described_with_their_stages() -> None:
    described = {entry.name: entry for entry in describe_spaces()}
    assert list(described) == ["tone", "color", "geometry", "color_cube", "color_shift", "all"]
    assert described["color"].contains == ("hue_shift(degrees=-180..180)", "saturation(factor=0..2)")
    assert described["all"].contains == tuple(resolve_space("all", channels=3).text.split(" | "))


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is registered is forgotten afterwards."""
    TRANSFORMS.names()
    monkeypatch.setattr(TRANSFORMS, "_functions", dict(TRANSFORMS._functions))
    monkeypatch.setattr("negatoscope.transforms._TRAITS", {})


@pytest.mark.usefixtures("own_registry")
def test_a_transform_that_takes_one_number_for_all_is_called_for_those_that_share_it() -> None:
    calls = []

    @register_transform
    def fog(images: Images, *, density: Annotated[float, ParameterRange(0.0, 1.0, identity=0.0)]) -> Images:
        calls.append(len(images))
        return images + density * (1 - images)

    space = resolve_space("fog(density=0..1) | gamma(exponent=0.5..2)", channels=1)
    calls.clear()
    found = space.apply(torch.zeros(5, 1, 2, 2), torch.tensor([[0.2, 0.5], [0.7, 0.5], [0.2, 0.1], [0.2, 0.0], [0, 0]]))
    assert sorted(calls) == [1, 1, 3]
    assert found[:, 0, 0, 0].tolist() == pytest.approx([0.2**1.25, 0.7**1.25, 0.2**0.65, 0.2**0.5, 0.0])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hue_shift(degrees=-200..180)", r"^expected degrees of hue_shift from -180 to 180, got -200\.0; 0\.0 "),
        ("gamma(exponent=0..2)", r"^expected exponent of gamma above 0, up to 1000, got 0\.0; "),
        ("gamma(exponent=..)", r"^expected numbers around \.\. in exponent of gamma, got ''; write .*=0\.25\.\.4$"),
        ("gamma(exponent=0.5..)", r"^expected numbers around \.\. in exponent of gamma, got ''; "),
        ("gamma(exponent=0.5..much)", r"^expected numbers around \.\. in exponent of gamma, got 'much'; "),
        ("gamma(exponent=0.5..1e999)", r"^expected numbers around \.\. in exponent of gamma, got '1e999'; "),
        ("gamma(exponent=0.5...2)", r"^expected numbers around \.\. in exponent of gamma, got '"),
        ("gamma(exponent=2..0.5)", r"^expected exponent of gamma from a smaller to a larger number, got 2\.\.0\.5$"),
        ("gamma(exponent=2..2)", r"^expected exponent of gamma from a smaller to a larger number, got 2\.\.2$"),
        ("gamma(exponent=[0.5, 2])", r"^expected a range or a value as exponent of gamma, got \[0\.5, 2\]$"),
        ("posterize(bits=1.5..3)", r"^expected whole numbers around \.\. in bits of posterize, got 1\.5\.\.3$"),
        ("flip(axis=0..1)", r"^expected axis of flip as axis=\.\. or a list of 'left_right', .*, got 0\.\.1$"),
        ("flip(axis=['left_right'])", r"^expected axis of flip as axis=\.\. or a list of .*, got \['left_right'\]$"),
        ("flip(axis=[['left_right']])", r"^expected axis of flip as axis=\.\. or a list of "),
        ("gama(exponent=0.5..2)", r"^expected the name of a transform, got 'gama'; did you mean 'gamma'\?$"),
        ("gamma(exponents=0.5..2)", r"^expected an argument of gamma, got 'exponents'; it takes exponent$"),
        ("gamma", r"^expected exponent in 'gamma'; write gamma\(exponent=\.\.\.\)$"),
        ("gamma(exponent=2.0)", r"^expected a setting that is searched, such as gamma\(exponent=0\.5\.\.2\), got "),
        ("gamma(exponent=0.5..2, exponent=1..2)", r"^expected a transform with ranges such as .*, got 'gamma\("),
        ("gamma(exponent=0.5..2", r"^expected a transform with ranges such as .*, got 'gamma\(exponent=0\.5\.\.2'$"),
        ("gamma(exponent=0.5..2) | ", r"^expected a transform with ranges such as .*, got ''$"),
        ("", r"^expected a transform with ranges such as .*, got ''$"),
        ("color_cube(element=3)", r"^expected a group as color_cube\(element=\.\.\), got 'color_cube\(element=3\)'$"),
        ("tones", r"^expected the name of a transform or a space, got 'tones'; did you mean 'tone'\?$"),
    ],
)  # fmt: skip
def test_what_is_no_space_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        resolve_space(text, channels=3)


@pytest.mark.parametrize("text", ["color", "color_cube", "hue_shift(degrees=0..9)", "negative | grayscale | tone"])
def test_colors_are_refused_for_gray_images(text: str) -> None:
    with pytest.raises(InputError, match=r"^expected (color images for|.*color)"):
        resolve_space(text, channels=1)


def test_quarter_turns_are_refused_for_images_that_are_not_square() -> None:
    space = resolve_space("quarter_turns(element=..)", channels=1)
    with pytest.raises(InputError, match=r"^expected square images for rotation\(degrees=90\.0\), got 4x3$"):
        space.apply(torch.rand(1, 1, 3, 4), torch.tensor([[0.3]]))


DATASETS = {**{name: sources()[name].class_names for name in ("gtsrb", "mnist")}, "folder:x": ("a", "b")}
COLORED = (
    *("no vehicles", "no entry", "turn right ahead", "turn left ahead", "ahead only", "ahead or right"),
    *("ahead or left", "keep right", "keep left", "roundabout"),
)
"""The signs that a wrong color makes others."""


@pytest.mark.parametrize(
    ("dataset", "text", "lost", "basis"),
    [
        ("gtsrb", "color_cube", COLORED, "annotated"),
        ("gtsrb", "tone", (), "annotated"),
        ("gtsrb", "geometry", (), "annotated"),
        ("gtsrb", "hue_shift(degrees=-20..20)", (), "annotated"),
        ("gtsrb", "hue_shift(degrees=-20..20.5)", COLORED, "annotated"),
        ("gtsrb", "color", COLORED, "annotated"),
        ("gtsrb", "channel_permutation(order=['GRB', 'RBG'])", COLORED, "annotated"),
        ("gtsrb", "negative(element=..)", (), "annotated"),
        ("mnist", "rotation(degrees=-20..20)", (), "annotated"),
        ("mnist", "rotation(degrees=-180..180)", tuple("123456789"), "annotated"),
        ("mnist", "negative | flip(element=..)", tuple("2345679"), "annotated"),
        ("mnist", "posterize(bits=2..8) | translation(right=-0.16..0.1)", tuple("0123456789"), "annotated"),
        ("folder:x", "tone", (), "assumed"),
        ("folder:x", "gamma(exponent=0.5..2.1)", (), "nothing"),
        ("folder:x", "tone | hue_shift(degrees=0..9)", (), "nothing"),
        ("folder:x", "posterize(bits=1..8)", ("a", "b"), "nothing"),
        ("gtsrb", "noise(l2=0..1)", (), "nothing"),
    ],
)
def test_a_class_keeps_its_label_if_it_does_so_under_every_setting(
    dataset: str, text: str, lost: tuple[str, ...], basis: str
) -> None:
    classes = DATASETS[dataset]
    found = annotate_space(dataset, classes, resolve_space(text, channels=3))
    assert tuple(name for name, kept in zip(classes, found.preserved, strict=True) if not kept) == lost
    assert found.basis == basis


def test_what_is_preserved_in_a_space_is_preserved_at_any_of_its_points() -> None:
    space = resolve_space("rotation(degrees=-40..170)", channels=1)
    classes = DATASETS["mnist"]
    points = torch.linspace(0, 1, 2001, dtype=torch.float64)[:, None]
    each = [annotate("mnist", classes, TRANSFORMS.resolve(text)[0]).preserved for text in space.parameters(points)]
    assert annotate_space("mnist", classes, space).preserved == tuple(map(all, zip(*each, strict=True)))


def test_own_rules_cut_a_space_where_they_end(tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[["folder:x".rules]]\ntransform = "gamma"\nwhere = { exponent = [1.2, 1.3] }\nlost = ["a"]\n'
        '[["folder:x".rules]]\ntransform = "gamma"\nlost = []\n'
    )
    for text, preserved in (("gamma(exponent=0.5..1.1)", (True, True)), ("gamma(exponent=0.5..2)", (False, True))):
        found = annotate_space("folder:x", ("a", "b"), resolve_space(text, channels=1), override=rules)
        assert (found.preserved, found.basis) == (preserved, "annotated")


def test_an_unknown_name_is_a_spec_error() -> None:
    with pytest.raises(SpecError):
        resolve_space("nothing_like_it", channels=3)
