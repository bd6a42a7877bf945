"""The page and the figure of a search: what they say follows from its document."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from negatoscope.documents import read_document
from negatoscope.provenance import record_provenance
from negatoscope.statistics.intervals import Rate
from negatoscope.statistics.measured import TrackedRate
from negatoscope.studies.match import read_match, write_match
from negatoscope.studies.match_figure import draw_match
from negatoscope.studies.match_page import answer, common, match_page, recipe_in_words
from negatoscope.studies.match_result import (
    Importance,
    Match,
    MatchCandidate,
    MatchSearch,
    NearestCandidate,
    OpenedCandidate,
)
from negatoscope.studies.match_trials import distance
from negatoscope.studies.sensitivity_result import SensitivityResult
from negatoscope.training.recipe import Recipe, named_recipe

RESULTS = Path(__file__).parents[2] / "results"
STUDY = read_document(
    RESULTS / "sensitivity" / "sensitivity.json", SensitivityResult, what="the published study", make="make it again"
)
SGD = named_recipe("sgd", "mnist")
TANH = replace(SGD, network=replace(SGD.network, conv_activation="tanh"))


def rate(accuracy: float, n: int = 10_000) -> TrackedRate:
    return TrackedRate(**vars(Rate.of(np.arange(n) < round(n * accuracy))))


def candidate(trial: int, recipe: Recipe, accuracy: float, negatives: float, epochs: int) -> MatchCandidate:
    recipe = replace(recipe, epochs=epochs)
    return MatchCandidate(trial, recipe, accuracy, negatives, distance("mnist", accuracy, negatives))


def search(*, found: bool = False) -> MatchSearch:
    """Eight recipes: four of the five nearest have tanh convolutions, no other has."""
    near = [candidate(trial, TANH, 0.99, 0.07 + 0.01 * trial, 5 + trial) for trial in range(4)]
    far = [candidate(trial, replace(SGD, batch_size=64), 0.98, 0.2 + 0.01 * trial, 3) for trial in range(4, 8)]
    again = [OpenedCandidate(each.trial, 2000, rate(0.991), rate(0.081)) for each in (*near, far[0])]
    fresh = [OpenedCandidate(0, seed, rate(0.98 + 0.001 * seed), rate(0.1 + 0.01 * seed)) for seed in range(5)]
    return MatchSearch(
        dataset="mnist",
        epsilon=0.0,
        paper_test_accuracy=0.992,
        paper_negative_accuracy=0.0668,
        trials=8,
        diverged=1,
        candidates=(*near, *far),
        opened=(*again, *fresh),
        nearest=NearestCandidate(0.99, 0.982, 0.12, near[0].recipe),
        found=found,
        importance={"conv_activation": Importance(0.5, 0.04), "dropout_first": Importance(0.2, 0.01)},
    )


def match(*searches: MatchSearch) -> Match:
    provenance = record_provenance(command="negatoscope reproduce match", hardware="a processor", data=[])
    made = tuple(replace(each, provenance=each.provenance or provenance) for each in searches)
    return Match(provenance=provenance, searches=made)


def test_the_answer_says_whether_the_pair_was_found_and_how_near() -> None:
    text = answer(search())
    assert text.startswith(
        "**Not found**, of 8 recipes (1 more diverged). The nearest, trained afresh with 5 seeds for 5 "
    )
    assert "classifies 98.20 ± 0.16 % of test images and 12.00 ± 1.58 % of negatives correctly" in text
    assert "−1.0 and +5.3 points from the 99.20 and 6.68 %" in text
    assert answer(search(found=True)).startswith("**Found**")


def test_what_the_nearest_have_in_common_is_said_beside_how_many_of_all_do() -> None:
    text = common(search())
    assert "tanh convolutions (4 of 5; of all 4 of 8)" in text
    assert "batches of 128 (4 of 5; of all 4 of 8)" in text
    assert "3 to 8 epochs into training" in text


def test_a_recipe_is_told_in_words() -> None:
    words = recipe_in_words(replace(TANH, weight_decay=1e-4))
    assert words.startswith("SGD 0.01, momentum 0.9, batches of 128, weight decay 0.0001, initialization glorot")
    assert words.endswith("tanh convolutions, input scaling unit, no dropout")
    assert "label" not in words


def test_the_page_has_importances_and_beside_them_the_effects_of_the_study() -> None:
    alone = match_page(match(search()))
    assert "| activation of the convolutions       |    50.0 ± 4.0 |" in alone
    assert "Alone, points" not in alone
    beside = match_page(match(search()), STUDY)
    (dropout,) = [each for each in STUDY.factors if (each.dataset, each.name) == ("mnist", "dropout")][:1]
    (line,) = [line for line in beside.splitlines() if line.startswith("| dropout after the first")]
    assert f"({str(dropout.level).partition(': ')[2]})" in line
    assert line.rstrip(" |").endswith(dropout.verdict)


def test_every_opened_candidate_stands_beside_its_accuracies() -> None:
    lines = [line for line in match_page(match(search())).splitlines() if " 99.10 | " in line]
    assert len(lines) == 5


def test_the_report_is_written_and_comes_back(tmp_path: Path) -> None:
    result = match(search(), replace(search(), dataset="gtsrb"))
    write_match(result, tmp_path, sensitivity=tmp_path / "nothing")
    assert read_match(tmp_path) == result
    assert {path.name for path in tmp_path.iterdir()} == {"match.json", "match.md", "match.png", "match.svg"}
    assert (tmp_path / "match.md").read_text() == match_page(result)


def test_the_figure_shows_every_recipe_and_the_pair() -> None:
    (axes,) = draw_match(match(search())).axes
    sizes = [len(np.asarray(points.get_offsets())) for points in axes.collections]
    assert sizes == [8, 5, 5]
    (pair,) = axes.lines
    assert (pair.get_xdata()[0], pair.get_ydata()[0]) == (pytest.approx(0.8), pytest.approx(6.68))


def test_each_search_keeps_the_command_that_made_it(tmp_path: Path) -> None:
    earlier, later = (
        record_provenance(command=f"negatoscope reproduce match --dataset {name}", hardware=f"{name}'s", data=[])
        for name in ("gtsrb", "mnist")
    )
    write_match(Match(provenance=earlier, searches=(replace(search(), dataset="gtsrb"),)), tmp_path)  # of old versions
    kept = read_match(tmp_path).searches
    assert [each.provenance for each in kept] == [earlier]
    page = match_page(Match(provenance=later, searches=(*kept, replace(search(), provenance=later))))
    assert f"Made by `{earlier.command}` and `{later.command}`." in page
    assert re.search(
        r"\nGTSRB: searched by negatoscope .*, gtsrb's, .*\.\n\nMNIST: searched by .*, mnist's, .*\.\n$", page
    )
