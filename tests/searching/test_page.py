"""The report of a search shows what was found, opens without a network, and says what it cannot know."""

import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

import negatoscope
from negatoscope.data import Dataset
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.models.open import open_classifier
from negatoscope.searching.result import SearchResult, read_search
from negatoscope.transforms import describe_transform

GEOMETRY = "rotation(degrees=-20..20) | translation(right=-0.15..0.15)"


@pytest.fixture(scope="module")
def found(classifier: ClassifierAdapter, digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    folder = tmp_path_factory.mktemp("found") / "search"
    spaces = (GEOMETRY, "gamma(exponent=0.25..4)")
    return negatoscope.search(classifier, digits, space=spaces, strategy="random", budget=12, out=folder)


def page_of(result: SearchResult) -> str:
    return (result.out / "report.html").read_text(encoding="utf-8")


def test_every_section_is_there_and_its_anchor_too(found: SearchResult) -> None:
    page = page_of(found)
    sections = re.findall(r'<section class="\w+" id="(\w+)">', page)
    assert sections == ["queries", "spaces", "settings", "smallest", "pictures", "classes", "shared", "method"]
    assert set(re.findall(r'href="#(\w+)"', page.partition("</nav>")[0])) == set(sections)


def test_the_page_needs_no_network_and_no_id_is_used_twice(found: SearchResult) -> None:
    page = page_of(found)
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_the_smallest_change_of_each_image_still_fools_when_it_is_applied_as_a_transform(
    found: SearchResult, classifier: ClassifierAdapter, digits: Dataset
) -> None:
    rows = pq.read_table(found.out / "smallest.parquet").to_pylist()
    assert len(rows) == sum(entry.smallest.n for entry in found.summary.spaces if entry.smallest) > 50
    images = torch.from_numpy(np.asarray(digits.images)).float() / 255
    still = 0
    for row in rows:
        place = int(np.flatnonzero(digits.samples == row["sample"])[0])
        one = describe_transform(row["parameters"]).function(images[place : place + 1])
        still += int(classifier(one).argmax()) != digits.labels[place]
        assert 0 < row["distance"] <= row["distance_found"]
    assert still / len(rows) > 0.98  # at the very edge rounding of the written number may turn the answer


def test_accuracy_against_the_size_of_a_change_goes_from_clean_to_the_worst_case(found: SearchResult) -> None:
    for entry in found.summary.spaces:
        assert entry.smallest is not None
        accuracies = [point.accuracy for point in entry.smallest.curve]
        assert accuracies[0] == entry.clean_accuracy
        assert accuracies[-1] == entry.accuracy_under_attack.accuracy
        assert accuracies == sorted(accuracies, reverse=True)


def test_failing_settings_are_counted_over_the_whole_space_and_not_where_the_search_went(found: SearchResult) -> None:
    entry = found.summary.spaces[0]
    assert [len(counted.dimensions) for counted in entry.failing] == [1, 1, 2]
    for counted in entry.failing:
        assert sum(counted.n) == 16 * entry.n
        assert max(counted.n) - min(counted.n) <= 2 + 0.25 * max(counted.n)


def test_figures_and_tables_lie_beside_the_page(found: SearchResult) -> None:
    names = {path.name for path in (found.out / "figures").glob("*.png")}
    assert names >= {"queries.png", "smallest.png", "settings-1-1.png", "smallest-changes-1.png"}
    assert (found.out / "report.md").read_text(encoding="utf-8") == str(found)
    assert len((found.out / "search.csv").read_text(encoding="utf-8").splitlines()) == 3


def test_what_is_read_back_is_what_was_found(found: SearchResult) -> None:
    assert read_search(found.out).summary == found.summary


def test_settings_of_a_transform_that_a_space_has_twice_are_told_apart(
    classifier: ClassifierAdapter, digits: Dataset, tmp_path: Path
) -> None:
    space = "gamma(exponent=0.5..2) | brightness(factor=0.5..2) | gamma(exponent=0.5..2)"
    page = page_of(negatoscope.search(classifier, digits, space=space, budget=2, limit=60, out=tmp_path / "twice"))
    assert all(f">exponent of gamma {number}<" in page for number in (1, 2))


def test_chance_is_among_the_classes_of_the_data_and_not_among_all_outputs(digits: Dataset, tmp_path: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Linear(64, 1000))
    mapped = open_classifier(network.eval(), size=8, channels="gray", classes=1000, class_map=tuple(range(500, 510)))
    given = {"space": "gamma(exponent=0.5..2)", "budget": 2, "limit": 60, "no_self_check": True}
    result = negatoscope.search(mapped, digits, **given, out=tmp_path / "mapped")
    assert (result.summary.model.classes, result.summary.chance) == (1000, 0.1)
    assert re.search(r"Chance is 10\.0", page_of(result))


def test_a_search_that_fools_nothing_has_no_pictures(
    classifier: ClassifierAdapter, digits: Dataset, tmp_path: Path
) -> None:
    result = negatoscope.search(classifier, digits, space="gamma(exponent=0.99..1.01)", budget=2, out=tmp_path / "none")
    page = page_of(result)
    assert result.summary.spaces[0].smallest is None
    assert 'id="pictures"' not in page
    assert 'id="queries"' in page


def test_a_space_that_has_a_name_is_called_by_it_and_written_out_once(
    classifier: ClassifierAdapter, other: ClassifierAdapter, digits: Dataset, tmp_path: Path
) -> None:
    spaces = ("tone", GEOMETRY)
    result = negatoscope.search(classifier, digits, space=spaces, budget=3, transfer=other, out=tmp_path / "named")
    assert [entry.label for entry in result.summary.spaces] == ["tone", GEOMETRY]
    stages = result.summary.spaces[0].space
    assert str(result).count(stages) == 1
    assert f"\n- The space tone is {stages}.\n" in str(result)
    assert "\n| tone " in str(result)
    page = page_of(result)
    assert page.count("<code>tone</code>") == 5, "queries, mean and worst case, settings, smallest, pictures"
    assert re.search(r"another<small>tone; [\d.]+\s%\sof\s\d+ fooled, too</small>", page)
    assert re.search(r"of \d+\simages? that it classifies correctly when clean and that fool the first model, ", page)
