"""The page of an inspection: what stands out, with pictures."""

from collections.abc import Sequence

from negatoscope.hardening.inspection import Inspection
from negatoscope.hardening.inspection_images import Picture
from negatoscope.hardening.inspection_text import inspection_notes, inspection_sentence
from negatoscope.reports.page import Section, render_section
from negatoscope.reports.templates import render


def inspection_html(inspection: Inspection, pictures: Sequence[Picture]) -> str:
    """The page; all that it shows is in it, and whatever names say is escaped.

    Args:
        inspection: What was found.
        pictures: Of the first images of the ranking; none where they must not be shown.
    """
    sections: dict[str, Section] = {}
    if inspection.cuts:
        sections["precision"] = render_section("hardening/inspection_cuts.jinja", place=10, inspection=inspection)
    shown = list(zip(inspection.images, pictures, strict=False))
    sections["images"] = render_section(
        "hardening/inspection_images.jinja", place=20, wide=True, inspection=inspection, shown=shown
    )
    sections["method"] = render_section("hardening/inspection_method.jinja", place=30, inspection=inspection)
    context = {
        "inspection": inspection,
        "sections": sections,
        "sentence": inspection_sentence(inspection),
        "notes": inspection_notes(inspection),
    }
    return str(render("hardening/inspection.html.jinja", **context))
