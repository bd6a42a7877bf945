"""What a reader must know before believing a number."""

from negatoscope.auditing.page_text import notes as sentences
from negatoscope.auditing.sections import Report, Section, register_section, render_section


@register_section
def notes(report: Report) -> Section | None:
    """A list of sentences, or nothing where nothing is unusual."""
    listed = sentences(report.summary)
    return render_section("auditing/sections/notes.jinja", place=0, notes=listed) if listed else None
