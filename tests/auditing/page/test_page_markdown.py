from collections.abc import Callable
from pathlib import Path

from negatoscope.auditing.compare import compare
from negatoscope.auditing.page_markdown import audit_markdown, compare_markdown
from negatoscope.auditing.page_text import change
from negatoscope.auditing.results import AuditSummary
from negatoscope.reports.formatting import percent

Maker = Callable[..., tuple[Path, AuditSummary]]


def table(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_has_a_line_for_each_transform_with_its_numbers(make_audit: Maker) -> None:
    _, summary = make_audit()
    _, _, clean, *rows = table(audit_markdown(summary))
    assert clean[:2] == ["clean", "120"]
    for row, entry in zip(rows, summary.transforms, strict=True):
        assert row[0].startswith(entry.spec)
        assert row[1] == str(entry.n)
        assert row[2].startswith(percent(entry.accuracy, decimals=1))
        assert row[3].startswith(change(entry.drop))


def test_verdict_and_suite_are_stated(make_audit: Maker) -> None:
    _, summary = make_audit()
    text = audit_markdown(summary)
    assert summary.verdict in text
    assert "Over 3 label-preserving transforms" in text
    assert f"worst case {percent(summary.worst_case.accuracy, decimals=1)} %" in text
    assert "Gate" not in text


def test_a_suite_without_meaning_has_neither_mean_nor_worst_case(make_audit: Maker) -> None:
    _, summary = make_audit(("pixel_flips(probability=0.5)",))
    assert "worst case" not in audit_markdown(summary)


def test_each_rule_of_the_gate_is_listed(make_audit: Maker) -> None:
    _, summary = make_audit(
        rules=(
            "clean=0.5",
            "negative=0.99",
        )
    )
    text = audit_markdown(summary)
    assert "Gate: FAILED." in text
    assert "- ✓ clean=0.5: " in text
    assert "- ✗ negative=0.99: " in text


def test_two_audits_of_the_same_images_are_compared_image_by_image(make_audit: Maker) -> None:
    (a, _), (b, _) = make_audit(("negative", "flip")), make_audit(("negative", "gamma(exponent=0.5)"))
    comparison = compare(a, b)
    text = compare_markdown(comparison)
    assert comparison.verdict in text
    assert "image by image" in text
    assert "Only A was audited under flip." in text
    assert "Only B was audited under gamma(exponent=0.5)." in text
    _, _, *rows = table(text)
    for row, entry in zip(rows, comparison.rates, strict=True):
        rates = [percent(share, decimals=1) for share in (entry.a, entry.b)]
        assert row[:4] == [entry.spec, str(entry.n), *rates]
        assert row[4].startswith("0.0 [")


def test_two_audits_of_other_images_are_two_samples(make_audit: Maker) -> None:
    (a, _), (b, _) = make_audit(("negative",)), make_audit(("negative",), n=60, size=12)
    text = compare_markdown(compare(a, b))
    assert "two samples" in text
    assert table(text)[2][1] == "120, 60"


def test_a_comparison_without_common_meaning_has_dashes(make_audit: Maker) -> None:
    (a, _), (b, _) = make_audit(("flip",), lost=("flip",)), make_audit(("flip",))
    row = next(row for row in table(compare_markdown(compare(a, b))) if row[0] == "flip")
    assert row[1:5] == ["0", "–", "–", "– –"]
