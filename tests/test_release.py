"""What is published with a release says the same everywhere, and is small."""

import re
import tomllib
import zipfile
from datetime import date
from pathlib import Path

import pytest
import yaml
from tests.release_sizes import LIGHT_TABLE, MOST_BYTES, report

import negatoscope

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(("size", "fits"), [(MOST_BYTES // 2, True), (MOST_BYTES + 1, False)])
def test_a_wheel_is_too_large_whatever_the_light_table_takes(size: int, fits: bool, tmp_path: Path) -> None:
    (tmp_path / "negatoscope-0.tar.gz").write_bytes(b"abc")
    with zipfile.ZipFile(tmp_path / "negatoscope-0-py3-none-any.whl", "w") as archive:
        archive.writestr("negatoscope/large.toml", bytes(size))
        archive.writestr(f"{LIGHT_TABLE}static/app.js", bytes(MOST_BYTES))
    lines = report(tmp_path)
    assert f", and {MOST_BYTES:,} of the light table" in next(lines)
    assert next(lines) == "negatoscope-0.tar.gz: 3 bytes"
    if fits:
        assert next(lines, None) is None
    else:
        with pytest.raises(SystemExit, match=r"^expected a wheel of at most 1,000,000 bytes .* got 1,000,\d\d\d$"):
            next(lines)


def test_the_citation_is_of_this_version_and_in_the_form_of_its_format() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation.keys() >= {"cff-version", "message", "title", "authors"}, "what the format requires"
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    assert citation["version"] == negatoscope.__version__
    assert isinstance(citation["date-released"], date)
    assert citation["license"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"]
    for entry in (citation, *citation["references"]):
        assert entry["title"]
        for author in entry["authors"]:
            assert author.keys() in ({"name"}, {"family-names", "given-names"})
    assert all(entry.keys() >= {"type", "title", "authors"} for entry in citation["references"])


def test_the_changelog_has_this_version_with_the_date_of_the_citation() -> None:
    released = yaml.safe_load((ROOT / "CITATION.cff").read_text())["date-released"]
    versions = re.findall(r"^## \[(.+?)\] - (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == (negatoscope.__version__, str(released))


def test_bibtex_says_what_the_citation_says() -> None:
    page, citation = (ROOT / "docs/citing.md").read_text(), yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert f"version = {{{citation['version']}}}" in page
    assert f"year    = {{{citation['date-released'].year}}}" in page
    for entry in (citation, *citation["references"]):
        assert f"{{{entry['title']}}}" in page
    for entry in citation["references"]:
        assert f"{{{entry['url'].rpartition('/')[2]}}}" in page


def test_the_page_on_stability_lists_every_public_name() -> None:
    page = (ROOT / "docs/stability.md").read_text()
    listed = page.partition("\n`__version__`")[2].partition("\n\n")[0]
    assert {"__version__", *re.findall(r"`(\w+)`", listed)} == set(negatoscope.__all__)
