"""A transform's signature says what a search may explore, and the registry what the transform is."""

from typing import Annotated

import pytest

from negatoscope.errors import InputError, SpecError
from negatoscope.transforms import TRANSFORMS, ParameterRange, describe_transform, register_transform
from negatoscope.transforms.parameter_range import parameter_ranges
from negatoscope.types import Images


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is registered is forgotten afterwards."""
    TRANSFORMS.names()
    monkeypatch.setattr(TRANSFORMS, "_functions", dict(TRANSFORMS._functions))
    monkeypatch.setattr("negatoscope.transforms._SAID", {})


@pytest.mark.parametrize("ends", [(1.0, 0.0), (0.0, 0.0), (float("nan"), 1.0), (0.0, float("inf"))], ids=str)
def test_a_space_is_a_finite_range(ends: tuple[float, float]) -> None:
    with pytest.raises(InputError, match=r"^expected low < high, both finite, got "):
        ParameterRange(*ends)


def test_the_identity_lies_in_the_space() -> None:
    with pytest.raises(InputError, match=r"^expected identity from 0\.0 to 1\.0, got 2\.0$"):
        ParameterRange(0.0, 1.0, identity=2.0)


def test_spaces_are_read_from_the_signature() -> None:
    def shade(
        images: Images,
        *,
        depth: Annotated[float, "unit", ParameterRange(0.0, 2.0)],
        steps: Annotated[int, "count"],
        seed: int = 0,
    ) -> Images:
        return images

    assert parameter_ranges(shade) == {"depth": ParameterRange(0.0, 2.0)}


def test_a_transform_is_described_with_its_arguments() -> None:
    facts = describe_transform("sigmoid_contrast(steepness=3)")
    assert (str(facts.spec), facts.kind, facts.color) == ("sigmoid_contrast(steepness=3.0)", "label_preserving", False)
    assert facts.identity == {"steepness": 0.0}
    assert facts.space == {"steepness": ParameterRange(0.0, 20.0, identity=0.0), "middle": ParameterRange(0.25, 0.75)}


@pytest.mark.parametrize(
    ("spec", "kind", "color"),
    [
        ("negative", "label_preserving", False),
        ("hue_shift(degrees=1)", "label_preserving", True),
        ("negative_path(share=0.5)", "path", False),
        ("pixel_flips(probability=0.5)", "control", False),
        ("noise(l2=1)", "control", False),
    ],
)
def test_kinds_are_told_when_registering(spec: str, kind: str, color: bool) -> None:
    facts = describe_transform(spec)
    assert (facts.kind, facts.color) == (kind, color)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("negativ", r"^expected the name of a transform, got 'negativ'; did you mean 'negative'\?$"),
        ("gamma", r"^expected exponent in 'gamma'; write gamma\(exponent=\.\.\.\)$"),
        ("gamma(exponent=0)", r"^expected exponent of gamma above 0, got 0\.0; 1\.0 changes nothing$"),
        ("contrast(factor=1e999)", r"^expected factor of contrast of at least 0, got inf; "),
    ],
)
def test_an_impossible_transform_is_refused_before_any_image_is_read(text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        describe_transform(text)


@pytest.mark.usefixtures("own_registry")
def test_a_decorator_bare_or_told_gives_the_function_back() -> None:
    @register_transform
    def bare(images: Images) -> Images:
        return images.clone()

    @register_transform(kind="control", color=True)
    def told(images: Images) -> Images:
        return images.clone()

    assert TRANSFORMS.get("bare") is bare
    assert [describe_transform(name).kind for name in ("bare", "told")] == ["label_preserving", "control"]
    assert describe_transform("told").color


@pytest.mark.usefixtures("own_registry")
def test_a_function_of_an_entry_point_without_a_decorator_keeps_the_meaning() -> None:
    def plain(images: Images) -> Images:
        return images.clone()

    TRANSFORMS.register(plain)
    assert (describe_transform("plain").kind, describe_transform("plain").color) == ("label_preserving", False)


@pytest.mark.usefixtures("own_registry")
def test_a_name_of_another_module_is_taken() -> None:
    def negative(images: Images) -> Images:
        return images

    with pytest.raises(SpecError, match=r"^expected a new transform name, got 'negative', which "):
        register_transform(negative)
