"""Tables as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence

_FORMULA = tuple("=+-@＝＋－＠")


def csv_table(lines: Sequence[Mapping[str, object]]) -> str:
    """A table with a column for each name that a line has, texts guarded; nothing stands for a missing value."""
    text = io.StringIO()
    writer = csv.DictWriter(
        text, list(dict.fromkeys(name for line in lines for name in line)), restval="", lineterminator="\n"
    )
    writer.writeheader()
    for line in lines:
        writer.writerow({name: guarded(cell) if isinstance(cell, str) else cell for name, cell in line.items()})
    return text.getvalue() if lines else ""


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula: one that begins like one has an apostrophe before it.

    Source: OWASP, CSV Injection, https://owasp.org/www-community/attacks/CSV_Injection.
    """
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
