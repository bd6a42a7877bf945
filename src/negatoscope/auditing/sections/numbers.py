"""Every number of every transform in one table."""

from negatoscope.auditing.page_contents import groups
from negatoscope.auditing.page_text import change, change_interval, preserved_note
from negatoscope.auditing.sections import Report, register_section
from negatoscope.reports.page import Section, render_section


@register_section
def numbers(report: Report) -> Section:
    """The table, and the worst and the best class under each transform."""
    summary = report.summary
    return render_section(
        "auditing/sections/numbers.jinja",
        place=70,
        wide=True,
        summary=summary,
        groups=groups(summary),
        top5=any(entry.top5_accuracy is not None for entry in summary.transforms),
        change=change,
        change_interval=change_interval,
        preserved_note=preserved_note,
    )
