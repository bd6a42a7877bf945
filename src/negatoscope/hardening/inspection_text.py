"""An inspection in words, as Markdown, as CSV, and on a terminal of 80 columns."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from negatoscope.auditing.page_text import left_out
from negatoscope.hardening.inspection import Inspection, RankedImage
from negatoscope.reports.csv_table import csv_table
from negatoscope.reports.formatting import counted, joined, one_line, percent, with_sign
from negatoscope.reports.markdown import markdown_table
from negatoscope.reports.templates import render
from negatoscope.reports.terminal import foldable, point, simple_table

_LISTED = 20  # images that a table lists
_NAME_WIDTH = 40


def inspection_sentence(inspection: Inspection) -> str:
    """How many images look transformed, or that none stands out."""
    images = f"{counted(inspection.n, 'image')} of {inspection.data}"
    if not inspection.standing_out:
        most = f"at most about {round(inspection.high):,} could be"
        return f"Of {images} none stands out as {_look(inspection)} beside the rest; {most} overlooked."
    verb = "looks" if inspection.standing_out == 1 else "look"
    return f"Of {images} about {inspection.standing_out:,} {verb} {_look(inspection)} beside the rest."


def _look(inspection: Inspection) -> str:
    return "negated" if [each.element for each in inspection.elements] == ["negative"] else "transformed"


def inspection_notes(inspection: Inspection) -> list[str]:
    """What a reader must know."""
    notes = []
    if inspection.standing_out:
        notes.append(
            f"The 95 % interval of that number is {round(inspection.low):,} to {round(inspection.high):,}, by counting "
            "alone. It assumes that transformed images are otherwise like the rest; unusual images count with them, so "
            "look before you change anything."
        )
    mended = [each for each in inspection.elements if round(each.estimate)]
    if len(inspection.elements) > 1 and mended:
        each = [f"{each.element} about {round(each.estimate):,}" for each in mended]
        notes.append(f"What mends them: {joined(each)}.")
    notes.append(
        "What most images are counts as natural: if half of the images were transformed, or all of a kind, it would "
        "go unnoticed."
    )
    notes += left_out(inspection.left_out)
    if inspection.unreadable:
        named = joined([f"{image.name} ({image.reason})" for image in inspection.unreadable[:3]])
        notes.append(f"{counted(len(inspection.unreadable), 'image')} could not be read: {named}.")
    return notes


def inspection_markdown(inspection: Inspection) -> str:
    """The sentence, the notes, what to expect of the first of the ranking, and the first images."""
    tables = []
    if inspection.cuts:
        header = ["First images", "Transformed among them, %", "Of all transformed, %"]
        tables.append(markdown_table(header, _cut_cells(inspection)))
    tables.append(markdown_table(["Rank", "Image", "Class", "Log-odds", "Mended by"], _image_cells(inspection)))
    sentence, notes = inspection_sentence(inspection), inspection_notes(inspection)
    return str(render("hardening/inspection.md.jinja", sentence=sentence, notes=notes, tables=tables))


def inspection_csv(images: Sequence[RankedImage], names: Sequence[str] = ()) -> str:
    """A line for each image, in the order of the ranking.

    Args:
        images: What is listed.
        names: What they are called instead.
    """
    return csv_table(
        [
            vars(image) | ({"name": name} if name else {})
            for image, name in zip(images, names or [""] * len(images), strict=True)
        ]
    )


def inspection_tables(inspection: Inspection) -> RenderableType:
    """The same for a terminal."""
    parts: list[RenderableType] = ["", Text(inspection_sentence(inspection), style="bold")]
    parts += [point("•", note) for note in inspection_notes(inspection)]
    if inspection.cuts:
        cuts = simple_table("First images", "Transformed among them, %", "Of all transformed, %")
        for cells in _cut_cells(inspection):
            cuts.add_row(*cells)
        parts += ["", cuts]
    images = simple_table("Rank", "Image", "Class", "Log-odds", "Mended by")
    for column in (images.columns[1], images.columns[2], images.columns[4]):
        column.justify = "left"
    for rank, name, label, score, element in _image_cells(inspection):
        images.add_row(
            rank, Text(one_line(name, width=_NAME_WIDTH)), Text(one_line(label, width=16)), score, foldable(element)
        )
    return Group(*parts, "", images, "")


def _cut_cells(inspection: Inspection) -> list[list[str]]:
    return [
        [f"{cut.first:,}", percent(cut.precision, decimals=1), percent(cut.recall, decimals=1)]
        for cut in inspection.cuts
    ]


def _image_cells(inspection: Inspection) -> list[list[str]]:
    return [
        [str(image.rank), image.name, image.label, with_sign(image.score, decimals=1), image.element]
        for image in inspection.images[:_LISTED]
    ]
