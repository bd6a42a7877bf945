"""Tables and lines for a terminal of 80 columns."""

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text


def simple_table(*columns: str) -> Table:
    """An empty table with names in its first column and numbers, which are not folded, in the others."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=number > 0, overflow="fold")
    return table


def foldable(spec: str, *, width: int = 34) -> Text:
    """A spec that begins another line with its brackets where it is long."""
    return Text(spec if len(spec) <= width else spec.replace("(", "\n  (", 1))


def point(mark: str, text: str, *, style: str = "dim") -> RenderableType:
    """A sentence beside its mark."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_row(Text(mark, style=style), Text(text))
    return grid
