import numpy as np
import pyarrow as pa
import pytest

from negatoscope.arrow import arrow_numbers, arrow_texts


@pytest.mark.parametrize("texts", [[], ["a", None, "ü"], [None], ["", "b"] * 9])
def test_texts_are_those_of_arrow_itself(texts: list[str | None]) -> None:
    made = arrow_texts(texts)
    made.validate(full=True)
    assert made.equals(pa.array(texts, pa.string()))


@pytest.mark.parametrize("kind", [pa.int16(), pa.int64(), pa.float32()])
def test_numbers_are_those_of_arrow_itself_whatever_their_layout(kind: pa.DataType) -> None:
    for values in (np.arange(6), np.arange(12)[::2], np.array([], dtype=np.uint8)):
        assert arrow_numbers(values, kind).equals(pa.array(values, kind))


@pytest.mark.parametrize(
    ("values", "error"),
    [
        (np.array([2**15]), pa.ArrowInvalid),
        (np.array([0.5]), pa.ArrowInvalid),
        (np.array(["a"]), pa.ArrowTypeError),
        (np.array([None]), pa.ArrowNotImplementedError),
    ],
)
def test_what_does_not_fit_is_refused(values: np.ndarray, error: type[Exception]) -> None:
    with pytest.raises(error):
        arrow_numbers(values, pa.int16())
