"""How the numbers came about, and what they cannot say."""

from negatoscope.auditing.page_text import LIMITS, METHOD, facts, not_preserved
from negatoscope.auditing.sections import Report, register_section
from negatoscope.documents import to_plain
from negatoscope.reports.page import Section, render


@register_section
def method(report: Report) -> Section:
    """Method and limits; folded away, which classes were not counted, and the model, the data and the versions."""
    summary = report.summary
    described = {name: to_plain(getattr(summary, name)) for name in ("model", "dataset", "self_check", "provenance")}
    del described["dataset"]["class_names"]
    return Section(
        title="Method and limits",
        place=80,
        wide=True,
        body=render(
            "auditing/sections/method.jinja",
            method=METHOD,
            limits=LIMITS,
            partly=[
                (entry.spec, not_preserved(entry, summary))
                for entry in summary.transforms
                if entry.preserved is not None
            ],
            facts=facts(described),
        ),
    )
