"""Documents cannot drift: what they cite, link and show is there."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from negatoscope.documents import read_document, to_plain
from negatoscope.reproduce.runs import read_run
from negatoscope.reproduce.table1_document import read_table1
from negatoscope.studies.claims_page import claims_page
from negatoscope.studies.sensitivity import plan_runs
from negatoscope.studies.sensitivity_page import sensitivity_page
from negatoscope.studies.sensitivity_plan import load_studies
from negatoscope.studies.sensitivity_result import SensitivityResult
from negatoscope.studies.sensitivity_run import StudyRun
from negatoscope.studies.sensitivity_summary import summarize_studies
from negatoscope.training.recipe import PANEL

TOP = Path(__file__).parent.parent
DOCUMENTS = sorted([*TOP.glob("*.md"), *TOP.glob("docs/*.md")])
SOURCES = sorted([*TOP.glob("src/**/*.py"), *TOP.glob("src/**/*.toml"), *DOCUMENTS])

CITED = re.compile(r"arXiv (\d{4}\.\d{4,5})|arxiv\.org/abs/(\d{4}\.\d{4,5})|doi\.org/(10\.[^\s)>\]]+)")


def references() -> set[str]:
    known = tomllib.loads((TOP / "docs" / "references.toml").read_text(encoding="utf-8"))["reference"]
    return {entry["id"].removeprefix("arXiv ").removeprefix("https://doi.org/") for entry in known}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(TOP)))
def test_every_cited_work_is_in_the_references(path: Path) -> None:
    cited = {next(filter(None, found)) for found in CITED.findall(path.read_text(encoding="utf-8"))}
    assert cited <= references()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(TOP)))
def test_every_link_to_a_file_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)\)", path.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (path.parent / link).exists()] == []


def test_the_readme_shows_the_rows_of_the_published_table() -> None:
    table = (TOP / "results" / "table1" / "table1.md").read_text(encoding="utf-8")
    text = (TOP / "README.md").read_text(encoding="utf-8")
    shown = [line for line in text.splitlines() if line.startswith(tuple(f"| {name} " for name in (*PANEL, "DNN")))]
    assert shown
    assert [line for line in shown if line not in table.splitlines()] == []


def published_study() -> SensitivityResult:
    file = TOP / "results" / "sensitivity" / "sensitivity.json"
    return read_document(file, SensitivityResult, what="the published study", make="make it again")


def test_the_page_of_claims_is_made_from_the_published_results() -> None:
    command = "negatoscope reproduce claims --table1 table1 --sensitivity sensitivity --out claims.md"
    page = claims_page(read_table1(TOP / "results" / "table1"), published_study(), command=command)
    assert (TOP / "docs" / "claims.md").read_text(encoding="utf-8") == page


def test_the_study_is_made_from_its_published_runs() -> None:
    document = published_study()
    studies = [
        study for study in load_studies() if study.recipe == "accurate"
    ]  # no run around another one is published
    runs = [read_run(folder, StudyRun) for folder in TOP.glob("results/sensitivity/runs/*")]
    known = {(run.dataset, run.epsilon, run.recipe.digest, run.seed): run for run in runs if run is not None}
    made: dict[str, dict[str, dict[int, StudyRun]]] = {study.name: {} for study in studies}
    for planned in plan_runs(studies, seeds=3):
        spec = planned.spec
        run = known.get((spec.dataset, spec.epsilon, spec.recipe.digest, spec.seed))
        if run is not None:
            made[planned.study].setdefault(planned.key, {})[spec.seed] = run
    same = {name: getattr(document, name) for name in ("provenance", "fast", "jobs", "planned_runs")}
    again = summarize_studies(studies, made, **same)
    assert len(again.curves) == document.made_runs
    assert_alike(to_plain(again), to_plain(document))


def assert_alike(computed: Any, expected: Any) -> None:
    """Equal up to the last digits, in which least squares may differ from one kind of processor to another."""
    if isinstance(expected, dict):
        assert list(computed) == list(expected)
        assert_alike(list(computed.values()), list(expected.values()))
    elif isinstance(expected, list):
        assert len(computed) == len(expected)
        for value, other in zip(computed, expected, strict=True):
            assert_alike(value, other)
    else:
        assert computed == (pytest.approx(expected, rel=1e-6, abs=1e-9) if isinstance(expected, float) else expected)


def test_the_page_of_the_study_is_made_from_its_document() -> None:
    page = (TOP / "results" / "sensitivity" / "sensitivity.md").read_text(encoding="utf-8")
    assert page == sensitivity_page(published_study())
