import pytest
from hypothesis import given
from hypothesis import strategies as st

from negatoscope.reports.formatting import interval, measured, p_value, percent, points, tight, with_sign

DECIMALS = st.integers(0, 3)


@given(st.floats(0, 1), DECIMALS)
def test_a_rate_is_zero_or_a_hundred_only_where_it_is(rate: float, decimals: int) -> None:
    text = percent(rate, decimals=decimals)
    assert (float(text.strip("<>")) == 0) == (rate == 0) or decimals == 0
    assert (text == percent(0.0, decimals=decimals)) == (rate == 0)
    assert (text == percent(1.0, decimals=decimals)) == (rate == 1)
    assert float(text.strip("<>")) == pytest.approx(100 * rate, abs=10.0**-decimals)


@given(st.floats(0, 1), DECIMALS)
def test_tables_and_sentences_round_alike(rate: float, decimals: int) -> None:
    text = percent(rate, decimals=decimals).replace("<", "less than ").replace(">", "more than ")
    assert percent(rate, decimals=decimals, unit=True) == f"{text} %"


@given(st.floats(0, 1), DECIMALS)
def test_a_rate_that_is_rounded_down_never_seems_to_reach_what_it_misses(rate: float, decimals: int) -> None:
    text = percent(rate, decimals=decimals, down=True, guard=False)
    assert 100 * rate - 10.0**-decimals <= float(text) <= 100 * rate + 1e-6


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0 %"),
        (0.0004, "less than 0.1 %"),
        (0.0005, "0.1 %"),
        (0.5, "50.0 %"),
        (0.99951, "more than 99.9 %"),
        (1.0, "100.0 %"),
    ],
)
def test_a_rate_is_never_rounded_to_all_or_nothing(value: float, text: str) -> None:
    assert percent(value, decimals=1, unit=True) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.9, "90.00 %"), (0.89999, "89.99 %"), (0.29, "29.00 %"), (1.0, "100.00 %")]
)
def test_a_lower_end_is_rounded_down(value: float, text: str) -> None:
    assert percent(value, unit=True, down=True) == text


def test_without_its_guard_a_rate_is_rounded_as_any_number() -> None:
    assert percent(0.99996, decimals=1, guard=False) == "100.0"
    assert percent(0.99996, decimals=1) == ">99.9"


def test_a_difference_has_a_sign_and_a_typographic_minus() -> None:
    assert [points(value) for value in (0.104, -0.25, 0.0004, -0.0004, None)] == ["+10.4", "−25.0", "0.0", "0.0", "–"]
    assert points(-0.25, signed=False) == "25.0"


def test_a_signed_number_is_zero_without_a_sign() -> None:
    assert [with_sign(value) for value in (0.304, -0.5, -0.001)] == ["+0.30", "−0.50", "0.00"]


def test_an_interval_is_of_rates_or_of_differences() -> None:
    assert interval(0.5, 0.75) == "[50.00, 75.00]"
    assert interval(-0.25, 0.01, decimals=1, signed=True) == "[−25.0, +1.0]"
    assert interval(None, 0.01) == "–"
    assert measured(0.6, 0.5, 0.75, decimals=1) == "60.0 [50.0, 75.0]"


@pytest.mark.parametrize(
    ("p", "text", "named"),
    [
        (0.0, "<0.001", "p < 0.001"),
        (0.00099, "<0.001", "p < 0.001"),
        (0.0104, "0.010", "p = 0.010"),
        (1.0, "1.000", "p = 1.000"),
    ],
)
def test_a_p_value_is_never_zero(p: float, text: str, named: str) -> None:
    assert p_value(p) == text
    assert p_value(p, named=True) == named


def test_a_number_keeps_its_percent_sign() -> None:
    assert tight("0.2 % of 3,000 images, a % b") == "0.2\u00a0% of 3,000 images, a % b"
