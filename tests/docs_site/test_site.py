"""The site of the docs is whole, and what is wrong in a page is named in a sentence."""

import json
import re
import textwrap
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

import negatoscope

pytest.importorskip("griffe", reason="NO GRIFFE: `make docs` installs it; the site is not tested")

from docs_site.__main__ import main
from docs_site.command_reference import COMMAND
from docs_site.pages import Page, arrange, written_pages
from docs_site.python_reference import PythonReference
from docs_site.site import Site, assemble, build

from negatoscope.transforms import describe_transforms

TOP = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site() -> Site:
    return build(TOP)


def text_of(site: Site, name: str) -> str:
    return re.sub(r"<[^>]+>", "", site.files[name].decode())


def test_nothing_is_wrong_with_the_site(site: Site) -> None:
    assert site.problems == ()


def test_every_document_is_a_page_and_what_pages_show_comes_along(site: Site) -> None:
    for source in written_pages(TOP):
        assert Page(source, "").target in site.files
    assert {"index.html", "audit.html", "images/view_light.png", "results/table1/table1.png"} <= set(site.files)
    assert sum(map(len, site.files.values())) < 15_000_000


def test_every_option_of_every_command_is_on_its_page(site: Site) -> None:
    for name, command in COMMAND.commands.items():
        page = text_of(site, f"reference/commands/{name}.html")
        for each in getattr(command, "commands", {"": command}).values():
            assert [
                option
                for parameter in each.params
                for option in parameter.opts
                if option.startswith("-") and option not in page
            ] == []
            assert each.epilog.partition(":")[2].strip() in page.replace("&#39;", "'")


def test_every_public_name_and_every_transform_has_its_place(site: Site) -> None:
    pages = "".join(content.decode() for name, content in site.files.items() if name.startswith("reference/"))
    for name in (*negatoscope.__all__[1:], *(entry.name for entry in describe_transforms())):
        assert f'id="{name.lower()}"' in pages


def test_a_class_is_explained_with_the_arguments_that_it_inherits(site: Site) -> None:
    page = text_of(site, "reference/python/audits.html")
    entry = page.partition("negatoscope.auditing.results.CleanResult(")[2].partition("CleanResult.interval")[0]
    assert "Expected calibration error" in entry


def test_every_field_of_a_document_is_on_the_page_of_its_schema(site: Site) -> None:
    for file in (TOP / "docs" / "schemas").glob("*.json"):
        schema, page = json.loads(file.read_text(encoding="utf-8")), text_of(site, f"schemas/{file.stem}.html")
        assert [field for field in schema.get("properties", {}) if field not in page] == []


def test_pages_load_nothing_from_elsewhere(site: Site) -> None:
    for name, content in site.files.items():
        if name.endswith(".html"):
            assert re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="(?:https?:|//|/)[^"]*"', content.decode()) == []


@pytest.mark.parametrize("source", [source for source, text in written_pages(TOP).items() if "```console" in text])
def test_consoles_mark_what_is_a_command_and_what_is_printed(source: str, site: Site) -> None:
    blocks = re.findall(r"^```console\n(.*?)^```", (TOP / source).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    expected = [re.sub(r"^\$ ", "", line) for block in blocks for line in commands_of(block)]
    page = site.files[Page(source, "").target].decode()
    shown = [
        line
        for block in re.findall(r"<code>((?:(?!</code>).)*<span class=\"gp\">.*?)</code>", page, re.DOTALL)
        for line in re.sub(r"<span class=\"g[po]\">.*?</span>", "", block).splitlines()
    ]
    assert [unescape(re.sub(r"<[^>]+>", "", line)) for line in shown if line] == expected


def commands_of(block: str) -> Iterator[str]:
    """The lines of a console that are typed."""
    goes_on = False
    for line in block.splitlines():
        if goes_on or line.startswith("$ "):
            yield line
            goes_on = line.endswith("\\")


def test_the_search_knows_every_heading(site: Site) -> None:
    entries = json.loads(site.files["search.js"].decode().removeprefix("window.searched(").removesuffix(");\n"))
    addresses = {address for _, _, address, _ in entries}
    assert {"statistics.html#statistics-of-an-audit", "reference/python/audits.html#audit"} <= addresses
    assert all(address.partition("#")[0] in site.files for address in addresses)


def test_every_name_that_documents_import_is_explained(site: Site) -> None:
    lines = [
        line
        for text in written_pages(TOP).values()
        for line in re.findall(r"^from negatoscope[\w.]* import (.+)$", text, re.MULTILINE)
    ]
    names = {name for line in lines for name in line.split(", ")}
    pages = "".join(site.files[name].decode() for name in site.files if name.startswith("reference/python/"))
    assert len(names) > 15
    assert [name for name in names if f'id="{name.lower()}"' not in pages] == []


def test_the_site_is_written_whole_and_never_over_files(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docs_site.__main__.build", lambda top: site)  # it is built once for all tests
    out = tmp_path / "site"
    assert main(["--out", str(out)]) == 0
    assert (out / "index.html").is_file()
    assert main(["--out", str(out)]) == 2
    assert "got one with files; remove it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# A\n[b](nothing.md)", "docs/a.md: expected a page or a file, got 'nothing.md'; correct the link"),
        (
            "# A\n[b](../../etc/passwd)",
            "docs/a.md: expected a page or a file, got '../../etc/passwd'; correct the link",
        ),
        ("# A\n[b](b.md#nothing)", "docs/a.md: expected a heading of docs/b.md, got #nothing; correct the link"),
        ("# A\n[b](#nothing)", "docs/a.md: expected a heading of docs/a.md, got #nothing; correct the link"),
        ("# A\n![b](nothing.png)", "docs/a.md: expected a page or a file, got 'nothing.png'; correct the link"),
        ("# A\n![](b.png)", "docs/a.md: expected a text for each picture, got 1 without; say what they show"),
        ("# A\n## page-body", "docs/a.md: expected each id once, got 'page-body' twice; change a heading"),
        ("# A\n<script>", "docs/a.md: expected no HTML but comments, <br>, <details>, got '<script>'; correct it"),
        (
            "# A\n```cobol\n```",
            "docs/a.md: expected a block of console, sh, bash, python, toml, yaml, json, bibtex, got 'cobol'; "
            "correct it",
        ),
        ("no heading", "docs/a.md: expected a heading, got none; correct it"),
    ],
)
def test_what_is_wrong_in_a_page_is_one_sentence(text: str, problem: str, tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "docs").mkdir(parents=True)
    (top / "docs" / "b.png").write_bytes(b"")
    pages = [
        Page("docs/a.md", text, section="S"),
        Page("docs/b.md", "# B\n\n## Two words\n\n[it](#two-words)", section="S"),
    ]
    assert assemble(top, pages).problems == (problem,)
    assert assemble(top, [pages[1]]).problems == ()


def test_a_folder_without_a_page_is_a_list_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "a.json").write_text("{}")
    site = assemble(tmp_path, [Page("docs/a.md", "# A\n[files](../results)")])
    assert site.problems == ()
    assert '<a href="a.json">a.json</a>' in site.files["results/index.html"].decode()
    assert site.files["results/a.json"] == b"{}"


def test_a_link_whose_text_is_a_page_is_called_as_the_navigation_calls_it(tmp_path: Path) -> None:
    text = "# A\n[docs/b.md](docs/b.md), [docs/c.md](docs/c.md), [b](docs/b.md)"
    pages = [Page("a.md", text), Page("docs/b.md", "# B"), Page("docs/c.md", "# C", label="Label")]
    article = assemble(tmp_path, pages).files["a.html"].decode().partition("<article>")[2]
    assert re.findall(r'<a href="[bc].html">(.*?)</a>', article)[:3] == ["B", "Label", "b"]


@pytest.mark.parametrize("source", written_pages(TOP))
def test_every_row_of_a_table_has_as_many_cells_as_its_head(source: str) -> None:
    cells = 0
    for line in (TOP / source).read_text(encoding="utf-8").splitlines():
        bars = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert not (cells and bars) or bars == cells, line
        cells = bars


LISTS = ("README.md", "CHANGELOG.md")
"""Where links are named as the files are, for those who read them in the repository."""


@pytest.mark.parametrize("source", [source for source in written_pages(TOP) if source not in LISTS])
def test_links_in_prose_have_words_for_their_text(source: str) -> None:
    text = (TOP / source).read_text(encoding="utf-8")
    links = re.findall(r"\[([^\]]*)\]\(([^)\s#?]+)[^)]*\)", text)
    assert [words for words, address in links if words.endswith((".md", ".toml")) and "://" not in address] == []


def test_links_that_lead_out_are_listed() -> None:
    site = assemble(TOP, [Page("docs/a.md", "# A\n[b](https://example.org/b) <mailto:a@example.org>")])
    assert site.external == (("docs/a.md", "https://example.org/b"), ("docs/a.md", "mailto:a@example.org"))


def test_no_line_breaks_within_a_percentage_or_an_interval() -> None:
    page = assemble(TOP, [Page("docs/a.md", "# A\n95 % of [7.1, 15.3] % or [a, b]")]).files["a.html"].decode()
    assert "<p>95\u00a0% of [7.1,\u00a015.3] % or [a, b]</p>" in page


def test_addresses_and_numbers_of_papers_in_a_text_are_links() -> None:
    text = "# A\nNobody 1999 (https://doi.org/10.1/a.x). See arXiv 1703.06857v1, or [https://b.org](https://c.org) `https://d.org`"
    addresses = [address for _, address in assemble(TOP, [Page("docs/a.md", text)]).external]
    assert addresses == ["https://arxiv.org/abs/1703.06857v1", "https://c.org", "https://doi.org/10.1/a.x"]


def test_the_navigation_has_every_page_once_and_no_other() -> None:
    navigation = {"S": {"a": "A", "b/*": "*"}, "T": {"b/3.md": "", "none": "", "a": ""}}
    pages, problems = arrange(navigation, {"a": "", "c": ""}, {"b/1.md": "", "b/2.md": "", "b/3.md": ""})
    assert [(page.source, page.label, page.section, page.parent) for page in pages] == [
        ("a", "A", "S", ""),
        ("b/1.md", "1", "S", "a"),
        ("b/2.md", "2", "S", "a"),
        ("b/3.md", "", "T", ""),
    ]
    assert problems == [
        "docs/site.toml: expected pages, each once, got 'none'; correct it",
        "docs/site.toml: expected pages, each once, got 'a'; correct it",
        "docs/site.toml: expected every page in it, got none of c; add a line for it",
    ]


def test_a_docstring_that_contradicts_its_signature_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "negatoscope").mkdir()
    (tmp_path / "negatoscope" / "__init__.py").write_text(
        textwrap.dedent(
            '''
            def right(a: int) -> int:
                """Right.

                Args:
                    a: A number.
                """

            def wrong(a: int) -> int:
                """Wrong.

                Args:
                    b: Another one.
                """

            def silent(): ...
            '''
        )
    )
    reference = PythonReference(tmp_path, {"Names": ["right", "wrong", "silent", "none"]})
    about = [problem for problem in reference.problems if "every public name" not in problem]
    assert about[0] == "docs/site.toml: expected a name of negatoscope, got 'none'; correct it" or "silent" in about[0]
    assert any("Parameter 'b' does not appear in the function signature" in problem for problem in about)
    assert any("silent: expected a docstring" in problem for problem in about)
    assert not any("right" in problem for problem in about)
