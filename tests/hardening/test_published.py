"""What docs/harden.md and results/harden say is what was measured; run this file to write both anew."""

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from statistics import fmean

import pytest

from negatoscope.auditing.compare import RateDifference
from negatoscope.documents import read_document
from negatoscope.hardening.result import HardenedMethod, HardenSummary
from negatoscope.hardening.text import harden_markdown
from negatoscope.reports.formatting import interval, percent, points
from negatoscope.reports.markdown import markdown_table

TOP = Path(__file__).parents[2]
RESULTS = sorted((TOP / "results" / "harden").glob("*.json"))
PAGE = TOP / "docs" / "harden.md"
HOW_TO = TOP / "docs" / "when-a-model-fails.md"
BLOCK, SEARCHED = (
    re.compile(rf"(?<=<!-- {name}: begin -->\n).*?(?=\n<!-- {name}: end -->)", re.DOTALL)
    for name in ("harden", "searched")
)
OWN = {"mnist": "MNIST", "gtsrb": "GTSRB"}


def read(file: Path) -> HardenSummary:
    return read_document(file, HardenSummary, what="a result of hardening", make="run harden")


def block() -> str:
    """A table of all methods for each of the paper's networks."""
    return "\n\n".join(table(name, title) for name, title in OWN.items())


def searched_block() -> str:
    """A table of training on the worst draw beside training on random ones, judged by a search."""
    summaries = {title: read(TOP / "results" / "harden" / f"{name}_adversarial.json") for name, title in OWN.items()}
    lines = [line for title, summary in summaries.items() for line in searched_lines(title, summary)]
    header = ["Network", "Training", "Clean, %", "Change, points", "Worst case found, %", "Change, points"]
    return markdown_table(header, lines)


def searched_lines(title: str, summary: HardenSummary) -> Iterator[list[str]]:
    (spec,) = summary.searched
    before = summary.methods[0].change_under(spec).a
    yield [title, "before", percent(summary.methods[0].clean_before.accuracy), "", percent(before), ""]
    for entry in summary.methods:
        cells = [(percent(change.b), changed(change)) for change in (entry.clean_change, entry.change_under(spec))]
        yield [title, f"`{entry.method}`", *cells[0], *cells[1]]


def changed(change: RateDifference) -> str:
    return f"{points(change.difference)} {interval(change.low, change.high, decimals=1, signed=True)}"


def table(name: str, title: str) -> str:
    all_methods, few = (read(TOP / "results" / "harden" / f"{file}.json").methods for file in (name, f"{name}_few"))
    first = all_methods[0]
    before = [percent(rate.accuracy) for rate in (first.clean_before, first.negative_before, first.consistency_before)]
    lines = [["before", "", before[0], "", *before[1:], ""]]
    for method, seeds in groupby((*all_methods, *few), key=lambda entry: entry.method):
        lines.append(line(method, list(seeds)))
    text = markdown_table(
        ["Method", "Seeds", "Clean, %", "Change, points", "Negatives, %", "Same prediction, %", "Time"], lines
    )
    return f"**{title}** ({first.n:,} test images)\n\n{text}"


def line(method: str, seeds: list[HardenedMethod]) -> list[str]:
    clean, negative, same = (
        [getattr(entry, f"{name}_after").accuracy for entry in seeds] for name in ("clean", "negative", "consistency")
    )
    change = fmean(clean) - seeds[0].clean_before.accuracy
    rates = [percent(fmean(clean)), points(change, decimals=2), percent(fmean(negative)), percent(fmean(same))]
    time = fmean(entry.inference_cost for entry in seeds)
    return [f"`{method}`", str(len(seeds)), *rates, f"{time:.2f}"]


def pages() -> Iterator[tuple[Path, str]]:
    for file in RESULTS:
        yield file.with_suffix(".md"), harden_markdown(read(file)) + "\n"


def test_the_page_on_hardening_has_the_published_numbers() -> None:
    for pattern, expected in ((BLOCK, block()), (SEARCHED, searched_block())):
        (written,) = pattern.findall(PAGE.read_text(encoding="utf-8"))
        assert written == expected


def test_what_to_do_when_a_model_fails_names_the_same_numbers() -> None:
    rows = re.findall(
        r"^\|[^|]*\| (`.*`) \| (.*), (.*) \| (.*), (.*) \| (.*), (.*) \|$", HOW_TO.read_text("utf-8"), re.M
    )
    assert len(rows) == 5
    tables = [table(name, title) for name, title in OWN.items()]
    for method, *cells in rows:
        for number, text in enumerate(tables):
            measured = [line.split("|") for line in text.splitlines() if line.startswith(f"| {method} ")]
            ((_, _, _, _, change, negatives, _, time, _),) = ([cell.strip() for cell in line] for line in measured)
            assert [change, negatives, time] == cells[number::2], method


@pytest.mark.parametrize("file", RESULTS, ids=lambda file: file.stem)
def test_each_published_page_is_what_its_document_says(file: Path) -> None:
    assert file.with_suffix(".md").read_text(encoding="utf-8") == dict(pages())[file.with_suffix(".md")]


def test_both_of_the_papers_networks_are_published_with_three_seeds_of_what_trains() -> None:
    for name in OWN:
        methods = read(TOP / "results" / "harden" / f"{name}.json").methods
        assert [entry.seed for entry in methods if entry.method == "canonicalize"] == [0, 1, 2]
        assert [entry.seed for entry in methods if entry.method == "augment"] == [0, 1, 2]


if __name__ == "__main__":
    for page, content in pages():
        page.write_text(content, encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8")
    text = SEARCHED.sub(lambda _: searched_block(), text)
    PAGE.write_text(BLOCK.sub(lambda _: block(), text), encoding="utf-8")
