import re

from hypothesis import given
from hypothesis import strategies as st

from negatoscope.reports.markdown import markdown_table

CELLS = st.text(st.sampled_from("ab1|- "), max_size=6).map(str.strip)


def test_a_column_of_single_digits_has_a_rule_that_readers_of_markdown_know() -> None:
    rule = markdown_table(["a", "1"], [["b", "2"]]).splitlines()[1]
    assert rule == "| -- | -: |"


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=4))
def test_any_cells_come_back_from_a_table_whose_lines_are_equally_long(cells: list[tuple[str, ...]]) -> None:
    lines = markdown_table(["one", "two", "three"], cells).splitlines()
    assert len({len(line) for line in lines}) == 1
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]
    assert [tuple(cell.replace(r"\|", "|") for cell in row) for row in rows] == cells
