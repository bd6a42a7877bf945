"""The pages about transforms are true: every one is listed, and the example of own rules is one."""

import re
import tomllib
from pathlib import Path

import pytest
import torch

from negatoscope.transforms import TRANSFORMS, describe_transform
from negatoscope.transforms.label_preserving import read_rules
from negatoscope.transforms.spaces import describe_spaces, resolve_space

TOP = Path(__file__).parents[2]
PAGE = (TOP / "docs" / "transforms.md").read_text(encoding="utf-8")
LINES = re.findall(r"^\| `([^`]+)`( \*)? \| (\w+) \|", PAGE, flags=re.MULTILINE)


def test_every_transform_is_in_the_table_once() -> None:
    assert sorted(spec.partition("(")[0] for spec, _, _ in LINES) == TRANSFORMS.names()


@pytest.mark.parametrize(("spec", "star", "kind"), LINES, ids=[spec for spec, _, _ in LINES])
def test_the_table_shows_the_kind_and_whether_it_is_of_color(spec: str, star: str, kind: str) -> None:
    facts = describe_transform(spec)
    assert (facts.kind, facts.color) == (kind, bool(star))


SPACES = PAGE.partition("## Spaces")[2].partition("## Suites")[0]


def test_the_named_spaces_are_those_of_the_table() -> None:
    lines = re.findall(r"^\| `(\w+)` \| (.*) \|$", SPACES, flags=re.MULTILINE)
    stages = {name: tuple(re.findall(r"`([^`]+)`", line)) for name, line in lines}
    described = {entry.name: entry.contains for entry in describe_spaces()}
    assert list(stages) == list(described)
    assert stages["all"] == ("tone", "color", "geometry", "color")
    assert [stages[name] for name in list(stages)[:4]] == [described[name] for name in list(stages)[:4]]


@pytest.mark.parametrize("text", re.findall(r"^\| `([^`]*\.\.[^`]*)` \|", SPACES, flags=re.MULTILINE))
def test_the_spaces_of_the_page_are_some(text: str) -> None:
    assert resolve_space(text.replace("\\", ""), channels=3).dimensions


def test_the_example_in_python_runs() -> None:
    names = {"torch": torch, "rotation": TRANSFORMS.get("rotation"), "images": torch.rand(5, 3, 8, 8)}
    for code in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(code, names)
    assert len(names["specs"]) == 5


def test_the_example_of_own_rules_is_one(tmp_path: Path) -> None:
    text = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)[0]
    assert tomllib.loads(text)
    path = tmp_path / "mine.toml"
    path.write_text(text)
    assert read_rules(path)["folder:signs"].same_as == "gtsrb"
