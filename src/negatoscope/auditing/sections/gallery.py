"""Pictures of what a transform made the classifier misclassify."""

from negatoscope.auditing.page_contents import class_name
from negatoscope.auditing.page_gallery import by_transform
from negatoscope.auditing.sections import Report, register_section
from negatoscope.reports.page import Section, render


@register_section
def gallery(report: Report) -> Section | None:
    """All pairs of the transform in focus and a few of each other one, if pictures were saved."""
    if not report.pairs:
        return None
    return Section(
        title="Misclassified images",
        place=60,
        wide=True,
        lead="Images that are classified correctly when clean and misclassified under a transform, the most confident "
        "errors first, with the predictions and their confidence.",
        body=render(
            "auditing/sections/gallery.jinja",
            gallery=by_transform(report.pairs, first=report.focus.spec if report.focus else ""),
            class_name=lambda index: class_name(report.summary, index),
        ),
    )
