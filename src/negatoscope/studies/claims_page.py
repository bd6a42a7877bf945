"""The papers' claims with what we found, on one page."""

from pathlib import Path

from negatoscope.documents import read_document
from negatoscope.files import write_whole
from negatoscope.reports.formatting import MISSING, joined
from negatoscope.reports.markdown import markdown_table
from negatoscope.reproduce.table1_document import Table1, read_table1
from negatoscope.studies.claims import RULES, judge_claims
from negatoscope.studies.sensitivity_result import SensitivityResult

_INTRODUCTION = """\
# What the papers claim, and what we found

Hosseini and Poovendran 2017 (arXiv 1703.06857v1) claim that networks do not recognise negatives; the same
authors' later paper (arXiv 1803.07739) says when they do. Each of their sentences that can be tested stands
here with our test. The full text of the first version was not at hand: what stands in quotation marks is from
an abstract, the rest is in our words.

Made by `{command}` from two result documents, by the rules
at the end of the page: more seeds can overturn a verdict."""


def write_claims(table1: Path, sensitivity: Path, *, out: Path, command: str) -> Path:
    """Judge the claims and write them as Markdown.

    Args:
        table1: The folder that `reproduce table1` wrote.
        sensitivity: The folder that `reproduce sensitivity` wrote.
        out: The page.
        command: Recorded on the page.

    Raises:
        DataError: A folder does not hold the document.
        OutputError: `out` cannot be written.
    """
    table = read_table1(table1)
    studies = read_document(
        sensitivity / "sensitivity.json", SensitivityResult, what="a sensitivity study", make="make it first"
    )
    write_whole(out, claims_page(table, studies, command=command).encode())
    return out


def claims_page(table1: Table1, sensitivity: SensitivityResult, *, command: str) -> str:
    """Markdown: the verdicts in one table, then each claim with its test and its numbers."""
    findings = judge_claims(table1, sensitivity)
    lines = [
        [str(place), f"\u201c{claim.text}\u201d" if claim.quoted else claim.text, f"**{finding.verdict}**"]
        for place, (claim, finding) in enumerate(findings, start=1)
    ]
    results: tuple[Table1 | SensitivityResult, ...] = (table1, sensitivity)
    smoke = [result.provenance.command for result in results if result.fast]
    parts = [
        _INTRODUCTION.format(command=command),
        *(f"**NO RESULTS: `{made_by}` was a smoke run.**" for made_by in smoke),
        markdown_table(["", "Claim", "Verdict"], lines),
    ]
    for place, (claim, finding) in enumerate(findings, start=1):
        facts = [f"Claimed in {claim.source}.", f"*Test:* {finding.test}"]
        facts += [f"*Numbers:* {finding.numbers.rstrip('.')}."] if finding.numbers else []
        facts += [f"*Condition:* {finding.condition}."] if finding.condition else []
        parts.append(f"## {place}. {claim.text.rstrip('.')}: {finding.verdict}")
        parts.append("\n".join(f"- {fact}" for fact in facts))
    made = f"{sensitivity.made_runs} of {sensitivity.planned_runs}"
    sources = [
        f"`{source.command}`{part}, put together at commit {source.commit or MISSING}, {source.created}"
        for source, part in ((table1.provenance, ""), (sensitivity.provenance, f" ({made} planned runs)"))
    ]
    return "\n\n".join([*parts, f"## The rules\n\n{RULES.strip()}", f"Made from {joined(sources)}."]) + "\n"
