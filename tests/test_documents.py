"""Documents cannot drift: what they cite, link and show is there."""

import re
import tomllib
from pathlib import Path

import pytest

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
