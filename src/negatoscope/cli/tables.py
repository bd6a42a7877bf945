"""Tables in which commands list things."""

from collections.abc import Iterable, Sequence


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, width: int | None = None) -> None:
    """Print rows without borders, as wide as the terminal; elsewhere `width`, if given, decides.

    Args:
        columns: What stands above them.
        rows: A text for each column.
        width: In letters.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if width and not console.is_terminal:
        console.width = width
    table = Table(*columns, box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
