import csv
import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from negatoscope.documents import from_plain
from negatoscope.reproduce import table1_columns, table1_page
from negatoscope.reproduce.table1_document import SummaryRow, Table1, summarize

Document = dict[str, Any]
Maker = Callable[..., Document]


def table1_markdown(document: Document) -> str:
    return table1_page.table1_markdown(from_plain(document, Table1))


def table1_csv(document: Document) -> str:
    return table1_columns.table1_csv(from_plain(document, Table1))


NUMBER = re.compile(r"\d+(?:\.\d+)?")


def parsed(markdown: str, heading: str) -> list[dict[str, str]]:
    """The rows of the first table under a heading; columns of one name are numbered from the second on."""
    lines = iter(markdown.split(f"## {heading}\n", 1)[1].splitlines())
    table = []
    for line in lines:
        if line.startswith("|"):
            table.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif table:
            break
    header = [f"{name} {table[0][:index].count(name) + 1}".removesuffix(" 1") for index, name in enumerate(table[0])]
    return [dict(zip(header, row, strict=True)) for row in table[2:]]


def numbers(cell: str) -> list[float]:
    return [float(found) for found in NUMBER.findall(cell)]


def in_percent(*rates: float) -> Any:
    return pytest.approx([100 * rate for rate in rates], abs=0.005001)


def shown(summary: Sequence[Document], *, pending: Sequence[tuple[str, str, float]] = (), width: int = 80) -> str:
    stream = io.StringIO()
    rows = [from_plain(row, SummaryRow) for row in summary]
    Console(width=width, file=stream, color_system=None).print(table1_columns.table1_live(rows, pending=pending))
    return stream.getvalue()


def test_one_run_stands_beside_the_paper_with_its_interval(make_document: Maker) -> None:
    result = make_document(["mnist", "gtsrb"])
    text = table1_markdown(result)
    for dataset, heading in (("mnist", "MNIST"), ("gtsrb", "GTSRB")):
        rows = [row for row in result["summary"] if row["dataset"] == dataset]
        for line, row in zip(parsed(text, heading), rows, strict=True):
            ours = [row["test"][name] for name in ("accuracy", "low", "high")]
            negatives = [row["negative"][name] for name in ("accuracy", "low", "high")]
            assert numbers(line["Test images: ours"]) == in_percent(*ours)
            assert numbers(line["Negatives: ours"]) == in_percent(*negatives)
            assert numbers(line["Paper"]) == in_percent(row["test"]["paper_accuracy"])
            assert numbers(line["Paper 2"]) == in_percent(row["negative"]["paper_accuracy"])
            assert (line["Verdict"], line["Verdict 2"]) == ("undecided", "undecided")


def test_several_runs_show_their_spread_and_a_verdict(make_document: Maker) -> None:
    result = make_document(["mnist"], seeds=3)
    for line, row in zip(parsed(table1_markdown(result), "MNIST"), result["summary"], strict=True):
        names = ("accuracy", "std", "low", "high")
        assert numbers(line["Test images: ours"]) == in_percent(*(row["test"][name] for name in names))
        assert numbers(line["Negatives: ours"]) == in_percent(*(row["negative"][name] for name in names))
        assert line["Negatives: ours"].count("±") == 1
        assert (line["Verdict"], line["Verdict 2"]) == (row["test"]["verdict"], row["negative"]["verdict"])
    assert len({row["negative"]["verdict"] for row in result["summary"]}) > 1, "the demo must hold several verdicts"


def test_classifiers_have_the_names_of_the_paper(make_document: Maker) -> None:
    names = [line["Classifier"] for line in parsed(table1_markdown(make_document(["mnist"])), "MNIST")]
    assert names[:2] == ["DNN", "Robust DNN (ε = 0.05)"]


def test_rows_are_in_the_order_of_epsilon_whatever_the_order_of_the_document(make_document: Maker) -> None:
    result = make_document(["mnist", "gtsrb"])
    turned = {**result, "summary": result["summary"][:5][::-1] + result["summary"][5:][::-1]}
    assert table1_markdown(turned) == table1_markdown(result)


def test_a_number_that_the_paper_does_not_print_is_a_dash_without_a_verdict(make_document: Maker) -> None:
    result = make_document(["mnist"])
    result["summary"][2]["negative"]["paper_accuracy"] = None
    line = parsed(table1_markdown(result), "MNIST")[2]
    assert (line["Paper 2"], line["Verdict 2"]) == ("–", "–")
    assert line["Verdict"] == "undecided"


def test_the_interval_by_track_has_a_column_only_where_tracks_are_known(make_document: Maker) -> None:
    result = make_document(["mnist", "gtsrb"])
    text = table1_markdown(result)
    signs = [row for row in result["summary"] if row["dataset"] == "gtsrb"]
    for line, row in zip(parsed(text, "GTSRB"), signs, strict=True):
        assert numbers(line["By track"]) == in_percent(row["negative"]["track_low"], row["negative"]["track_high"])
    assert "By track" not in parsed(text, "MNIST")[0]


def test_recipes_of_one_dataset_get_a_table_each(make_document: Maker) -> None:
    result, other = make_document(["mnist"]), make_document(["mnist"], seeds=3)
    for row in other["summary"]:
        row["recipe"] = "sturdy"
    for run in other["runs"]:
        run["recipe"] = {"name": "sturdy"}
    for key in ("summary", "runs"):
        result[key] += other[key]
    text = table1_markdown(result)
    assert "±" not in parsed(text, "MNIST, recipe mnist")[0]["Test images: ours"]
    assert "±" in parsed(text, "MNIST, recipe sturdy")[0]["Test images: ours"]


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_other_accuracies_are_those_of_the_runs(make_document: Maker, seeds: int) -> None:
    result = make_document(["mnist", "gtsrb"], seeds=seeds)
    text = table1_markdown(result)
    plain, attacked = parsed(text, "More accuracies"), parsed(text, "Attacks and confidence")
    for row, line, attack in zip(result["summary"], plain, attacked, strict=True):
        assert numbers(line["Training images"])[:1] == in_percent(row["train_accuracy"])
        assert numbers(line["Validation images"])[:1] == in_percent(row["validation_accuracy"])
        assert numbers(line["Negatives of test images"])[:1] == in_percent(row["negative_test_accuracy"])
        assert numbers(attack["FGSM"])[:1] == in_percent(row["attack_accuracies"]["fgsm"])
        assert numbers(attack["PGD"])[:1] == in_percent(row["attack_accuracies"]["pgd"])
        assert float(attack["Attack's ε"]) == row["attack_epsilon"]
        plain = next(run for run in result["runs"] if run["dataset"] == row["dataset"] and not run["epsilon"])
        same = [each for each in plain["attacks"] if row["epsilon"] and each["epsilon"] == row["epsilon"]]
        for name in ("fgsm", "pgd"):
            shown = attack[f"DNN: {name.upper()}"]
            assert numbers(shown)[:1] == in_percent(same[0]["accuracies"][name]["accuracy"]) if same else shown == "–"
        assert numbers(attack["Confidence"])[:1] == in_percent(row["confidence_train"])
        assert numbers(attack["On negatives"])[:1] == in_percent(row["confidence_negative"])
        assert len(numbers(line["Training images"])) == (3 if seeds == 1 else 2)


def test_an_accuracy_of_one_run_has_its_interval(make_document: Maker) -> None:
    result = make_document(["mnist"])
    line, rate = parsed(table1_markdown(result), "More accuracies")[0], result["runs"][0]["validation"]
    assert numbers(line["Validation images"]) == in_percent(rate["accuracy"], rate["low"], rate["high"])


def test_destinations_are_given_in_bits_beside_what_is_possible_and_what_chance_gives(make_document: Maker) -> None:
    result = make_document(["mnist", "gtsrb"])
    lines = parsed(table1_markdown(result), "Where predictions on negatives go")
    for run, line in zip(result["runs"], lines, strict=True):
        ends = run["destinations"]
        assert numbers(line["Entropy, bits"])[0] == pytest.approx(ends["entropy_bits"], abs=0.005)
        assert numbers(line["Entropy, bits"])[1] == pytest.approx(math.log2(len(ends["shares"])), abs=0.005)
        assert float(line["Information, bits"]) == pytest.approx(ends["mutual_information_bits"], abs=0.0005)
        assert float(line["If permuted"]) == pytest.approx(ends["mutual_information_null_bits"], abs=0.0005)
        favorite, share = numbers(line["Most frequent prediction"])
        assert ends["shares"][int(favorite)] == max(ends["shares"])
        assert share == pytest.approx(100 * max(ends["shares"]), abs=0.05)


def test_runs_that_favor_different_classes_name_each(make_document: Maker) -> None:
    result = make_document(["mnist"], seeds=3)
    line = parsed(table1_markdown(result), "Where predictions on negatives go")[0]["Most frequent prediction"]
    shares = [run["destinations"]["shares"] for run in result["runs"][:3]]
    favorites = [share.index(max(share)) for share in shares]
    assert len(set(favorites)) > 1, "the demo must hold runs that differ"
    assert line.startswith(f"classes {', '.join(map(str, favorites))} (by seed): ")


def test_where_nothing_was_run_there_are_no_tables(make_document: Maker) -> None:
    text = table1_markdown(make_document([], not_run=["mnist", "gtsrb"]))
    assert "|" not in text
    assert "> **GTSRB: not run (no copy was found).**" in text
    assert "## Provenance" in text


def test_the_title_comes_first_and_what_to_beware_of_next(make_document: Maker) -> None:
    title, warning = table1_markdown(make_document(["mnist"], not_run=["gtsrb"])).split("\n\n")[:2]
    assert title.startswith("# Table I")
    assert warning == "> **GTSRB: not run (no copy was found).**"


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_summary_comes_back_from_its_csv(make_document: Maker, seeds: int) -> None:
    result = make_document(["mnist", "gtsrb", "mnist_sample"], seeds=seeds)
    reader = csv.DictReader(io.StringIO(table1_csv(result)))
    back = list(reader)
    for row, read in zip(result["summary"], back, strict=True):
        compared = {f"{kind}_{key}": value for kind in ("test", "negative") for key, value in row.pop(kind).items()}
        attacks = {f"{name}_accuracy": value for name, value in row.pop("attack_accuracies").items()}
        values = {**row, **compared, **attacks}
        assert read == {key: "" if value is None else str(value) for key, value in values.items()}


def test_the_csv_of_nothing_is_empty(make_document: Maker) -> None:
    assert table1_csv(make_document([], not_run=["mnist"])) == ""


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_live_table_fits_eighty_columns_and_cuts_nothing_off(make_document: Maker, seeds: int) -> None:
    summary = make_document(["mnist", "gtsrb", "mnist_sample"], seeds=seeds)["summary"]
    summary[0]["test"] |= {"accuracy": 1.0, "low": 0.9996, "high": 1.0}
    narrow, wide = shown(summary), shown(summary, width=200)
    assert max(len(line) for line in narrow.splitlines()) <= 80
    assert "100.0 [100.0, 100.0]" in narrow
    assert narrow.replace("─", "").split() == wide.replace("─", "").split()


def test_the_live_table_gives_its_verdicts_in_words(make_document: Maker) -> None:
    summary = make_document(["mnist"], seeds=3)["summary"]
    lines = shown(summary).splitlines()[-len(summary) :]
    for line, row in zip(lines, summary, strict=True):
        for kind in ("test", "negative"):
            verdict = row[kind]["verdict"].removeprefix("ours ").replace("undecided", "")
            assert f"{100 * row[kind]['paper_accuracy']:.2f} {verdict}".strip() in line


def test_the_live_table_shows_the_papers_number_alone_where_nothing_is_decided(make_document: Maker) -> None:
    text = shown(make_document(["mnist"])["summary"])
    assert "99.20" in text
    assert not re.search("agrees|higher|lower|undecided", text)


def test_what_is_still_to_run_is_an_ellipsis_in_its_place(make_document: Maker) -> None:
    summary = make_document(["mnist"])["summary"]
    del summary[1]
    text = shown(summary, pending=[("mnist", "mnist", 0.05), ("mnist", "mnist", 0.0), ("gtsrb", "gtsrb", 0.1)])
    lines = [line.split() for line in text.splitlines()]
    assert lines[lines.index(["MNIST"]) + 2] == ["ε", "=", "0.05", "…", "…", "…", "…"]
    assert lines[lines.index(["GTSRB"]) + 1] == ["ε", "=", "0.1", "…", "…", "…", "…"]
    assert text.count("DNN") == 1, "what is known and pending too is shown once"
    assert text.count("…") == 8


def test_an_empty_live_table_can_be_drawn() -> None:
    assert "negatives" in shown([])


def test_an_attack_that_some_runs_do_not_have_is_missing_in_their_line(make_document: Maker) -> None:
    result = make_document(["mnist", "gtsrb"], seeds=3)
    for run in result["runs"]:
        if run["dataset"] == "gtsrb" or (run["epsilon"], run["seed"]) == (0.1, 2):
            for group in run["attacks"]:
                group["accuracies"]["mine"] = group["accuracies"]["pgd"]
    table = from_plain(result, Table1)
    table = replace(table, summary=summarize(table.runs))
    assert {row.dataset for row in table.summary if "mine" in row.attack_accuracies} == {"gtsrb"}
    lines = parsed(table1_page.table1_markdown(table), "Attacks and confidence")
    assert [line["MINE"] == "–" for line in lines] == [line["Dataset"] == "MNIST" for line in lines]
    assert all(line["MINE"] == line["PGD"] for line in lines if line["Dataset"] == "GTSRB")
    assert len(list(csv.DictReader(io.StringIO(table1_columns.table1_csv(table))))) == 10
