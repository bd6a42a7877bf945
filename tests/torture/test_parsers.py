"""The parsers that are written here read any bytes, or refuse them: a little of what fuzzing tries by the million."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
from torture import parsers
from torture.mutations import mutate_bytes, mutate_text
from torture.parsers import PARSERS
from torture.samples import Samples

from negatoscope.data.idx import read_idx
from negatoscope.errors import DataError
from negatoscope.registry import Spec, parse_spec

NAMES = ("idx", "gtsrb csv", "specs", "class maps")
pytestmark = pytest.mark.usefixtures("unchecked")


@pytest.mark.parametrize("name", NAMES)
def test_what_users_write_is_read(name: str, tmp_path: Path) -> None:
    parser = PARSERS[name]
    assert all(parser(content, tmp_path) for content in parser.seeds(Samples(tmp_path)))


@pytest.mark.parametrize("name", NAMES)
def test_of_any_bytes_what_is_read_is_what_is_promised_and_the_rest_is_refused(name: str, tmp_path: Path) -> None:
    parser, choose, read = PARSERS[name], Random(name), list[bool]()
    for _ in range(200):
        content = choose.choice(parser.seeds(Samples(tmp_path)))
        for _ in range(choose.choice((1, 1, 3))):
            content = choose.choice((mutate_bytes, mutate_text))(content, choose)
        read.append(parser(content, tmp_path))
    assert set(read) == {True, False}


def test_a_parser_that_gives_another_value_or_another_error_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    idx, spec = parsers.IDX[0], b"gamma(exponent=2.0)"
    monkeypatch.setattr(parsers, "read_idx", lambda path: read_idx(path)[..., ::-1])
    with pytest.raises(AssertionError):
        PARSERS["idx"](idx, tmp_path)
    monkeypatch.setattr(parsers, "read_idx", lambda path: np.full((2, 0), read_idx(path)[5]))
    with pytest.raises(IndexError):
        PARSERS["idx"](idx, tmp_path)
    monkeypatch.setattr(parsers, "parse_spec", lambda text: Spec(f"{parse_spec(text).name}_"))
    with pytest.raises(AssertionError):
        PARSERS["specs"](spec, tmp_path)


@pytest.mark.parametrize("dimensions", [65, 255])
def test_an_idx_file_of_more_dimensions_than_an_array_has_is_refused(dimensions: int, tmp_path: Path) -> None:
    content = bytes([0, 0, 8, dimensions]) + dimensions * b"\0\0\0\1" + b"x"
    assert not PARSERS["idx"](content, tmp_path)
    with pytest.raises(DataError, match=f"got one of {dimensions} dimensions"):
        read_idx(tmp_path / "a.gz")
