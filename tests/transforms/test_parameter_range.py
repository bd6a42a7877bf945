"""A transform's signature says what a search may explore, and the registry what the transform is."""

from typing import Annotated

import pytest

from negatoscope.descriptions import ranges_of
from negatoscope.errors import InputError, SpecError
from negatoscope.transforms import TRANSFORMS, ParameterRange, describe_transform, register_transform
from negatoscope.types import Images


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is registered is forgotten afterwards."""
    TRANSFORMS.names()
    monkeypatch.setattr(TRANSFORMS, "_functions", dict(TRANSFORMS._functions))
    monkeypatch.setattr("negatoscope.transforms._TRAITS", {})


@pytest.mark.parametrize("ends", [(1.0, 0.0), (0.0, 0.0), (float("nan"), 1.0), (0.0, float("inf"))], ids=str)
def test_a_range_is_finite(ends: tuple[float, float]) -> None:
    with pytest.raises(InputError, match=r"^expected low < high, both finite, got "):
        ParameterRange(*ends)


def test_the_identity_lies_in_the_range() -> None:
    with pytest.raises(InputError, match=r"^expected identity from 0\.0 to 1\.0, got 2\.0$"):
        ParameterRange(0.0, 1.0, identity=2.0)


def test_ranges_are_read_from_the_signature() -> None:
    def shade(
        images: Images,
        *,
        depth: Annotated[float, "unit", ParameterRange(0.0, 2.0)],
        steps: Annotated[int, "count"],
        seed: int = 0,
    ) -> Images:
        return images

    assert ranges_of(shade) == {"depth": ParameterRange(0.0, 2.0)}


def test_a_transform_is_described_with_its_arguments() -> None:
    facts = describe_transform("sigmoid_contrast(steepness=3)")
    assert (str(facts.spec), facts.kind, facts.color) == ("sigmoid_contrast(steepness=3.0)", "label_preserving", False)
    assert facts.identity == {"steepness": 0.0}
    assert facts.ranges == {"steepness": ParameterRange(0.0, 20.0, identity=0.0), "middle": ParameterRange(0.25, 0.75)}


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
def test_kinds_are_given_when_registering(spec: str, kind: str, color: bool) -> None:
    facts = describe_transform(spec)
    assert (facts.kind, facts.color) == (kind, color)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("negativ", r"^expected the name of a transform, got 'negativ'; did you mean 'negative'\?$"),
        ("gamma", r"^expected exponent in 'gamma'; write gamma\(exponent=\.\.\.\)$"),
        ("gamma(exponent=0)", r"^expected exponent of gamma above 0, up to 1000, got 0\.0; 1\.0 changes nothing$"),
        (
            "contrast(factor=1e999)",
            r"^expected a spec such as .*, got 'contrast\(factor=1e999\)'$",
        ),
    ],
)
def test_an_impossible_transform_is_refused_before_any_image_is_read(text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        describe_transform(text)


@pytest.mark.usefixtures("own_registry")
def test_a_decorator_with_or_without_arguments_gives_the_function_back() -> None:
    @register_transform
    def bare(images: Images) -> Images:
        return images.clone()

    @register_transform(kind="control", color=True)
    def with_arguments(images: Images) -> Images:
        return images.clone()

    assert TRANSFORMS.get("bare") is bare
    assert [describe_transform(name).kind for name in ("bare", "with_arguments")] == ["label_preserving", "control"]
    assert describe_transform("with_arguments").color


@pytest.mark.usefixtures("own_registry")
def test_a_function_of_an_entry_point_without_a_decorator_preserves_labels() -> None:
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
