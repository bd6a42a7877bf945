import numpy as np
import pytest

from negatoscope.auditing.predictions import read_predictions
from negatoscope.errors import DataError
from negatoscope.rows import RowKey, RowReader, make_rows, write_rows

KEY = RowKey(dataset="made", split="test", classifier="made", transform="hue", seed=0)


def _write(folder, samples, **columns):
    samples = np.array(samples)
    needed = dict.fromkeys(("sample", "sample_hash", "label", "prediction", "label_rank"), samples)
    ones = np.ones(len(samples), dtype=np.float32)
    rows = make_rows(KEY, {**needed, "confidence": ones, "label_confidence": ones, **columns})
    write_rows(folder / f"{len(list(folder.glob('*')))}.parquet", [rows])


def test_the_rows_of_several_files_come_in_the_order_of_their_samples(tmp_path):
    for samples in ([3, 1], [0, 2]):
        _write(tmp_path, samples, track=np.array(samples) + 10, queries=np.array(samples) + 20)
    predictions = read_predictions(RowReader(tmp_path), "hue")
    for name in ("samples", "labels", "predictions", "label_ranks"):
        assert getattr(predictions, name).tolist() == [0, 1, 2, 3]
    assert predictions.tracks.tolist() == [10, 11, 12, 13]
    assert predictions.queries.tolist() == [20, 21, 22, 23]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (["hue(degrees=5.0)", None], None, ["hue(degrees=5.0)", "", "", ""]),
        (None, [None, "hue(degrees=7.0)"], ["", "", "", "hue(degrees=7.0)"]),
        (None, None, None),
    ],
)
def test_an_image_without_a_chosen_setting_has_an_empty_one_unless_none_has_any(tmp_path, first, second, expected):
    _write(tmp_path, [0, 1], parameters=first)
    _write(tmp_path, [2, 3], parameters=second)
    parameters = read_predictions(RowReader(tmp_path), "hue").parameters
    assert (None if parameters is None else parameters.tolist()) == expected


def test_tracks_that_one_file_lacks_are_known_of_no_image(tmp_path):
    _write(tmp_path, [0, 1], track=np.array([0, 0]))
    _write(tmp_path, [2, 3])
    assert read_predictions(RowReader(tmp_path), "hue").tracks is None


def test_a_transform_without_rows_is_a_data_error(tmp_path):
    _write(tmp_path, [0, 1])
    with pytest.raises(DataError, match="rows of negative"):
        read_predictions(RowReader(tmp_path), "negative")
