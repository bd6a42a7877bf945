"""How the numbers came about, and what they cannot say."""

from collections.abc import Iterator, Mapping

from negatoscope.auditing.sections import Report, Section, register_section, render_section
from negatoscope.documents import to_plain


@register_section
def method(report: Report) -> Section:
    """Method and limits; folded away, which classes were not counted, and the model, the data and the versions."""
    summary = report.summary
    described = {name: to_plain(getattr(summary, name)) for name in ("model", "dataset", "self_check", "provenance")}
    del described["dataset"]["class_names"], described["dataset"]["left_out"]
    names = list(enumerate(summary.dataset.class_names))
    not_counted = {
        entry.spec: [name for index, name in names if index not in entry.preserved]
        for entry in summary.transforms
        if entry.preserved is not None
    }
    lines = facts(described)
    return render_section("auditing/sections/method.jinja", place=80, wide=True, not_counted=not_counted, facts=lines)


def facts(values: Mapping[str, object], *, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested plain data as lines of a name and a text; what is empty is left out."""
    for key, value in values.items():
        name = f"{prefix}{key}".replace("_", " ")
        parts = value if isinstance(value, list) else [value]
        tables = [part for part in parts if isinstance(part, Mapping)]
        for table in tables:
            yield from facts(table, prefix=f"{name}: ")
        if isinstance(value, bool):
            yield name, "yes" if value else "no"
        elif not tables and value not in (None, "", [], {}):
            yield name, ", ".join(map(str, parts))
