"""What a classifier wants is said in the same words in options, in Python and in TOML, and contradictions are found."""

from pathlib import Path
from typing import Any

import pytest

from negatoscope.errors import InputError
from negatoscope.models.told import load_told, read_told
from negatoscope.models.wants import Wants
from negatoscope.pixels import Fit

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


def _wants(**changed: Any) -> Wants:
    return Wants.from_dict(read_told(GRAY | changed), name="it")


def test_options_and_toml_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "wants.toml").write_text(TOML)
    wants = Wants.from_dict(read_told(OPTIONS), name="it")
    assert Wants.from_dict(load_told(tmp_path / "wants.toml"), name="it") == wants
    assert wants.fit == Fit(224, 160, "rgb", resample="bicubic", method="crop", crop_share=0.875)
    assert (wants.mean, wants.std, wants.data_classes) == ((104, 117, 123), (58,), 2)


@pytest.mark.parametrize("changed", [{}, {"mean": 0.5, "std": "0.25"}, {"batch": 7}, {"dtype": "uint8"}], ids=str)
def test_plain_data_come_back_as_the_same(changed: dict[str, Any]) -> None:
    wants = _wants(**changed)
    assert Wants.from_dict(read_told(wants.to_dict()), name="it") == wants


def test_an_option_stands_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "wants.toml").write_text(TOML)
    told = read_told({"wants": tmp_path / "wants.toml", "layout": "NCHW", "range": None})
    assert (told["layout"], told["range"], told["size"]) == ("NCHW", "0..255", (224, 160))


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
        ({"channel_order": "BGR"}, "expected channel_order to be left out for grey images"),
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
        Wants.from_dict(read_told({key: value for key, value in GRAY.items() if key != missing}), name="net.onnx")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"size = ", "got a file that is not"),
        (b"\xff", "got a file that is not"),
        (b"sise = 3", "wants.toml: expected"),
    ],
)
def test_a_bad_file_is_one_sentence(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "wants.toml").write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        load_told(tmp_path / "wants.toml")
    with pytest.raises(InputError, match="cannot be read"):
        load_told(tmp_path / "missing.toml")
