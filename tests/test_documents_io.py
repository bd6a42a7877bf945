"""Whatever is wrong with a document is one sentence that says where, what was expected and what came."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from negatoscope.documents import from_plain, read_document
from negatoscope.errors import DataError, InputError


@dataclass(frozen=True)
class Inner:
    name: str
    which: tuple[str, ...] | Literal["all"] = "all"


@dataclass(frozen=True)
class Outer:
    inner: tuple[Inner, ...] = ()
    share: float = 0.0


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"inner": [{"name": "a", "which": "none"}]}, "expected inner.0.which to be a list or 'all', got 'none'"),
        ({"inner": [{"name": "a", "which": [3]}]}, "expected inner.0.which.0 to be a text, got 3"),
        ({"inner": [{"name": "a"}, {"nam": "b"}]}, "expected inner.1.name, which is missing"),
        ({"inner": [{"name": "a", "witch": []}]}, "expected no 'inner.0.witch'; did you mean 'which'?"),
        ({"shore": 1}, "expected no 'shore'; did you mean 'share'?"),
        ({"share": "1"}, "expected share to be a number, got '1'"),
        ([], "expected Outer to be a table, got []"),
    ],
)
def test_what_is_wrong_is_one_sentence(values: object, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        from_plain(values, Outer)
    assert str(caught.value) == sentence


def test_a_file_that_cannot_be_read_is_not_taken_for_one_that_is_no_json(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^expected an inner in .*, but it cannot be read: Is a directory; make it$"):
        read_document(tmp_path, Inner, what="an inner", make="make it")


def test_a_whole_number_stands_for_a_float_and_a_list_for_a_tuple() -> None:
    assert from_plain({"share": 1, "inner": [{"name": "a", "which": ["b"]}]}, Outer) == Outer(
        (Inner("a", ("b",)),), 1.0
    )
