"""What a dry run says of a search is the most that it does."""

from pathlib import Path

import pytest

import negatoscope as ng
from negatoscope.data import Dataset
from negatoscope.errors import DataError, InputError
from negatoscope.models.adapter import ClassifierAdapter
from negatoscope.searching import plan as plan_module
from negatoscope.searching.dry_run import dry_run_search
from negatoscope.searching.plan import SearchConfig, make_search_plan

SPACES = ("translation(right=-0.125..0.125, down=-0.125..0.125)", "gamma(exponent=0.5..2)")


def test_it_counts_queries_were_no_image_fooled(
    classifier: ClassifierAdapter, digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_module, "_PART_QUERIES", 1)
    monkeypatch.setattr(plan_module, "_PART_IMAGES", 100)
    config = SearchConfig(space=SPACES, budget=12)
    plan = make_search_plan(classifier, digits, config)
    out = tmp_path / "out"
    said = dry_run_search(plan, out=out)
    assert not out.exists()
    assert (said.jobs, said.done, said.images, said.passes) == (3, 0, 300, 2 * 12 * 300)
    assert said.seconds is not None
    assert said.seconds > 0
    result = ng.search(classifier, digits, space=SPACES, budget=12, out=out)
    assert sum(entry.queries for entry in result.summary.spaces) <= said.passes
    assert dry_run_search(plan, out=out).done == 3


def test_images_that_cannot_be_read_are_a_sentence(classifier: ClassifierAdapter, tmp_path: Path) -> None:
    for label in range(10):
        (tmp_path / "digits" / str(label)).mkdir(parents=True)
        (tmp_path / "digits" / str(label) / "damaged.png").write_bytes(b"no image")
    plan = make_search_plan(classifier, ng.open_dataset(tmp_path / "digits"), SearchConfig(space=SPACES, budget=12))
    with pytest.raises(DataError, match=r"expected images in folder:digits, got none that can be read among those"):
        dry_run_search(plan, out=tmp_path / "out")


def test_what_would_be_refused_is_refused(classifier: ClassifierAdapter, digits: Dataset, tmp_path: Path) -> None:
    plan = make_search_plan(classifier, digits, SearchConfig(space=SPACES, budget=12, fail_under=("robust=2",)))
    with pytest.raises(InputError, match="robust=2"):
        dry_run_search(plan, out=tmp_path)
