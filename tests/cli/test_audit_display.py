"""What a terminal shows while an audit runs."""

from negatoscope.auditing.run import AuditProgress
from negatoscope.cli.audit_display import AuditDisplay


def test_the_bar_reaches_its_end_with_the_report_and_not_with_the_images() -> None:
    display, shares = AuditDisplay(), list[float]()
    display.expect(110)
    for progress in (
        AuditProgress(0, 100, stage="self_check"),
        AuditProgress(50, 100, seconds_left=1.0),
        AuditProgress(100, 100, seconds_left=0.0),
        AuditProgress(100, 100, stage="summary"),
        AuditProgress(100, 100, stage="gallery"),
        AuditProgress(100, 100, stage="report"),
    ):
        display.moved(progress)
        shares.append(display.done / display.total)
    assert shares == sorted(shares)
    assert 0.85 < shares[2] < shares[-1] < 1
