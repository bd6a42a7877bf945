"""Tables in which commands list things."""

from collections.abc import Iterable, Sequence


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, width: int | None = None, least: int = 0
) -> None:
    """Print rows without borders, as wide as the terminal; elsewhere `width`, if given, decides.

    Args:
        columns: What stands above them.
        rows: A text for each column.
        width: In letters.
        least: Of a terminal: on a narrower one each row is a paragraph, its texts beneath one another.
    """
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if width and not console.is_terminal:
        console.width = width
    if console.width < least:
        for name, kind, *texts in rows:
            console.print(Text.assemble((name, "bold"), f"  {kind}"))
            console.print(*(Padding(Text(text), (0, 0, 0, 2)) for text in texts if text), sep="")
        return
    table = Table(*columns, box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
