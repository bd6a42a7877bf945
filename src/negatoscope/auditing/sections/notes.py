"""What a reader must know before believing a number."""

from markupsafe import Markup

from negatoscope.auditing.page_text import notes as sentences
from negatoscope.auditing.sections import Report, register_section
from negatoscope.reports.formatting import tight
from negatoscope.reports.page import Section


@register_section
def notes(report: Report) -> Section | None:
    """A list of sentences, or nothing where nothing is unusual."""
    listed = Markup().join(Markup("<li>{}</li>").format(tight(note)) for note in sentences(report.summary))
    body = Markup('<ul class="points">{}</ul>').format(listed)
    return Section(title="Before you read", place=0, body=body) if listed else None
