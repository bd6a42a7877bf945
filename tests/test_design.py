"""docs/design.md is true: its layers are those that `make check` holds, and its tree names every module."""

import re
import tomllib
from pathlib import Path

TOP = Path(__file__).parents[1]
PAGE = (TOP / "docs" / "design.md").read_text(encoding="utf-8")


def block(before: str) -> list[str]:
    found = re.search(rf"{re.escape(before)}\n(.*?)```", PAGE, re.DOTALL)
    assert found, f"docs/design.md has no block after {before!r}"
    return found[1].splitlines()


def test_the_layers_are_those_that_are_held() -> None:
    contract = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    assert block("## Who may import whom\n\n```") == contract["contracts"][0]["layers"]


def test_the_tree_names_every_module() -> None:
    drawn = re.findall(r"^[├└]── (\S+)", "\n".join(block("```\nsrc/negatoscope/")), re.MULTILINE)
    package = [path for path in (TOP / "src" / "negatoscope").iterdir() if path.name not in ("__pycache__", "py.typed")]
    assert sorted(drawn) == sorted(f"{path.name}/" if path.is_dir() else path.name for path in package)
