"""Tables as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence


def csv_table(lines: Sequence[Mapping[str, object]]) -> str:
    """A table with a column for each name that a line has; nothing stands for a missing value."""
    text = io.StringIO()
    writer = csv.DictWriter(
        text, list(dict.fromkeys(name for line in lines for name in line)), restval="", lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue() if lines else ""
