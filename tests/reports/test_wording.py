"""Numbers and lists in words: what a person would write, and never more than is known."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negatoscope.reports.formatting import (
    MISSING,
    bits,
    counted,
    duration,
    joined,
    measured,
    megabytes,
    one_line,
    points,
    tight,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0.4, "0 s"), (89.4, "89 s"), (90, "2 min"), (149, "2 min"), (5369, "89 min"), (5400, "1 h 30 min")),
        *((7170, "2 h 00 min"), (360_000, "100 h 00 min")),
    ],
)
def test_a_length_of_time_changes_its_unit_where_one_would_say_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@given(st.floats(0, 1e7))
def test_a_length_of_time_is_off_by_half_of_its_smallest_unit_at_most(seconds: float) -> None:
    numbers = [int(word) for word in duration(seconds).split() if word.isdecimal()]
    if duration(seconds).endswith(" s"):
        assert abs(numbers[0] - seconds) <= 0.5
    else:
        minutes = numbers[0] if len(numbers) == 1 else 60 * numbers[0] + numbers[1]
        assert abs(60 * minutes - seconds) <= 30
        assert len(numbers) == 1 or numbers[1] < 60


@pytest.mark.parametrize(
    ("size", "text"),
    [
        *((0, "0.1 MB"), (99_000, "0.1 MB"), (160_000, "0.2 MB"), (999_900_000, "999.9 MB")),
        *((1e9, "1.0 GB"), (1.2345e12, "1,234.5 GB")),
    ],
)
def test_a_size_is_never_nothing_and_changes_its_unit_at_a_billion_bytes(size: float, text: str) -> None:
    assert megabytes(size) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 images"), (1, "1 image"), (2, "2 images"), (1_234_567, "1,234,567 images")]
)
def test_one_alone_is_no_plural(number: int, text: str) -> None:
    assert counted(number, "image") == text


@pytest.mark.parametrize(
    ("words", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_words_are_listed_with_one_and(words: list[str], text: str) -> None:
    assert joined(words) == text


@given(st.text(), st.integers(1, 60))
def test_one_line_is_never_longer_than_asked_for_and_whole_where_it_fits(text: str, width: int) -> None:
    line, words = one_line(text, width=width), " ".join(text.split())
    assert len(line) <= width
    assert len(line.splitlines()) <= 1
    assert line == words or (line.endswith("…") and words.startswith(line[:-1]) and len(words) > width)


def test_what_is_not_known_is_a_dash_in_every_form() -> None:
    assert bits(None) == points(None) == MISSING
    assert measured(None, None, None) == f"{MISSING} {MISSING}"


@pytest.mark.parametrize(("value", "text"), [(0.0, "0.00"), (1.005, "1.00"), (2.25, "2.25"), (math.log2(10), "3.32")])
def test_bits_have_two_decimals(value: float, text: str) -> None:
    assert bits(value) == text


def test_how_much_is_lost_has_no_sign_where_the_sentence_says_so() -> None:
    assert points(-0.1234, signed=False) == points(0.1234, signed=False) == "12.3"
    assert points(-0.1234) == "\u221212.3"


@pytest.mark.parametrize(
    ("text", "tied"), [("90 %", "90\u00a0%"), ("90.5 % of 3 %", "90.5\u00a0% of 3\u00a0%"), ("a % b", "a % b")]
)
def test_only_a_number_is_tied_to_its_percent_sign(text: str, tied: str) -> None:
    assert tight(text) == tied
