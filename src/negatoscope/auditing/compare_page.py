"""The page of several audits side by side: it opens without a network, as an audit's report does."""

from collections.abc import Iterator
from dataclasses import dataclass

from negatoscope.auditing import page_text
from negatoscope.auditing.compare_models import ModelComparison, ModelRate, ModelRates, comparison_sentences
from negatoscope.auditing.page_contents import KINDS
from negatoscope.reports.chart_scale import chart_scale
from negatoscope.reports.page import Section, render_section
from negatoscope.reports.templates import render


@dataclass(frozen=True)
class Differences:
    """How far one model is from the first under every transform.

    Args:
        letter: What tables call it.
        model: Its name.
        rows: The spec and the model's rate under it.
    """

    letter: str
    model: str
    rows: list[tuple[str, ModelRate]]

    @property
    def scale(self) -> int:
        """The points that its chart reaches in both directions."""
        return chart_scale(end for _, model in self.rows for end in (model.difference_low, model.difference_high))


def compare_html(comparison: ModelComparison) -> str:
    """The page; all that it shows is in it, and whatever names say is escaped."""
    sections: dict[str, Section] = {
        "rates": render_section(
            "auditing/compare_rates.jinja",
            place=10,
            wide=True,
            comparison=comparison,
            groups=grouped(comparison),
            text=page_text,
        ),
        "differences": render_section(
            "auditing/compare_differences.jinja",
            place=20,
            differences=list(differences(comparison)),
            first=comparison.audits[0],
            text=page_text,
        ),
    }
    sentences = list(comparison_sentences(comparison))
    context = {"comparison": comparison, "sections": sections, "sentences": sentences, "text": page_text}
    return str(render("auditing/compare.html.jinja", **context))


def grouped(comparison: ModelComparison) -> dict[str, list[ModelRates]]:
    """The rates under the title of their kind, those of no image left out; clean and the worst case come first."""
    counted = [rate for rate in comparison.rates if rate.models[0].n]
    whole = [rate for rate in counted if rate.spec in ("clean", "worst_case")]
    groups = {"Clean, and the worst case over label-preserving transforms": whole} if len(whole) > 1 else {"": whole}
    for kind, title in KINDS.items():
        groups[title] = [rate for rate in counted if rate.kind == kind and rate not in whole]
    return {title: rates for title, rates in groups.items() if rates}


def differences(comparison: ModelComparison) -> Iterator[Differences]:
    """For each model but the first, its differences from that one."""
    for number, audit in enumerate(comparison.audits[1:], start=1):
        rows = [(rate.spec, rate.models[number]) for rate in comparison.rates]
        known = [(spec, model) for spec, model in rows if model.difference is not None]
        yield Differences(comparison.letters[number], audit.model, known)
