from collections.abc import Callable
from typing import Any

import pytest

from negatoscope.documents import from_plain
from negatoscope.reproduce import table1_columns, table1_page
from negatoscope.reproduce.table1_columns import Table1Section
from negatoscope.reproduce.table1_document import Table1
from negatoscope.reproduce.table1_page import caption, randomness, sizes

Maker = Callable[..., dict[str, Any]]


def warnings(document: dict[str, Any]) -> list[str]:
    return table1_page.warnings(from_plain(document, Table1))


def provenance(document: dict[str, Any]) -> list[str]:
    return table1_page.provenance(from_plain(document, Table1))


def sections(document: dict[str, Any]) -> list[Table1Section]:
    return table1_columns.sections(from_plain(document, Table1))


def test_the_papers_own_data_in_full_needs_no_warning(make_document: Maker) -> None:
    assert warnings(make_document(["mnist"], seeds=3)) == []


def test_an_unofficial_copy_is_named_with_what_is_known_of_it(make_document: Maker) -> None:
    result = make_document(["mnist", "gtsrb"])
    expected = (
        "GTSRB: an unofficial copy was used (every image was rescaled to 32×32); differences may come from the data"
    )
    assert warnings(result) == [expected]


def test_a_copy_is_unofficial_when_any_of_its_parts_is(make_document: Maker) -> None:
    result = make_document(["mnist"])
    data = result["provenance"]["data"]
    data.insert(0, {**data[0], "official": False, "note": ""})
    assert warnings(result) == ["MNIST: an unofficial copy was used; differences may come from the data"]


def test_a_sample_cannot_speak_about_the_paper(make_document: Maker) -> None:
    (found,) = warnings(make_document(["mnist_sample"]))
    assert found.startswith("MNIST sample: only a small sample of MNIST was used, so nothing here can")


def test_a_dataset_that_the_paper_does_not_print_is_named(make_document: Maker) -> None:
    result = make_document(["mnist"])
    for row in result["summary"]:
        row["test"]["paper_accuracy"] = row["negative"]["paper_accuracy"] = None
    assert warnings(result) == ["MNIST: the paper prints no numbers for these, so there is nothing to compare with"]
    result["summary"][1]["negative"]["paper_accuracy"] = 0.1
    assert warnings(result) == []


def test_a_smoke_run_is_no_result(make_document: Maker) -> None:
    result = make_document(["mnist"])
    result["fast"] = True
    for row in result["summary"]:
        row["test"]["paper_accuracy"] = row["negative"]["paper_accuracy"] = None
    assert warnings(result) == ["A smoke run on a few images: none of its numbers is a result"]


def test_what_was_not_run_is_named_with_its_reason_on_one_line(make_document: Maker) -> None:
    result = make_document(["mnist"])
    result["not_run"] = [{"dataset": "gtsrb", "reason": "no copy\n was found"}]
    assert warnings(result) == ["GTSRB: not run (no copy was found)"]


def test_the_caption_gives_sizes_seeds_kind_of_interval_and_what_guessing_scores(make_document: Maker) -> None:
    one = caption(sections(make_document(["gtsrb"]))[0])
    assert "n = 12,630 test images; negatives are those of 35,000 training images." in one
    assert "Runs per classifier: 1 (seed 0)." in one
    assert "Wilson 95 % interval" in one
    assert "by whole tracks" in one
    assert "Chance scores 2.33 %" in one
    assert "standard deviation" not in one
    three = caption(sections(make_document(["mnist"], seeds=3))[0])
    assert "Runs per classifier: 3 (seeds 0, 1, 2)." in three
    assert "95 % prediction interval" in three
    assert "standard deviation" in three
    assert not {"Wilson", "tracks"} & set(three.split())


def test_the_caption_explains_each_kind_of_brackets_where_rows_differ_in_runs(make_document: Maker) -> None:
    result = make_document(["mnist"], seeds=3)
    for row in result["summary"][1:]:
        row |= {"seeds": 1, "interval": "wilson"}
    mixed = caption(sections(result)[0])
    assert "Runs per classifier: 1 to 3" in mixed
    assert "In brackets, after the mean ± standard deviation of three or more: a 95 % prediction interval" in mixed
    assert "In brackets, after fewer than three runs: the Wilson 95 % interval" in mixed


def test_a_caption_of_unequal_rows_gives_the_range(make_document: Maker) -> None:
    result = make_document(["mnist"], seeds=3)
    result["summary"][0]["seeds"] = 2
    assert "Runs per classifier: 2 to 3 " in caption(sections(result)[0])


def test_sizes_are_given_for_each_dataset(make_document: Maker) -> None:
    text = sizes(sections(make_document(["mnist", "gtsrb"])))
    assert "MNIST 55,000 training images, 5,000 validation images, 10,000 negatives of test images" in text
    assert "; GTSRB 35,000 training images" in text


def test_predictions_that_depend_on_the_label_are_not_random(make_document: Maker) -> None:
    result = make_document(["mnist"])
    bits = [run["destinations"]["mutual_information_bits"] for run in result["runs"]]
    (answer,) = randomness(sections(result)[0])
    assert "every classifier: predictions on negatives are **not random**" in answer
    assert f"{min(bits):.3f} to {max(bits):.3f} bits" in answer


def test_a_smoke_run_has_no_finding_on_randomness(make_document: Maker) -> None:
    result = make_document(["mnist"])
    result["fast"] = True
    assert randomness(sections(result)[0]) == []


@pytest.mark.parametrize("dataset", ["mnist", "gtsrb"])
def test_guesses_without_regard_to_the_label_are_not_distinguishable_from_random(
    make_document: Maker, dataset: str
) -> None:
    result = make_document([dataset], random=True)
    ends = [run["destinations"] for run in result["runs"]]
    above = [end["mutual_information_bits"] > end["mutual_information_null_bits"] for end in ends]
    answers = randomness(sections(result)[0])
    assert sum(above) <= 1, "the demo's classifiers guess"
    assert any("**not distinguishable from random**" in answer for answer in answers)
    assert len(answers) == 1 + any(above)


def test_classifiers_that_differ_in_randomness_are_named(make_document: Maker) -> None:
    result = make_document(["mnist"], seeds=3)
    silent, torn = result["runs"][0:3], result["runs"][3:6]
    for run in (*silent, torn[0]):
        run["destinations"]["mutual_information_bits"] = 0.0
    answers = randomness(sections(result)[0])
    assert [answer.split(": ")[0] for answer in answers] == [
        "MNIST, DNN",
        "MNIST, ε = 0.05",
        "MNIST, ε = 0.1, ε = 0.2 and ε = 0.5",
    ]
    findings = ["**not distinguishable from random**", "**random in some runs only**", "**not random**"]
    assert all(words in answer for words, answer in zip(findings, answers, strict=True))


def test_provenance_names_what_made_the_numbers(make_document: Maker) -> None:
    result = make_document(["mnist", "gtsrb"])
    lines = provenance(result)
    assert lines[0] == "negatoscope 0.1.0, commit unknown, 2026-11-24"
    assert "command: `negatoscope reproduce table1 --seeds 1`" in lines
    assert "versions: python 3.11.9, torch 2.9.1" in lines
    assert "data mnist: official; sha256 train-images 0123456789ab" in lines
    assert "data gtsrb: unofficial copy: every image was rescaled to 32×32; sha256 train-images 0123456789ab" in lines
    assert "negatives: mnist after preparation, gtsrb after preparation" in lines
    assert not any(line.startswith("fast") for line in lines)
    seconds = sum(run["seconds"] for run in result["runs"])
    assert lines[-1] == f"training: 10 runs, {seconds:,.0f} seconds in all"


def test_provenance_names_the_commit_where_there_is_one(make_document: Maker) -> None:
    result = make_document(["mnist"])
    result["provenance"]["commit"] = "abc1234"
    assert "commit abc1234," in provenance(result)[0]
