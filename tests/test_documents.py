"""Documents cannot drift: what they cite, link and show is there."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from negatoscope.studies.claims import RULES, judge_claims
from negatoscope.studies.claims_page import claims_page
from negatoscope.studies.design import load_studies
from negatoscope.studies.effects import LevelRuns, level_key
from negatoscope.studies.sensitivity import plan_runs
from negatoscope.studies.sensitivity_document import study_document
from negatoscope.studies.sensitivity_page import sensitivity_page

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
    shown = [line for line in text.splitlines() if line.startswith(("| DNN", "| Robust"))]
    assert shown
    assert [line for line in shown if line not in table.splitlines()] == []


def published(name: str) -> dict[str, Any]:
    return dict(json.loads((TOP / "results" / name / f"{name}.json").read_text(encoding="utf-8")))


def test_the_ledger_of_claims_is_made_from_the_published_results() -> None:
    claims = judge_claims(published("table1"), published("sensitivity"))
    sources = [published(name)["provenance"] for name in ("table1", "sensitivity")]
    command = "negatoscope reproduce claims --table1 table1 --sensitivity sensitivity --out claims.md"
    page = claims_page(claims, rules=RULES, command=command, sources=sources)
    assert (TOP / "docs" / "claims.md").read_text(encoding="utf-8") == page


def test_the_study_is_made_from_its_published_runs() -> None:
    document = published("sensitivity")
    studies = load_studies()
    cells = [json.loads(file.read_text(encoding="utf-8")) for file in TOP.glob("results/sensitivity/cells/*/cell.json")]
    known = {(cell["dataset"], cell["epsilon"], cell["digest"], cell["seed"]): cell for cell in cells}
    found: dict[str, LevelRuns] = {study.name: {} for study in studies}
    for run in plan_runs(studies, seeds=3):
        cell = run.run.cell
        made = known.get((cell.dataset, cell.epsilon, cell.recipe.digest, cell.seed))
        if made is not None:
            found[run.study].setdefault(level_key(run.factor, run.value), {})[cell.seed] = made
    again = study_document(studies, found, source=document["provenance"])
    assert len(again["curves"]) == document["provenance"]["runs"]["made"]
    assert_alike(json.loads(json.dumps(again)), document)


def assert_alike(found: Any, expected: Any) -> None:
    """Equal up to the last digits, in which least squares may differ from one kind of processor to another."""
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        assert_alike(list(found.values()), list(expected.values()))
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_alike(one, other)
    else:
        assert found == (pytest.approx(expected, rel=1e-6, abs=1e-9) if isinstance(expected, float) else expected)


def test_the_page_of_the_study_is_made_from_its_document() -> None:
    page = (TOP / "results" / "sensitivity" / "sensitivity.md").read_text(encoding="utf-8")
    assert page == sensitivity_page(published("sensitivity"))
