"""Every number of every transform in one table."""

from markupsafe import Markup

from negatoscope.auditing.page_contents import groups
from negatoscope.auditing.page_text import change, change_interval, preserved_note
from negatoscope.auditing.sections import Report, register_section
from negatoscope.reports.page import Section, render


@register_section
def numbers(report: Report) -> Section:
    """The table, and the worst and the best class under each transform."""
    summary = report.summary
    return Section(
        title="All numbers",
        place=70,
        wide=True,
        lead=Markup(
            "Rates in percent, differences in percentage points, 95 % intervals in brackets. <b>Consistency</b>: the "
            "share of predictions that did not change. <b>Attack success</b>: the share of images that are "
            "misclassified, among those classified correctly when clean. <b>Confidence</b>: the mean of all "
            "predictions; beneath it, of wrong ones. <b>ECE</b>: expected calibration error. <b>Information</b>: what "
            "a prediction says about the label; beneath it, the entropy of predictions."
        ),
        body=render(
            "auditing/sections/numbers.jinja",
            summary=summary,
            groups=groups(summary),
            top5=any(entry.top5_accuracy is not None for entry in summary.transforms),
            change=change,
            change_interval=change_interval,
            preserved_note=preserved_note,
        ),
    )
