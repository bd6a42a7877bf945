"""A spec string is the one name of a configured thing, and registries find what modules and other packages add."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negatoscope.attacks import ATTACKS
from negatoscope.errors import SpecError
from negatoscope.registry import Registry, Spec, parse_spec
from negatoscope.transforms import TRANSFORMS

names = st.from_regex(r"[a-z][a-z_0-9]{0,9}", fullmatch=True).filter(lambda name: _parses(name))
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
literals = st.recursive(plain, lambda inner: st.lists(inner) | st.lists(inner).map(tuple), max_leaves=5)


def _parses(name: str) -> bool:
    """Whether it is no keyword of Python."""
    try:
        return parse_spec(name).name == name
    except SpecError:
        return False


@given(name=names, arguments=st.dictionaries(names, literals, max_size=4))
def test_a_spec_survives_its_own_text(name: str, arguments: dict[str, object]) -> None:
    spec = Spec(name, arguments)
    assert parse_spec(str(spec)) == spec


@given(text=st.text())
def test_any_text_is_a_spec_or_a_spec_error(text: str) -> None:
    with suppress(SpecError):
        assert parse_spec(str(parse_spec(text))).name == parse_spec(text).name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "negative(",
        "1",
        "negative(1)",
        "negative(*[1])",
        "negative(**{'a': 1})",
        "negative(a=b)",
        "negative(a=1, a=2)",
        "negative(a={[]: 1})",
        "negative(a={{}})",
        "negative(a=f'{1}')",
        "negative(a=1)(b=2)",
        "tone.negative",
        "lambda: 0",
        "None",
        "negative(a=__import__('os').getcwd())",
        "negative(a=" + "[" * 10_000,
        "negative(a=" + "-" * 100_000 + "1)",
        "negative(a=" + "9" * 10_000 + ")",
        "negative\0",
        "\ud800",
    ],
    ids=lambda text: ascii(text[:30]),
)
def test_what_is_no_spec_is_one_sentence(text: str) -> None:
    with pytest.raises(SpecError, match=r"^expected a spec such as name or name\(key=0\.5\), got "):
        parse_spec(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("negative()", "negative"),
        (" negative\n", "negative"),
        ("pgd(epsilon = 0.10)", "pgd(epsilon=0.1)"),
        ("pgd(epsilon=1)", "pgd(epsilon=1.0)"),
        ("pgd(steps=40, epsilon=.1)", "pgd(epsilon=0.1, steps=40)"),
        ("pgd(epsilon=0.1, steps=20, random_start=True, seed=0, step_size=0)", "pgd(epsilon=0.1)"),
    ],
)
def test_specs_of_one_thing_have_one_canonical_text(text: str, canonical: str) -> None:
    registry: Registry[Any] = TRANSFORMS if text.strip().startswith("negative") else ATTACKS
    assert str(registry.resolve(text)[0]) == canonical
    assert str(registry.resolve(canonical)[0]) == canonical


def stretch(
    images: float, *, factor: Annotated[float, "above 0"], kind: Literal["linear", "log"] = "linear", steps: int = 1
) -> tuple[float, float, str, int]:
    return images, factor, kind, steps


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry[Any]:
    """A registry of a package that has one module and registers `stretch`."""
    package = tmp_path / "negatoscope_test_shapes"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "loud.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    for name in list(sys.modules):
        if name.startswith(package.name):
            monkeypatch.delitem(sys.modules, name)
    made: Registry[Any] = Registry("shape", package.name)
    made.register(stretch)
    return made


def test_a_spec_binds_its_arguments(registry: Registry[Any]) -> None:
    spec, function = registry.resolve("stretch(kind='log', factor=2)")
    assert function(5.0) == (5.0, 2.0, "log", 1)
    assert type(function(5.0)[1]) is float
    assert str(spec) == "stretch(factor=2.0, kind='log')"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("stretch", r"^expected factor in 'stretch'; write stretch\(factor=\.\.\.\)$"),
        ("stretch(factr=1)", r"^expected an argument of stretch, got 'factr'; it takes factor, kind, steps$"),
        ("stretch(images=1, factor=1)", r"^expected an argument of stretch, got 'images'"),
        ("stretch(factor='1')", r"^expected factor of stretch to be float, got '1'$"),
        ("stretch(factor=True)", r"^expected factor of stretch to be float, got True$"),
        ("stretch(factor=None)", r"^expected factor of stretch to be float, got None$"),
        ("stretch(factor=1, steps=2.0)", r"^expected steps of stretch to be int, got 2\.0$"),
        ("stretch(factor=1, steps=True)", r"^expected steps of stretch to be int, got True$"),
        ("stretch(factor=1, kind='cubic')", r"^expected kind of stretch to be one of 'linear', 'log', got 'cubic'$"),
        ("stretch(factor=1, kind=[])", r"^expected kind of stretch to be one of 'linear', 'log', got \[\]$"),
        ("strech(factor=1)", r"^expected the name of a shape, got 'strech'; did you mean 'stretch'\?$"),
        ("quench", r"^expected the name of a shape, got 'quench'; there are stretch$"),
    ],
)
def test_an_impossible_spec_is_one_sentence(registry: Registry[Any], text: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        registry.resolve(text)


def test_a_function_without_settings_says_so() -> None:
    with pytest.raises(SpecError, match=r"^expected an argument of negative, got 'a'; it takes none$"):
        TRANSFORMS.resolve("negative(a=1)")


def test_modules_are_imported_when_a_name_is_first_asked_for(registry: Registry[Any]) -> None:
    assert "negatoscope_test_shapes.loud" not in sys.modules
    assert registry.names() == ["stretch"]
    assert "negatoscope_test_shapes.loud" in sys.modules


def test_a_name_is_taken_once(registry: Registry[Any]) -> None:
    def other() -> None:
        """A function of another module under the same name."""

    other.__name__, other.__module__ = "stretch", "elsewhere"
    with pytest.raises(SpecError, match=rf"^expected a new shape name, got 'stretch', which {__name__} has$"):
        registry.register(other)
    assert registry.get("stretch") is stretch
    assert registry.register(stretch) is stretch


def test_another_package_adds_a_name_through_its_entry_point(registry: Registry[Any], tmp_path: Path) -> None:
    (tmp_path / "negatoscope_test_plugin.py").write_text(
        "def squeeze(images, *, factor: float = 2.0):\n    return factor\n"
    )
    described = tmp_path / "negatoscope_test_plugin-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: negatoscope-test-plugin\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text("[negatoscope.shapes]\nsqueeze = negatoscope_test_plugin:squeeze\n")
    assert registry.names() == ["squeeze", "stretch"]
    assert registry.resolve("squeeze(factor=3)")[1](None) == 3.0
