"""A spec string is the one name of a configured thing, and registries find what modules and other packages add."""

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from negatoscope.attacks import ATTACKS, resolve_attack
from negatoscope.descriptions import coerced
from negatoscope.errors import InputError, SpecError
from negatoscope.registry import Registry, Spec, parse_spec
from negatoscope.transforms import TRANSFORMS, describe_transform

names = st.from_regex(r"[a-z][a-z_0-9]{0,9}", fullmatch=True).filter(lambda name: _parses(name))
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
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
        "negative(a=" + "9" * 400 + ")",
        "negative(a=-" + "9" * 400 + ")",
        "negative(a=0x" + "f" * 10_000 + ")",
        "negative(a=[1, (" + "9" * 400 + ",)])",
        "negative(a=1e999)",
        "negative(a=-1e999)",
        "negative(a=[1e999])",
        "negative(a='\\0')",
        "negative(a='\\ud800')",
        "negative(a='\\d')",
        "negative(a=b'1')",
        "negative(a=1j)",
        "negative(a={1})",
        "negative(a={1: 2})",
        "negative(a=...)",
        "negative(" + "a" * 100_000 + "=b)",
    ],
    ids=lambda text: ascii(text[:30]),
)
def test_what_is_no_spec_is_one_sentence(text: str) -> None:
    with pytest.raises(SpecError, match=r"^expected a spec such as name or name\(key=0\.5\), got "):
        parse_spec(text)


VALUES = [
    *["9" * 400, "-" + "9" * 400, "0x" + "f" * 5000, "1e999", "-1e999", "1e308", "5e-324", "-0.0", "0", "2", "True"],
    *["None", "b'1'", "1j", "{1}", "{1: 2}", "{[]: 1}", "...", "[]", "[[1], [2]]", "((1,), [2])", "[" * 99 + "]" * 99],
    *["'R'", "'\\0'", "'\\ud800'", "'a' * 9", "f'{1}'", "x", "1 if 1 else 2", "lambda: 0", "'" + "a" * 10_000 + "'"],
    *["9223372036854775808", "-9223372036854775809", "nan", "inf", "1_000", "'left_right'", "''", "[0.5] * 3"],
]
NAMES = [*TRANSFORMS.names(), *ATTACKS.names(), "x", "", "negative negative", "ﬁt"]
KEYS = ["epsilon", "steps", "a", "", *sorted({key for name in TRANSFORMS.names() for key in TRANSFORMS.settings(name)})]


@settings(max_examples=400)
@given(
    name=st.sampled_from(NAMES),
    arguments=st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)), max_size=3),
    mutation=st.none() | st.tuples(st.integers(0, 60), st.text(max_size=3)),
)
def test_whatever_a_spec_s_text_holds_is_resolved_or_refused_in_one_sentence(
    name: str, arguments: list[tuple[str, str]], mutation: tuple[int, str] | None
) -> None:
    text = f"{name}({', '.join(f'{key}={value}' for key, value in arguments)})"
    if mutation:
        place, inserted = mutation
        text = text[:place] + inserted + text[place + 1 :]
    for registry in (TRANSFORMS, ATTACKS):
        with suppress(SpecError):
            spec, _ = registry.resolve(text)
            assert registry.resolve(str(spec))[0] == spec
    for resolve in (describe_transform, resolve_attack):
        assert len(_sentence(resolve, text)) < 1000


def _sentence(resolve: Callable[[str], object], text: str) -> str:
    """What an error says, empty where there is none."""
    try:
        resolve(text)
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("annotation", "given", "coerced_to"),
    [
        (float | None, 2, 2.0),
        (float | None, None, None),
        (None | Literal["a"], "a", "a"),
        (Annotated[float, "unit"], -0.0, 0.0),
        (tuple[int, ...], (1, 2), (1, 2)),
        (Any, [1], [1]),
        (Literal[1, 2], 2, 2),
    ],
    ids=str,
)
def test_a_literal_of_the_annotated_type_is_taken(annotation: Any, given: object, coerced_to: object) -> None:
    assert repr(coerced(given, annotation)) == repr(coerced_to)


@pytest.mark.parametrize(
    ("annotation", "given"),
    [
        (float | None, "a"),
        (int | None, True),
        (int, 2.0),
        (tuple[int, ...], [1]),
        (Literal[1], True),
        (Literal["a"], []),
    ],
    ids=str,
)
def test_a_literal_of_another_type_is_not(annotation: Any, given: object) -> None:
    with pytest.raises(TypeError):
        coerced(given, annotation)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("negative()", "negative"),
        (" negative\n", "negative"),
        ("pgd(epsilon = 0.10)", "pgd(epsilon=0.1)"),
        ("pgd(epsilon=1)", "pgd(epsilon=1.0)"),
        ("rotation(degrees=-0.0)", "rotation(degrees=0.0)"),
        ("pgd(steps=40, epsilon=.1)", "pgd(epsilon=0.1, steps=40)"),
        ("pgd(epsilon=0.1, steps=20, random_start=True, seed=0, step_size=0)", "pgd(epsilon=0.1)"),
    ],
)
def test_specs_of_one_thing_have_one_canonical_text(text: str, canonical: str) -> None:
    registry: Registry[Any] = ATTACKS if text.startswith("pgd") else TRANSFORMS
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


def test_a_function_without_settings_is_described_as_such() -> None:
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


@pytest.fixture
def plugin(registry: Registry[Any], tmp_path: Path) -> Path:
    """The module of another package that adds a shape."""
    described = tmp_path / "negatoscope_test_plugin-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: negatoscope-test-plugin\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text("[negatoscope.shapes]\nsqueeze = negatoscope_test_plugin:squeeze\n")
    return tmp_path / "negatoscope_test_plugin.py"


def test_another_package_adds_a_name_through_its_entry_point(registry: Registry[Any], plugin: Path) -> None:
    plugin.write_text("def squeeze(images, *, factor: float = 2.0):\n    return factor\n")
    assert registry.names() == ["squeeze", "stretch"]
    assert registry.resolve("squeeze(factor=3)")[1](None) == 3.0


def test_a_package_that_cannot_be_imported_is_named_every_time(registry: Registry[Any], plugin: Path) -> None:
    plugin.write_text("import negatoscope_test_missing\n")
    sentence = "^expected to import the shape 'squeeze' of the package negatoscope-test-plugin, got ModuleNotFound"
    for _ in range(2):
        with pytest.raises(SpecError, match=sentence):
            registry.names()
