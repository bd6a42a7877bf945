"""``python -m torture.page``: write the figures of results/torture into docs/reliability.md."""

from pathlib import Path

from negatoscope.files import write_whole
from torture.record import Record, Tried

ROOT = Path(__file__).resolve().parents[1]
TABLE = "| check | tried | aim | failed | seconds | seed |\n|---|--:|--:|--:|--:|--:|\n"


def page(text: str, checks: list[Tried]) -> str:
    """The text with a table of these checks as its last part, in the place of the one that it has."""
    rows = "".join(
        f"| {check.name} | {check.tried:,} | {check.aim:,} | {check.failed} | {check.seconds:,.0f} | {check.seed} |\n"
        for check in checks
    )
    return f"{text.partition(TABLE)[0]}{TABLE}{rows}"


def main() -> None:
    """Write it."""
    file = ROOT / "docs/reliability.md"
    checks = list(Record(ROOT / "results/torture").read().values())
    write_whole(file, page(file.read_text(encoding="utf-8"), checks).encode())


if __name__ == "__main__":
    main()
