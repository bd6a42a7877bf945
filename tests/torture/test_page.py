"""docs/reliability.md says what results/torture holds."""

from torture.page import ROOT, page
from torture.record import Record


def test_the_page_has_the_figures_of_the_last_run() -> None:
    text = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    assert page(text, list(Record(ROOT / "results/torture").read().values())) == text
