from pathlib import Path

import pytest

from negatoscope.auditing.results import AuditSummary
from negatoscope.auditing.verdict import verdict_sentence
from negatoscope.documents import read_document
from negatoscope.transforms import describe_transform

FILES = sorted((Path(__file__).parents[3] / "results" / "audits").glob("*/summary.json"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_a_published_audit_is_a_document_of_today_and_its_verdict_is_that_of_its_numbers(file: Path) -> None:
    summary = read_document(file, AuditSummary, what="a published audit", make="audit again")
    assert summary.verdict == verdict_sentence(summary)
    for entry in summary.transforms:
        facts = describe_transform(entry.spec)
        assert (str(facts.spec), facts.spec.name, facts.kind) == (entry.spec, entry.name, entry.kind)


def test_both_audits_of_the_documentation_are_published() -> None:
    assert [file.parent.name for file in FILES] == ["gtsrb", "mnist"]
