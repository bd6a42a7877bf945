"""The pages about transforms are true: every one is listed, and the example of own rules is one."""

import re
import tomllib
from pathlib import Path

import pytest

from negatoscope.transforms import TRANSFORMS, describe_transform
from negatoscope.transforms.label_preserving import read_rules

TOP = Path(__file__).parents[2]
PAGE = (TOP / "docs" / "transforms.md").read_text(encoding="utf-8")
LINES = re.findall(r"^\| `([^`]+)`( \*)? \| (\w+) \|", PAGE, flags=re.MULTILINE)


def test_every_transform_is_in_the_table_once() -> None:
    assert sorted(spec.partition("(")[0] for spec, _, _ in LINES) == TRANSFORMS.names()


@pytest.mark.parametrize(("spec", "star", "kind"), LINES, ids=[spec for spec, _, _ in LINES])
def test_the_table_shows_the_kind_and_whether_it_is_of_color(spec: str, star: str, kind: str) -> None:
    facts = describe_transform(spec)
    assert (facts.kind, facts.color) == (kind, bool(star))


def test_the_example_of_own_rules_is_one(tmp_path: Path) -> None:
    text = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)[0]
    assert tomllib.loads(text)
    path = tmp_path / "mine.toml"
    path.write_text(text)
    assert read_rules(path)["folder:signs"].same_as == "gtsrb"
