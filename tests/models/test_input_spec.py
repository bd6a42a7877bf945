"""What a classifier expects has the same words in options, Python and TOML, and contradictions are found."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from negatoscope.documents import from_plain, to_plain
from negatoscope.errors import InputError
from negatoscope.models.input_spec import InputSpec
from negatoscope.models.options import ModelOptions, options_of_others, read_options
from negatoscope.pixels import ResizeSpec

OPTIONS = {
    "size": "224x160",
    "channels": "rgb",
    "channel_order": "BGR",
    "layout": "NHWC",
    "range": "0..255",
    "mean": "104,117,123",
    "std": "58",
    "interpolation": "bicubic",
    "resize_mode": "crop",
    "crop_pct": 0.875,
    "output": "probabilities",
    "output_name": "scores",
    "classes": 1001,
    "class_map": (1, 2),
}
TOML = """
size = [224, 160]
channels = "rgb"
channel_order = "BGR"
layout = "NHWC"
range = "0..255"
mean = [104, 117.0, 123]
std = 58
interpolation = "bicubic"
resize_mode = "crop"
crop_pct = 0.875
output = "probabilities"
output_name = "scores"
classes = 1001
class_map = [1, 2]
"""
GRAY = {"size": 28, "channels": "gray", "classes": 10}


def _input_spec(**changed: Any) -> InputSpec:
    return InputSpec.from_options(read_options(GRAY | changed), name="it")


def test_options_and_toml_give_the_same_input_spec(tmp_path: Path) -> None:
    (tmp_path / "model.toml").write_text(TOML)
    input_spec = InputSpec.from_options(read_options(OPTIONS), name="it")
    assert read_options({"config": tmp_path / "model.toml"}) == read_options(OPTIONS)
    assert input_spec.resize == ResizeSpec(224, 160, "rgb", interpolation="bicubic", mode="crop", crop_pct=0.875)
    assert (input_spec.mean, input_spec.std, input_spec.data_classes) == ((104, 117, 123), (58,), 2)


@pytest.mark.parametrize("changed", [{}, {"mean": 0.5, "std": "0.25"}, {"batch": 7}, {"dtype": "uint8"}], ids=str)
def test_a_document_comes_back_as_the_same(changed: dict[str, Any]) -> None:
    input_spec = _input_spec(**changed)
    assert from_plain(to_plain(input_spec), InputSpec) == input_spec


def test_an_option_stands_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "model.toml").write_text(TOML)
    options = read_options({"config": tmp_path / "model.toml", "layout": "NCHW", "range": None})
    assert (options.layout, options.range, options.size) == ("NCHW", "0..255", (224, 160))


@pytest.mark.parametrize(
    ("class_map", "expected"),
    [
        ((2, 0), (2, 0)),
        ([], ()),
        ("1..4", (1, 2, 3, 4)),
        ("4, 7,9", (4, 7, 9)),
        ("+1", "+1"),
        ("labels.txt", "labels.txt"),
        (Path("labels.txt"), "labels.txt"),
    ],
    ids=str,
)
def test_outputs_are_listed_by_number_or_named_by_a_text(class_map: object, expected: object) -> None:
    assert read_options({"class_map": class_map}) == ModelOptions(class_map=expected)  # type: ignore[arg-type]


def test_the_numbers_of_numpy_are_numbers() -> None:
    options = read_options({"mean": np.float32(0.5), "std": np.array([0.25, 0.5, 1.0])})
    assert (options.mean, options.std) == ((0.5,), (0.25, 0.5, 1.0))


def test_whole_numbers_are_taken_as_0_to_255_without_being_asked() -> None:
    assert _input_spec(dtype="uint8").range == "0..255"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"layuot": "NCHW"}, "expected no 'layuot'; did you mean 'layout'"),
        ({"size": "big"}, "expected size to be a whole number of pixels, or two .*, got 'big'"),
        ({"size": 0}, "got 0$"),
        ({"mean": "0.1;0.2"}, "expected mean to be one number or one for each channel"),
        ({"channels": "grey"}, "expected channels to be 'gray' or 'rgb', got 'grey'"),
        ({"range": "0..2"}, r"expected range to be '0..1', '0..255' or '-1..1', got '0..2'"),
        ({"mean": "0.1,0.2"}, r"expected mean to have 1 number for gray images, got \(0.1, 0.2\)"),
        ({"mean": "nan"}, "expected mean to be finite"),
        ({"std": 0.0}, "expected std not to be 0"),
        ({"channel_order": "BGR"}, "expected channel_order to be left out for gray images"),
        ({"channels": "rgb", "layout": "NHW"}, "for color images, got NHW"),
        ({"dtype": "uint8", "range": "0..1"}, r"expected range to be 0..255 for uint8, got 0..1"),
        ({"dtype": "uint8", "mean": 0.5}, "expected mean and std to be left out for uint8"),
        ({"class_map": [1, 10]}, r"expected class_map to name outputs from 0 to 9, got \[10\]"),
        ({"class_map": [4, 4, 9]}, r"expected class_map to name each output once, got \[4\] more than once"),
        ({"class_map": [1.5]}, "expected class_map to be a list of output numbers"),
        ({"class_map": "0..99999999999"}, "expected class_map to be a list of output numbers"),
        ({"classes": "ten"}, "expected classes to be a whole number, got 'ten'"),
        ({"size": [28, 28, 3]}, r"expected size to be a whole number of pixels, or two .*, got \[28, 28, 3\]"),
        ({"size": 2.5}, "expected size to be a whole number of pixels"),
        ({"mean": 10**400}, "expected mean to be one number or one for each channel"),
        ({"mean": True}, "expected mean to be one number or one for each channel"),
        ({"config": 3}, "expected config to be the path of a TOML file, got 3"),
        ({"classes": 1}, "expected classes of at least 2, got 1"),
        ({"resize_mode": "crop", "crop_pct": 0}, "crop_"),
    ],
    ids=str,
)
def test_what_cannot_be_is_one_sentence(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        _input_spec(**changed)


NAMES = [*(field.name for field in fields(ModelOptions)), "config", "x", ""]
SINGLE = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters()), st.binary()),
    st.sampled_from(["224x160", "0x0", "5..1", "1..99999999999", "+1", "1,,2", "9" * 5000, "1e400", "nan", "٣", "rgb"]),
    st.sampled_from([10**400, Path("x"), Path("/dev/null"), Path("/"), np.float32(1), np.ones(2), object(), {1}]),
    st.just(1).map(lambda one: one << 20_000),  # more digits than Python writes
)
VALUES = st.recursive(
    SINGLE,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@settings(max_examples=300)
@given(values=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6))
def test_whatever_is_given_is_taken_or_refused_in_one_sentence(values: dict[str, object]) -> None:
    try:
        InputSpec.from_options(read_options(values), name="it")
    except InputError as error:
        sentence = str(error)
    else:
        return
    assert "\n" not in sentence


@pytest.mark.parametrize("missing", ["size", "channels", "classes"])
def test_what_nobody_declares_is_asked_for(missing: str) -> None:
    with pytest.raises(InputError, match=f"^expected --{missing} for net.onnx, whose file does not say it; give it$"):
        InputSpec.from_options(
            read_options({key: value for key, value in GRAY.items() if key != missing}), name="net.onnx"
        )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"size = ", "got a file that is not"),
        (b"\xff", "got a file that is not"),
        (b"sise = 3", "model.toml: expected"),
        (b"config = 'other.toml'", "model.toml: expected no config inside a file of options, got 'other.toml'"),
    ],
)
def test_a_bad_file_is_one_sentence(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "model.toml").write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        read_options({"config": tmp_path / "model.toml"})
    with pytest.raises(InputError, match="cannot be read"):
        read_options({"config": str(tmp_path / "missing.toml")})


def test_models_beside_it_take_what_it_expects_but_nothing_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "model.toml").write_text('name = "one"\noutput_name = "scores"\nsize = 28\nmean = 0.5\n')
    given = {"config": str(tmp_path / "model.toml"), "weights_key": "a", "mean": 0.1}
    assert options_of_others(given) == {"size": (28, 28), "mean": (0.1,)}
    assert read_options(options_of_others(given)).given == options_of_others(given)
