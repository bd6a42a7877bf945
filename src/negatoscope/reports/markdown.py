"""Tables in Markdown."""

from collections.abc import Sequence

from negatoscope.reports.formatting import MISSING


def markdown_table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table whose columns line up as plain text too; columns whose cells start with a digit stand to the right."""
    columns = [[cell.replace("|", r"\|") for cell in column] for column in zip(header, *lines, strict=True)]
    padded = []
    for column in columns:
        width, (first, *rest) = max(2, *map(len, column)), column  # a rule of one sign is none
        if all(cell[:1].isdigit() or cell == MISSING for cell in rest):
            padded.append([first.rjust(width), "-" * (width - 1) + ":", *(cell.rjust(width) for cell in rest)])
        else:
            padded.append([first.ljust(width), "-" * width, *(cell.ljust(width) for cell in rest)])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in zip(*padded, strict=True))
