"""`negatoscope list` shows every registry as it is, for people and for programs."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from negatoscope.attacks import ATTACKS
from negatoscope.attacks.strategies import STRATEGIES
from negatoscope.cli.main import app
from negatoscope.data import DATASETS
from negatoscope.descriptions import Description, Parameter, ParameterRange
from negatoscope.documents import from_plain
from negatoscope.errors import SpecError
from negatoscope.models import MODELS
from negatoscope.training.recipe import PANEL, Recipe
from negatoscope.transforms import TRANSFORMS, describe_transform
from negatoscope.transforms.suites import suite

NAMES: dict[str, list[str]] = {
    "transforms": TRANSFORMS.names(),
    "spaces": ["tone", "color", "geometry", "color_cube", "color_shift", "all"],
    "suites": ["negative", "semantic", "all"],
    "attacks": ATTACKS.names(),
    "strategies": STRATEGIES.names(),
    "datasets": DATASETS.names(),
    "models": MODELS.names(),
    "recipes": list(PANEL),
}


def _listed(kind: str) -> dict[str, Description]:
    output = CliRunner().invoke(app, ["list", kind, "--json"], catch_exceptions=False).output
    entries: list[Any] = json.loads(output)
    return {entry["name"]: from_plain(entry, Description) for entry in entries}


@pytest.mark.parametrize("kind", NAMES)
def test_a_list_of_objects_has_every_name_and_a_summary(kind: str) -> None:
    entries = _listed(kind)
    assert list(entries) == NAMES[kind]
    assert all(entry.summary.endswith(".") and entry.kind for entry in entries.values())


@pytest.mark.parametrize("kind", NAMES)
def test_the_table_has_every_name(kind: str) -> None:
    output = CliRunner().invoke(app, ["list", kind], catch_exceptions=False).output
    for name in NAMES[kind]:
        assert f"\n{name} " in output


def test_without_a_kind_the_kinds_are_named() -> None:
    with pytest.raises(
        SpecError, match=r"^expected what to list, got none; there are transforms, spaces, suites, .*, recipes$"
    ):
        get_command(app)(["list"], standalone_mode=False)


@pytest.mark.parametrize("kind", NAMES)
def test_on_a_terminal_of_80_columns_nothing_is_cut(
    kind: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("COLUMNS", "80"), ("NO_COLOR", "1"), ("TERM", "dumb")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    get_command(app)(["list", kind], standalone_mode=False)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert not any("\u2026" in line for line in lines)
    for entry in _listed(kind).values():
        assert any(line.startswith(f"{entry.name}  ") for line in lines)
        for spec in entry.contains:
            assert f"  {spec}" in [line.rstrip() for line in lines]


def test_a_transform_comes_with_its_kind_ranges_and_source() -> None:
    entries = _listed("transforms")
    assert entries["sigmoid_contrast"] == Description(
        "sigmoid_contrast",
        "label_preserving",
        "S-shaped tone curve from black to white: a part of the logistic curve, stretched so that both ends stay.",
        (
            Parameter(
                "steepness",
                "float",
                required=True,
                range=ParameterRange(0.0, 20.0, identity=0.0),
                description="From 0, where the curve is a straight line and changes nothing, to 1000. "
                "20 nearly makes two tones.",
            ),
            Parameter(
                "middle",
                "float",
                default=0.5,
                range=ParameterRange(0.25, 0.75),
                description="The value in [0, 1] at which the curve is steepest.",
            ),
        ),
        source="Braun and Fairchild 1999, Journal of Electronic Imaging 8(4).",
    )
    for spec in suite("all").specs:
        facts = describe_transform(spec)
        assert entries[facts.spec.name].kind == facts.kind


@pytest.mark.parametrize("kind", ["transforms", "attacks", "datasets"])
def test_every_parameter_is_described(kind: str) -> None:
    for entry in _listed(kind).values():
        for parameter in entry.parameters:
            assert parameter.description.endswith("."), (entry.name, parameter.name)


def test_a_suite_comes_with_its_specs_and_a_recipe_with_what_it_sets() -> None:
    assert {name: entry.contains for name, entry in _listed("suites").items()} == {
        name: suite(name).specs for name in NAMES["suites"]
    }
    settings = {parameter.name: parameter.default for parameter in _listed("recipes")["accurate"].parameters}
    assert settings["network.dropout_pool"] == 0.25
    assert settings["epochs"] != Recipe("x").epochs


def test_another_package_s_transform_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "negatoscope_list_plugin.py").write_text(
        'def squash(images, *, factor: float = 2.0):\n    """Squash all values."""\n    return images / factor\n'
    )
    described = tmp_path / "negatoscope_list_plugin-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: negatoscope-list-plugin\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text("[negatoscope.transforms]\nsquash = negatoscope_list_plugin:squash\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(TRANSFORMS, "_functions", dict(TRANSFORMS._functions))
    monkeypatch.setattr(TRANSFORMS, "_discovered", False)
    entry = _listed("transforms")["squash"]
    assert (entry.kind, entry.summary, entry.parameters[0].default) == ("label_preserving", "Squash all values.", 2.0)


@pytest.mark.parametrize(
    ("kind", "hint"), [("transform", "did you mean 'transforms'?"), ("x" * 9, "there are transforms, spaces, suites, ")]
)
def test_an_unknown_kind_is_one_sentence(kind: str, hint: str) -> None:
    with pytest.raises(SpecError) as caught:
        CliRunner().invoke(app, ["list", kind], catch_exceptions=False)
    assert str(caught.value).startswith(f"expected what to list, got {kind!r}; {hint}")
