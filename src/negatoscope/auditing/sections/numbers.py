"""Every number of every transform in one table."""

from negatoscope.auditing import page_text
from negatoscope.auditing.sections import Report, Section, register_section, render_section


@register_section
def numbers(report: Report) -> Section:
    """The table, and the worst and the best class under each transform."""
    return render_section("auditing/sections/numbers.jinja", place=70, wide=True, report=report, text=page_text)
