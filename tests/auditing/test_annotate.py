"""A file to start an annotation from: what it holds is what an audit counts without it, until a person corrects it."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from negatoscope.auditing.annotate import annotation_toml
from negatoscope.data import Dataset
from negatoscope.data.sources import sources
from negatoscope.registry import Spec
from negatoscope.transforms import describe_transform
from negatoscope.transforms.label_preserving import Annotation, annotate
from negatoscope.transforms.suites import suite

SPECS = [facts.spec for facts in map(describe_transform, suite("all").specs) if facts.kind == "label_preserving"]
KNOWN = {name: source.class_names for name, source in sources().items()}
HOSTILE = ('a "quoted" cat', "back\\slash", "line\nbreak", "漢字 \x7f", "# no comment")


@pytest.fixture
def cats(make_dataset: Callable[..., Dataset]) -> Dataset:
    """Data of a user, whose class names are as odd as names can be."""
    dataset = make_dataset(10, classes=5, size=10)
    return replace(dataset, spec='folder:my "cats"', class_names=HOSTILE)


def annotations(dataset: Dataset, text: str, folder: Path) -> list[Annotation]:
    file = folder / "rules.toml"
    file.write_text(text, encoding="utf-8")
    return [annotate(dataset.spec, dataset.class_names, spec, override=file, known=KNOWN) for spec in SPECS]


def test_as_it_stands_the_file_says_what_is_assumed_and_leaves_the_rest_open(cats: Dataset, tmp_path: Path) -> None:
    text = annotation_toml(cats)
    assert "day/night" in text
    before = [annotate(cats.spec, cats.class_names, spec) for spec in SPECS]
    after = annotations(cats, text, tmp_path)
    for spec, one, other in zip(SPECS, before, after, strict=True):
        assert one.preserved == other.preserved == (True,) * 5
        assert (one.basis, other.basis) in (("assumed", "annotated"), ("nothing", "nothing")), spec
    assert {"assumed", "nothing"} == {one.basis for one in before}


def test_without_the_comment_signs_every_transform_is_annotated(cats: Dataset, tmp_path: Path) -> None:
    text = re.sub(r"^# (\[\[|transform|where|lost)", r"\1", annotation_toml(cats), flags=re.MULTILINE)
    head, flip, tail = text.partition('transform = "flip"')
    text = head + flip + tail.replace("lost = []", 'lost = ["# no comment"]', 1)
    found = dict(zip(map(str, SPECS), annotations(cats, text, tmp_path), strict=True))
    assert {one.basis for one in found.values()} == {"annotated"}
    assert found["flip"].preserved == (True, True, True, True, False)


@pytest.mark.parametrize("name", ["mnist", "gtsrb", "fashion_mnist"])
def test_of_annotated_data_the_file_holds_what_the_package_says(
    make_dataset: Callable[..., Dataset], name: str, tmp_path: Path
) -> None:
    dataset = replace(make_dataset(10), spec=name, class_names=sources()[name].class_names)
    expected = [annotate(name, dataset.class_names, spec) for spec in SPECS]
    assert annotations(dataset, annotation_toml(dataset), tmp_path) == expected
    assert "Not annotated" not in annotation_toml(dataset)


def test_the_lines_that_map_ones_own_names_to_those_of_digits_work(tmp_path: Path, cats: Dataset) -> None:
    digits = replace(cats, spec="folder:digits", class_names=("zero", "one"))
    text = annotation_toml(digits).replace("# same_as", "same_as").replace("# class_names", "class_names")
    found = annotations(digits, text, tmp_path)
    assert found[SPECS.index(Spec("edges"))] == Annotation((True, False), "annotated")
