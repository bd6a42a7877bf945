"""How large what would be published is: `python tests/release_sizes.py dist`, as `make release-check` calls it."""

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

LIGHT_TABLE = "negatoscope/web/"
"""What of a wheel only `negatoscope view` needs: its page, its two classifiers and their digits."""
MOST_BYTES = 1_000_000
"""Of a wheel, without that."""


def wheel_sizes(wheel: Path) -> tuple[int, int]:
    """How many bytes of a wheel are the light table's, and how many are the rest, its table of contents included."""
    with zipfile.ZipFile(wheel) as archive:
        members = [member for member in archive.infolist() if member.filename.startswith(LIGHT_TABLE)]
    light_table = sum(member.compress_size for member in members)
    return light_table, wheel.stat().st_size - light_table


def report(dist: Path) -> Iterator[str]:
    """How large what would be published is.

    Raises:
        SystemExit: The wheel is too large.
    """
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    light_table, rest = wheel_sizes(wheel)
    yield f"{wheel.name}: {rest:,} bytes, and {light_table:,} of the light table"
    yield f"{sdist.name}: {sdist.stat().st_size:,} bytes"
    if rest > MOST_BYTES:
        raise SystemExit(f"expected a wheel of at most {MOST_BYTES:,} bytes without the light table, got {rest:,}")


if __name__ == "__main__":
    for line in report(Path(sys.argv[1])):
        print(line)  # noqa: T201
