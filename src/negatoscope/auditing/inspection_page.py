"""The page of predictions for images without labels: each of the first images under every transform."""

from collections.abc import Mapping, Sequence

from negatoscope.auditing.inspection import Inspection
from negatoscope.auditing.inspection_text import inspection_notes, inspection_sentence
from negatoscope.reports.page import Section, render_section
from negatoscope.reports.templates import render


def inspection_html(inspection: Inspection, pictures: Sequence[Mapping[str, str]], *, grain: bool) -> str:
    """The page; all that it shows is in it, and whatever names say is escaped.

    Args:
        inspection: What was found.
        pictures: Of the first images what they look like, by transform, as data URIs.
        grain: Whether pictures are so small that their pixels are to be seen.
    """
    sections: dict[str, Section] = {}
    if len(inspection.images) > 1 and inspection.transforms:
        sections["consistency"] = render_section(
            "auditing/inspection_consistency.jinja", place=10, inspection=inspection
        )
    shown = list(zip(inspection.images, pictures, strict=False))
    sections["predictions"] = render_section(
        "auditing/inspection_images.jinja",
        place=20 * len(sections),
        wide=True,
        inspection=inspection,
        shown=shown,
        grain=grain,
    )
    context = {
        "inspection": inspection,
        "sections": sections,
        "sentence": inspection_sentence(inspection),
        "notes": inspection_notes(inspection),
    }
    return str(render("auditing/inspection.html.jinja", **context))
