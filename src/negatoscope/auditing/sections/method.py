"""How the numbers came about, and what they cannot say."""

from negatoscope.auditing.page_text import LIMITS, METHOD, facts, not_preserved
from negatoscope.auditing.sections import Report, register_section
from negatoscope.documents import to_plain
from negatoscope.reports.page import Section, render_section


@register_section
def method(report: Report) -> Section:
    """Method and limits; folded away, which classes were not counted, and the model, the data and the versions."""
    summary = report.summary
    described = {name: to_plain(getattr(summary, name)) for name in ("model", "dataset", "self_check", "provenance")}
    del described["dataset"]["class_names"]
    return render_section(
        "auditing/sections/method.jinja",
        place=80,
        wide=True,
        method=METHOD,
        limits=LIMITS,
        partly=[(each.spec, not_preserved(each, summary)) for each in summary.transforms if each.preserved is not None],
        facts=facts(described),
    )
