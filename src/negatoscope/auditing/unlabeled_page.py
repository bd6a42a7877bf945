"""The page of predictions for images without labels: each of the first images under every transform."""

from collections.abc import Mapping, Sequence

from negatoscope.auditing.unlabeled_predictions import UnlabeledPredictions
from negatoscope.auditing.unlabeled_text import unlabeled_notes, unlabeled_sentence
from negatoscope.reports.page import Section, render_section
from negatoscope.reports.templates import render


def unlabeled_html(result: UnlabeledPredictions, pictures: Sequence[Mapping[str, str]], *, grain: bool) -> str:
    """The page; all that it shows is in it, and whatever names say is escaped.

    `pictures` are the first images by transform, as data URIs; `grain` is whether their pixels are to be seen.
    """
    sections: dict[str, Section] = {}
    if len(result.images) > 1 and result.transforms:
        sections["consistency"] = render_section("auditing/unlabeled_consistency.jinja", place=10, result=result)
    shown = list(zip(result.images, pictures, strict=False))
    sections["predictions"] = render_section(
        "auditing/unlabeled_images.jinja",
        place=20 * len(sections),
        wide=True,
        result=result,
        shown=shown,
        grain=grain,
    )
    context = {
        "result": result,
        "sections": sections,
        "sentence": unlabeled_sentence(result),
        "notes": unlabeled_notes(result),
    }
    return str(render("auditing/unlabeled.html.jinja", **context))
