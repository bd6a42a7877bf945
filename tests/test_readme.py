"""What the README says of the paper is what the published runs say; run this file to write it anew."""

import re
from dataclasses import replace
from pathlib import Path

from negatoscope.documents import read_document
from negatoscope.hardening.result import HardenSummary
from negatoscope.reports.formatting import percent
from negatoscope.reproduce.table1_document import read_table1, summarize
from negatoscope.studies.first_screen import first_screen, three_sentences

TOP = Path(__file__).parents[1]
README = TOP / "README.md"
BLOCK = re.compile(r"(?<=<!-- table1: begin -->\n).*?(?=\n<!-- table1: end -->)", re.DOTALL)
FIGURE = "![Test accuracy and accuracy on negatives beside the paper's numbers](results/table1/table1.png)"


def block() -> str:
    return f"{first_screen(read_table1(TOP / 'results' / 'table1'))}\n\n{FIGURE}"


def test_the_readme_says_of_the_paper_what_the_published_table_says() -> None:
    (written,) = BLOCK.findall(README.read_text(encoding="utf-8"))
    assert written == block()


def test_its_tables_are_lines_of_the_published_report() -> None:
    report = (TOP / "results" / "table1" / "table1.md").read_text(encoding="utf-8").splitlines()
    lines = [line for line in block().splitlines() if line.startswith("|")]
    assert len(lines) >= 6
    assert [line for line in lines if line not in report] == []


def test_recipes_are_named_with_the_datasets_that_they_decide_alike() -> None:
    table1 = read_table1(TOP / "results" / "table1")
    plain = [run for run in table1.runs if run.recipe.name == "accurate" and not run.epsilon]
    few = replace(table1, runs=tuple(plain), summary=summarize(plain))
    holds, does_not, choice = three_sentences(few)
    assert holds.startswith(
        "**What holds**: the plain DNN misclassifies most negatives of its training images with `accu"
    )
    assert "it is above chance with `accurate` (MNIST and GTSRB)" in does_not
    assert choice.endswith("of negatives correctly.")


def test_its_table_of_hardened_models_is_what_was_measured() -> None:
    text = README.read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[.*?\]\(results/harden/(\w+\.json)\) \| (.*) \|$", text, re.MULTILINE)
    assert len(rows) == 5
    for name, numbers in rows:
        document = read_document(TOP / "results" / "harden" / name, HardenSummary, what="", make="")
        (method,) = document.methods
        rates = [method.clean_before, method.clean_after, method.negative_before, method.negative_after]
        assert numbers == " | ".join(percent(rate.accuracy) for rate in rates), name


def test_there_are_three_sentences() -> None:
    sentences = three_sentences(read_table1(TOP / "results" / "table1"))
    assert [sentence.partition("**: ")[0] for sentence in sentences] == [
        *("**What holds", "**What does not", "**Under which choice"),
    ]


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    README.write_text(BLOCK.sub(lambda _: block(), text), encoding="utf-8")
