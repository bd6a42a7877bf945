"""Which classes keep their label is data: checked against the datasets, and overridable."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from negatoscope.data.sources import sources
from negatoscope.errors import InputError
from negatoscope.registry import Spec, parse_spec
from negatoscope.transforms import TRANSFORMS
from negatoscope.transforms.label_preserving import Annotation, annotate, packaged_rules
from negatoscope.transforms.suites import suite

Write = Callable[[str], Path]

COMMANDS = {
    "turn right ahead",
    "turn left ahead",
    "ahead only",
    "ahead or right",
    "ahead or left",
    "keep right",
    "keep left",
    "roundabout",
}


KNOWN = {name: source.class_names for name, source in sources().items()}


def preserved_classes(
    dataset: str, names: Sequence[str], spec: Spec, *, override: Path | None = None
) -> tuple[bool, ...]:
    return annotate(dataset, names, spec, override=override, known=KNOWN).preserved


def lost(dataset: str, spec: str, override: Path | None = None) -> set[str]:
    names = sources()[dataset.partition("(")[0]].class_names
    preserved = preserved_classes(dataset, names, TRANSFORMS.resolve(spec)[0], override=override)
    return {name for name, keeps in zip(names, preserved, strict=True) if not keeps}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return path

    return written


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist", "gtsrb"])
def test_every_rule_names_classes_of_its_dataset(dataset: str) -> None:
    names, rules = sources()[dataset].class_names, packaged_rules()[dataset].rules
    assert rules
    assert {len(rule.apply(names)) for rule in rules} == {len(names)}
    assert packaged_rules()[dataset].complete


@pytest.mark.parametrize("dataset", ["mnist", "mnist_sample", "fashion_mnist", "gtsrb"])
@pytest.mark.parametrize("spec", suite("all").specs)
def test_a_transform_of_a_suite_keeps_some_class_and_a_path_or_control_all(dataset: str, spec: str) -> None:
    if spec.startswith(("negative_path", "pixel_flips", "noise")):
        assert lost(dataset, spec) == set()
    preserved = set(sources()[dataset].class_names) - lost(dataset, spec)
    assert bool(preserved) == (spec != "solarize(threshold=0.5)" or dataset == "gtsrb")


@pytest.mark.parametrize("dataset", ["mnist", "mnist_sample", "fashion_mnist", "gtsrb", "gtsrb(prepare='paper')"])
@pytest.mark.parametrize(
    "spec", ["negative", "negative_sigmoid_contrast(steepness=5.0)", "gamma(exponent=2.0)", "grayscale"]
)
def test_tones_keep_every_class(dataset: str, spec: str) -> None:
    assert lost(dataset, spec) == set()


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("flip", {"2", "3", "4", "5", "6", "7", "9"}),
        ("flip(axis='top_bottom')", {"2", "4", "5", "6", "7", "9"}),
        ("rotation(degrees=-15)", set()),
        ("rotation(degrees=180)", {"2", "3", "4", "5", "6", "7", "9"}),
        ("rotation(degrees=-170)", {"2", "3", "4", "5", "6", "7", "9"}),
        ("rotation(degrees=90)", {"1", "2", "3", "4", "5", "6", "7", "8", "9"}),
        ("translation(right=0.1)", set()),
        ("translation(right=0.1, down=-0.2)", set("0123456789")),
        ("solarize(threshold=0)", set()),
        ("solarize(threshold=0.5)", set("0123456789")),
        ("solarize(threshold=1.01)", set()),
        ("edges", {"1"}),
        ("posterize(bits=1)", set()),
        ("contrast(factor=0.05)", set("0123456789")),
    ],
)
@pytest.mark.parametrize("dataset", ["mnist", "mnist_sample"])
def test_digits_keep_their_label_as_far_as_eyes_see_it(dataset: str, spec: str, expected: set[str]) -> None:
    assert lost(dataset, spec) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("hue_shift(degrees=15)", set()),
        ("hue_shift(degrees=90)", COMMANDS | {"no entry", "no vehicles"}),
        ("opposite_hue", COMMANDS | {"no entry", "no vehicles"}),
        ("channel_permutation(order='BGR')", COMMANDS | {"no entry", "no vehicles"}),
        ("channel_permutation(order='RBG')", COMMANDS),
        ("channel_permutation(order='GRB')", {"no entry", "no vehicles"}),
        ("luminance_negative", set()),
        ("saturation(factor=0)", set()),
        ("saturation_shift(amount=-1)", set()),
        ("saturation_shift(amount=0.3)", set()),
        ("saturation_shift(amount=0.6)", {"no overtaking", "no overtaking by lorries", "no vehicles", "no entry"}),
        ("rotation(degrees=15)", set()),
        ("edges", set()),
        ("posterize(bits=1)", set(sources()["gtsrb"].class_names)),
    ],
)
def test_signs_that_color_defines_lose_their_label_with_it(spec: str, expected: set[str]) -> None:
    assert lost("gtsrb", spec) == expected


def test_a_mirror_turns_left_into_right() -> None:
    found = lost("gtsrb", "flip")
    assert {"turn right ahead", "keep left", "bend left", "20 km/h", "end of 80 km/h"} <= found
    assert found.isdisjoint({"stop", "no entry", "priority road", "no vehicles", "ahead only", "roundabout", "danger"})
    assert len(found) == 19


def test_on_its_head_few_signs_are_what_they_were() -> None:
    every = set(sources()["gtsrb"].class_names)
    round_about = {"stop", "no vehicles", "roundabout"}
    assert every - lost("gtsrb", "rotation(degrees=45)") == round_about
    assert every - lost("gtsrb", "rotation(degrees=180)") == round_about | {
        "priority road",
        "no entry",
        "end of all limits",
    }


CATS = ("cat", "dog")


@pytest.mark.parametrize(
    ("spec", "basis"),
    [
        ("negative", "assumed"),
        ("gamma(exponent=0.5)", "assumed"),
        ("gamma(exponent=3.0)", "nothing"),
        ("contrast(factor=2.0)", "assumed"),
        ("contrast(factor=0.2)", "nothing"),
        ("brightness(factor=0.7)", "assumed"),
        ("sigmoid_contrast(steepness=5.0)", "assumed"),
        ("sigmoid_contrast(steepness=9.0)", "nothing"),
        ("posterize(bits=4)", "assumed"),
        ("posterize(bits=2)", "nothing"),
        ("translation(right=0.1)", "assumed"),
        ("translation(right=0.1, down=-0.2)", "nothing"),
        ("flip", "nothing"),
        ("solarize(threshold=0.5)", "nothing"),
        ("rotation(degrees=15.0)", "nothing"),
        ("edges", "nothing"),
        ("opposite_hue", "nothing"),
    ],
)
def test_of_data_that_nobody_annotated_little_is_assumed(spec: str, basis: str) -> None:
    found = annotate("folder:cats", CATS, TRANSFORMS.resolve(spec)[0], known=KNOWN)
    assert found == Annotation((True, True), basis)


def test_what_leaves_too_little_to_see_does_so_on_all_data() -> None:
    for spec in ("posterize(bits=1)", "translation(right=0.4)"):
        found = annotate("folder:cats", CATS, TRANSFORMS.resolve(spec)[0], known=KNOWN)
        assert found == Annotation((False, False), "annotated")


def test_every_assumption_has_a_reason() -> None:
    rules = packaged_rules()["assumed"].rules
    assert {rule.transform for rule in rules} > {"negative", "gamma"}
    assert all(rule.reason and rule.lost == () for rule in rules)


def test_what_a_user_says_is_annotated_and_the_rest_is_not(write: Write) -> None:
    mine = write('[["folder:cats".rules]]\ntransform = "flip"\nlost = ["dog"]\n')
    bases = {
        spec: annotate("folder:cats", CATS, TRANSFORMS.resolve(spec)[0], override=mine)
        for spec in ("flip", "negative", "edges")
    }
    assert bases["flip"] == Annotation((True, False), "annotated")
    assert (bases["negative"].basis, bases["edges"].basis) == ("assumed", "nothing")
    whole = write('["folder:cats"]\ncomplete = true\n')
    assert annotate("folder:cats", CATS, Spec("edges"), override=whole) == Annotation((True, True), "annotated")


def test_what_a_user_says_of_any_dataset_is_annotated_too(write: Write) -> None:
    mine = write('[[any.rules]]\ntransform = "rotation"\nlost = []\n[[any.rules]]\ntransform = "negative"\nlost = []\n')
    for spec in ("rotation(degrees=9.0)", "negative"):
        found = annotate("folder:cats", CATS, parse_spec(spec), override=mine)
        assert found == Annotation((True, True), "annotated")
    assumed = write('[[any.rules]]\ntransform = "flip"\nlost = []\n[[assumed.rules]]\ntransform = "edges"\nlost = []\n')
    with pytest.raises(InputError, match=r"^expected no \[assumed\] in .*, got one; state it under"):
        annotate("folder:cats", CATS, Spec("edges"), override=assumed)


SAME = '["folder:d"]\nsame_as = "mnist"\nclass_names = { zero = "0", one = "1", acht = "8", sept = "7" }\n'


def test_classes_of_ones_own_are_mapped_to_those_of_another_dataset(write: Write) -> None:
    names, mine = ("acht", "one", "sept", "zero", "3"), write(SAME)
    found = annotate("folder:d", names, parse_spec("flip"), override=mine, known=KNOWN)
    assert found == Annotation((True, True, False, True, False), "annotated")
    assert annotate("folder:d", names, parse_spec("edges"), override=mine, known=KNOWN).preserved[1] is False
    assert annotate("folder:d", names, parse_spec("negative"), override=mine, known=KNOWN).basis == "annotated"
    assert annotate("folder:d", names, parse_spec("grayscale"), override=mine, known=KNOWN).basis == "annotated"


def test_rules_of_ones_own_use_ones_own_names_before_those_of_the_other_dataset(write: Write) -> None:
    mine = write(f'{SAME}[["folder:d".rules]]\ntransform = "flip"\nlost = ["acht"]\n')
    names = ("acht", "one", "sept", "zero")
    assert annotate("folder:d", names, Spec("flip"), override=mine, known=KNOWN).preserved == (False, True, True, True)


@pytest.mark.parametrize(
    ("names", "text", "sentence"),
    [
        (
            ("one", "plus"),
            '["folder:d"]\nsame_as = "mnist"\nclass_names = { one = "1" }',
            r"expected a class of mnist for each of folder:d, got 'plus' for 'plus'; say under class_names which of 0,",
        ),
        (
            ("one",),
            '["folder:d"]\nsame_as = "mnist"\nclass_names = { one = "I" }',
            "expected a class of mnist for each of folder:d, got 'I' for 'one'; say under",
        ),
        (
            ("one",),
            '["folder:d"]\nsame_as = "mnist"\nclass_names = { one = "1", tow = "2" }',
            "expected names of classes of folder:d under class_names, got 'tow'; correct it",
        ),
        (
            ("one",),
            '["folder:e"]\nsame_as = "mnist"',
            r'expected rules for folder:d in .*mine\.toml, got those for folder:e; name the table \["folder:d"\]',
        ),
    ],
)
def test_a_class_without_its_like_and_a_file_on_other_data_are_one_sentence(
    write: Write, names: tuple[str, ...], text: str, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        annotate("folder:d", names, Spec("flip"), override=write(text), known=KNOWN)


def test_a_users_rules_come_first(write: Write) -> None:
    mine = write('[[mnist.rules]]\ntransform = "flip"\nlost = ["7"]\n')
    assert lost("mnist", "flip", mine) == {"7"}
    assert lost("mnist_sample", "flip", mine) == {"7"}
    assert lost("mnist", "edges", mine) == {"1"}


def test_a_users_dataset_can_be_the_same_as_another(write: Write) -> None:
    mine = write('["folder:digits"]\nsame_as = "mnist"\n[["folder:digits".rules]]\ntransform = "edges"\nlost = []\n')
    digits = tuple("0123456789")
    assert preserved_classes("folder:digits", digits, parse_spec("edges"), override=mine) == (True,) * 10
    assert sum(preserved_classes("folder:digits", digits, parse_spec("flip"), override=mine)) == 3


def test_tables_that_are_each_other_end(write: Write) -> None:
    mine = write('[mnist]\nsame_as = "mnist_sample"\n')
    assert lost("mnist", "negative", mine) == set()


def test_a_rule_for_any_dataset_of_the_user_comes_before_the_packages(write: Write) -> None:
    mine = write('[[any.rules]]\ntransform = "posterize"\nlost = ["a"]\n')
    assert preserved_classes("folder:x", ("a", "b"), parse_spec("posterize(bits=1)"), override=mine) == (False, True)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x", r"^expected label-preserving rules as TOML in .*mine\.toml, got a file that is not: "),
        ("mnist = 3", r"^\[mnist\] of .*mine\.toml: expected DatasetRules to be a table, got 3$"),
        ("[mnist]\nsame_as = 3", r"mine\.toml: expected same_as to be a text, got 3$"),
        ("[[mnist.rules]]\nlost = []", r"mine\.toml: expected rules\.0\.transform, which is missing$"),
        (
            '[[mnist.rules]]\ntransform = "edges"\nlots = []',
            r"mine\.toml: expected no 'rules\.0\.lots'; did you mean 'lost'\?$",
        ),
        (
            '[[mnist.rules]]\ntransform = "edges"\nlost = []\npreserved = []',
            r"mine\.toml: expected either preserved or lost in a rule for edges, got both$",
        ),
        (
            '[[mnist.rules]]\ntransform = "edges"',
            r"expected either preserved or lost in a rule for edges, got neither$",
        ),
        ('[[mnist.rules]]\ntransform = "edges"\nlost = "7"', r"expected rules\.0\.lost to be .*'all', got '7'$"),
        (
            '[[mnist.rules]]\ntransform = "edges"\nlost = ["x"]',
            r"^expected names of classes in a rule for edges, got 'x'; ",
        ),
        (
            '[[mnist.rules]]\ntransform = "edge"\nlost = []',
            r"mine\.toml: expected the name of a transform, got 'edge'; did you ",
        ),
        (
            '[[mnist.rules]]\ntransform = "gamma"\nwhere = { exponant = 1 }\nlost = []',
            r"mine\.toml: expected parameters of gamma under where in its rule, got 'exponant'$",
        ),
    ],
)
def test_a_file_of_another_form_is_one_sentence(write: Write, text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        preserved_classes("mnist", tuple("0123456789"), Spec("edges"), override=write(text))


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^expected label-preserving rules in .*none\.toml, but it cannot be read: "):
        preserved_classes("mnist", tuple("0123456789"), Spec("edges"), override=tmp_path / "none.toml")
