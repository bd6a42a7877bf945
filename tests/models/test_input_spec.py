"""What a classifier wants is said in the same words in options, in Python and in TOML, and contradictions are found."""

from pathlib import Path
from typing import Any

import pytest

from negatoscope.errors import InputError
from negatoscope.models.input_spec import InputSpec
from negatoscope.models.options import load_config, read_options
from negatoscope.pixels import ResizeSpec

OPTIONS = {
    "size": "224x160",
    "channels": "rgb",
    "channel_order": "BGR",
    "layout": "NHWC",
    "range": "0..255",
    "mean": "104,117,123",
    "std": "58",
    "resize": "bicubic",
    "fit": "crop",
    "crop_share": 0.875,
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
resize = "bicubic"
fit = "crop"
crop_share = 0.875
output = "probabilities"
output_name = "scores"
classes = 1001
class_map = [1, 2]
"""
GRAY = {"size": 28, "channels": "gray", "classes": 10}


def _wants(**changed: Any) -> InputSpec:
    return InputSpec.from_dict(read_options(GRAY | changed), name="it")


def test_options_and_toml_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "input_spec.toml").write_text(TOML)
    input_spec = InputSpec.from_dict(read_options(OPTIONS), name="it")
    assert InputSpec.from_dict(load_config(tmp_path / "input_spec.toml"), name="it") == input_spec
    assert input_spec.fit == ResizeSpec(224, 160, "rgb", resample="bicubic", method="crop", crop_share=0.875)
    assert (input_spec.mean, input_spec.std, input_spec.data_classes) == ((104, 117, 123), (58,), 2)


@pytest.mark.parametrize("changed", [{}, {"mean": 0.5, "std": "0.25"}, {"batch": 7}, {"dtype": "uint8"}], ids=str)
def test_plain_data_come_back_as_the_same(changed: dict[str, Any]) -> None:
    input_spec = _wants(**changed)
    assert InputSpec.from_dict(read_options(input_spec.to_dict()), name="it") == input_spec


def test_an_option_stands_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "input_spec.toml").write_text(TOML)
    options = read_options({"input_spec": tmp_path / "input_spec.toml", "layout": "NCHW", "range": None})
    assert (options["layout"], options["range"], options["size"]) == ("NCHW", "0..255", (224, 160))


def test_whole_numbers_are_taken_as_0_to_255_without_being_told() -> None:
    assert _wants(dtype="uint8").range == "0..255"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"layuot": "NCHW"}, "got 'layuot'; did you mean 'layout'"),
        ({"size": "big"}, "expected size to be a whole number of pixels, or two .*, got 'big'"),
        ({"size": 0}, "got 0$"),
        ({"mean": "0.1;0.2"}, "expected mean to be one number or one for each channel"),
        ({"channels": "grey"}, "expected channels to be one of gray, rgb, got 'grey'"),
        ({"range": "0..2"}, r"expected range to be one of 0..1, 0..255, -1..1, got '0..2'"),
        ({"mean": "0.1,0.2"}, r"expected mean to have 1 or 1 numbers, got \(0.1, 0.2\)"),
        ({"mean": "nan"}, "expected mean to be finite"),
        ({"std": 0.0}, "expected std not to be 0"),
        ({"channel_order": "BGR"}, "expected channel_order to be left out for gray images"),
        ({"channels": "rgb", "layout": "NHW"}, "for colour images, got NHW"),
        ({"dtype": "uint8", "range": "0..1"}, r"expected range to be 0..255 for uint8, got 0..1"),
        ({"dtype": "uint8", "mean": 0.5}, "expected mean and std to be left out for uint8"),
        ({"class_map": [1, 10]}, r"expected class_map to name outputs from 0 to 9, got \[10\]"),
        ({"class_map": [1.5]}, "expected class_map to be a list of output numbers"),
        ({"classes": 1}, "expected classes of at least 2, got 1"),
        ({"fit": "crop", "crop_share": 0}, "crop_share"),
    ],
    ids=str,
)
def test_what_cannot_be_is_one_sentence(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        _wants(**changed)


@pytest.mark.parametrize("missing", ["size", "channels", "classes"])
def test_what_nobody_says_is_asked_for(missing: str) -> None:
    with pytest.raises(InputError, match=f"^expected --{missing} for net.onnx, whose file does not say it; give it$"):
        InputSpec.from_dict(
            read_options({key: value for key, value in GRAY.items() if key != missing}), name="net.onnx"
        )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"size = ", "got a file that is not"),
        (b"\xff", "got a file that is not"),
        (b"sise = 3", "input_spec.toml: expected"),
    ],
)
def test_a_bad_file_is_one_sentence(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "input_spec.toml").write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        load_config(tmp_path / "input_spec.toml")
    with pytest.raises(InputError, match="cannot be read"):
        load_config(tmp_path / "missing.toml")
