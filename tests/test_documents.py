"""Documents cannot drift: what they cite, link and show is there."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from negatoscope.documents import read_document, to_plain
from negatoscope.reproduce.table1_columns import table1_csv
from negatoscope.reproduce.table1_document import read_table1, summarize
from negatoscope.reproduce.table1_page import table1_markdown
from negatoscope.reproduce.table1_report import table1_runs
from negatoscope.studies.claims_page import claims_page
from negatoscope.studies.discussion_page import discussion_page
from negatoscope.studies.discussion_plan import load_plan
from negatoscope.studies.discussion_report import read_discussion, summarize_folder
from negatoscope.studies.discussion_result import Discussion
from negatoscope.studies.sensitivity_page import sensitivity_page
from negatoscope.studies.sensitivity_plan import load_studies
from negatoscope.studies.sensitivity_report import summarize_runs
from negatoscope.studies.sensitivity_result import SensitivityResult
from negatoscope.studies.sequel import read_sequel
from negatoscope.studies.sequel_page import sequel_page

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


def test_the_published_table_is_made_from_its_runs() -> None:
    folder = TOP / "results" / "table1"
    document = read_table1(folder)
    runs = table1_runs(folder)
    assert list(document.runs) == runs
    assert_alike(to_plain(summarize(runs)), to_plain(document.summary))
    assert (folder / "table1.md").read_text(encoding="utf-8") == table1_markdown(document)
    assert (folder / "table1.csv").read_text(encoding="utf-8") == table1_csv(document)


def published_study() -> SensitivityResult:
    file = TOP / "results" / "sensitivity" / "sensitivity.json"
    return read_document(file, SensitivityResult, what="the published study", make="make it again")


def published_discussion() -> Discussion | None:
    folder = TOP / "results" / "discussion"
    return read_discussion(folder) if folder.exists() else None


@pytest.mark.skipif(published_discussion() is None, reason="the discussion's experiments have not been published yet")
def test_the_page_of_the_discussion_is_made_from_its_document_and_this_from_its_runs() -> None:
    folder, document = TOP / "results" / "discussion", published_discussion()
    assert document is not None
    assert (folder / "discussion.md").read_text(encoding="utf-8") == discussion_page(document)
    again = summarize_folder(load_plan(), folder, experiments=document.experiments, seeds=3, earlier=document)
    assert again.made_runs == document.made_runs > 0
    assert_alike(to_plain(again), to_plain(document))


def test_the_page_of_claims_is_made_from_the_published_results() -> None:
    command = "negatoscope reproduce claims --table1 table1 --sensitivity sensitivity"
    experiments = published_discussion()
    command += " --discussion discussion" if experiments else ""
    page = claims_page(read_table1(TOP / "results" / "table1"), published_study(), experiments, command=command)
    assert (TOP / "docs" / "claims.md").read_text(encoding="utf-8") == page


def test_the_study_is_made_from_its_published_runs() -> None:
    document = published_study()
    again = summarize_runs(load_studies(), TOP / "results" / "sensitivity", seeds=3, earlier=document)
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


def test_the_page_of_the_sequel_is_made_from_its_document() -> None:
    folder = TOP / "results" / "sequel"
    assert (folder / "sequel.md").read_text(encoding="utf-8") == sequel_page(read_sequel(folder))
