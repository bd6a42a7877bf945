"""Suites are versioned: what a name and a version stand for never changes."""

from hashlib import sha256

import pytest

from negatoscope.errors import SpecError
from negatoscope.transforms import TRANSFORMS, describe_transform
from negatoscope.transforms.suites import describe_suites, suite

PUBLISHED = {
    ("negative", 2): "93fc4769ac94602a",
    ("semantic", 2): "324a24580532ec1a",
    ("all", 2): "a7ddfd03f8a732bf",
}
"""Of each version its digest: where a list changes, give it and what includes it a new version, and a line here."""


@pytest.mark.parametrize("name", [entry.name for entry in describe_suites()])
def test_a_suite_is_what_its_version_was_published_as(name: str) -> None:
    found = suite(name)
    assert PUBLISHED[found.name, found.version] == sha256("\n".join(found.specs).encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", [entry.name for entry in describe_suites()])
def test_specs_are_canonical_and_stand_once(name: str) -> None:
    specs = suite(name).specs
    assert [str(TRANSFORMS.resolve(spec)[0]) for spec in specs] == list(specs)
    assert len(set(specs)) == len(specs)


SPACES_ALONE = {"saturation_shift"}
"""Half of what the authors' sequel draws; alone it tints grays red, while `saturation` says what suites ask."""


def test_the_semantic_suite_preserves_labels_and_has_every_transform_that_does() -> None:
    facts = [describe_transform(spec) for spec in suite("semantic").specs]
    assert {each.kind for each in facts} == {"label_preserving"}
    preserving = {name for name in {*TRANSFORMS.names()} - SPACES_ALONE if _kind(name) == "label_preserving"}
    assert {each.spec.name for each in facts} == preserving


def test_all_is_both() -> None:
    assert set(suite("all").specs) == {*suite("semantic").specs, *suite("negative").specs}


def test_a_gray_classifier_gets_no_transforms_of_color() -> None:
    left = set(suite("semantic").specs) - set(suite("semantic", channels="gray").specs)
    assert {spec.partition("(")[0] for spec in left} == {
        "channel_negative",
        "channel_permutation",
        "grayscale",
        "hue_shift",
        "luminance_negative",
        "opposite_hue",
        "saturation",
    }


def test_an_unknown_suite_is_one_sentence() -> None:
    with pytest.raises(SpecError, match=r"^expected the name of a suite, got 'sematic'; did you mean 'semantic'\?$"):
        suite("sematic")
    with pytest.raises(SpecError, match=r"^expected the name of a suite, got 'x'; there are negative, semantic, all$"):
        suite("x")


def _kind(name: str) -> str:
    texts = [spec for spec in suite("all").specs if spec.partition("(")[0] == name]
    return describe_transform(texts[0]).kind
