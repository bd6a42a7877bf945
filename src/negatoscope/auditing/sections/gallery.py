"""Pictures of what a transform made the classifier misclassify."""

from negatoscope.auditing.page_gallery import by_transform
from negatoscope.auditing.sections import Report, Section, register_section, render_section


@register_section
def gallery(report: Report) -> Section | None:
    """All pairs of the transform in focus and a few of each other one, if pictures were saved."""
    if not report.pairs:
        return None
    pairs = by_transform(report.pairs, first=report.focus.spec if report.focus else "")
    return render_section("auditing/sections/gallery.jinja", place=60, wide=True, report=report, gallery=pairs)
