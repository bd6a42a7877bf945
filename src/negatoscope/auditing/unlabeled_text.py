"""Predictions for images without labels as Markdown, as CSV, and on a terminal of 80 columns."""

from rich.console import Group, RenderableType
from rich.text import Text

from negatoscope.auditing.page_text import unreadable_sentence
from negatoscope.auditing.unlabeled_predictions import ImagePrediction, UnlabeledImage, UnlabeledPredictions
from negatoscope.reports.csv_table import csv_table
from negatoscope.reports.formatting import counted, measured, one_line, percent
from negatoscope.reports.markdown import markdown_table
from negatoscope.reports.templates import render
from negatoscope.reports.terminal import foldable, point, simple_table

_LISTED = 20  # images that a table lists at most
_CLASS_WIDTH = 24


def unlabeled_sentence(result: UnlabeledPredictions) -> str:
    """What the classifier predicts and how often that stays; of several images, their consistency."""
    if len(result.images) == 1:
        (image,) = result.images
        changed, transforms = len(image.changed), counted(len(image.predictions) - 1, "transform")
        name = result.class_name(image.clean.prediction)
        clean = percent(image.clean.confidence, decimals=1, unit=True)
        start = f"{result.model} predicts {name} ({clean}) for {image.name}"
        if len(image.predictions) == 1:
            return f"{start}."
        rest = f"changes under {changed} of {transforms}" if changed else f"is the same under {transforms}"
        return f"{start}; the prediction {rest}."
    start = f"{result.model} on {counted(len(result.images), 'image')} without labels"
    if result.focus is None:
        return f"{start}."
    rate = percent(result.focus.consistency, decimals=1, unit=True)
    return f"{start}: {rate} of its predictions are the same under {result.focus.spec} as clean."


def unlabeled_notes(result: UnlabeledPredictions) -> list[str]:
    """What a reader must know."""
    notes = ["There are no labels, so nobody can say which predictions are correct: there is no accuracy."]
    if result.unreadable:
        notes.append(unreadable_sentence(len(result.unreadable), result.unreadable))
    if not result.class_names:
        notes.append("The names of the classes are not known; a text file with a line for each: --class-map FILE.")
    return notes


def _notes_on_tables(result: UnlabeledPredictions) -> list[str]:
    """The same, and that a table is cut where it is."""
    more = f"The table lists {_LISTED} of {len(result.images):,} images; CSV and predictions.json have all."
    return unlabeled_notes(result) + ([more] if len(result.images) > _LISTED else [])


def unlabeled_markdown(result: UnlabeledPredictions) -> str:
    """The sentence, and a table: of one image all predictions, of several each transform's consistency."""
    if len(result.images) == 1:
        header = ["Transform", "Prediction", "Confidence, %", ""]
        lines = [[*_cells(result, one), _mark(one, result.images[0])] for one in result.images[0].predictions]
        tables = [markdown_table(header, lines)]
    else:
        stays = [
            [entry.spec, measured(entry.consistency, entry.low, entry.high, decimals=1)] for entry in result.transforms
        ]
        listed = [
            [image.name, *_cells(result, image.clean)[1:], ", ".join(image.changed)]
            for image in result.images[:_LISTED]
        ]
        tables = [
            markdown_table(["Transform", "Consistency, %"], stays),
            markdown_table(["Image", "Prediction when clean", "Confidence, %", "Changes under"], listed),
        ]
    sentence, notes = unlabeled_sentence(result), _notes_on_tables(result)
    return str(render("auditing/unlabeled.md.jinja", sentence=sentence, notes=notes, tables=tables))


def unlabeled_csv(result: UnlabeledPredictions) -> str:
    """A line for each image under each transform."""
    return csv_table(
        [
            {
                "image": image.name,
                "transform": one.spec,
                "prediction": one.prediction,
                "class_name": result.class_name(one.prediction),
                "confidence": one.confidence,
                "same_as_clean": one.prediction == image.clean.prediction,
            }
            for image in result.images
            for one in image.predictions
        ]
    )


def unlabeled_tables(result: UnlabeledPredictions) -> RenderableType:
    """The same for a terminal."""
    tables = [_predictions(result)] if len(result.images) == 1 else _consistencies(result)
    notes = [point("•", note) for note in _notes_on_tables(result)]
    return Group("", Text(unlabeled_sentence(result), style="bold"), *notes, "", *tables, "")


def _predictions(result: UnlabeledPredictions) -> RenderableType:
    (image,) = result.images
    table = simple_table("Transform", "Prediction", "Confidence, %", "")
    table.columns[1].justify = "left"
    for one in image.predictions:
        spec, name, confidence = _cells(result, one)
        cells = (one_line(name, width=_CLASS_WIDTH), confidence, _mark(one, image))
        table.add_row(foldable(spec, width=30), *map(Text, cells), style="red" if _mark(one, image) else "")
    return table


def _consistencies(result: UnlabeledPredictions) -> list[RenderableType]:
    table = simple_table("Transform", "Consistency, %")
    for title, entries in result.groups.items():
        table.add_row(Text(title, style="bold"))
        for entry in entries:
            rate = measured(entry.consistency, entry.low, entry.high, decimals=1)
            table.add_row(foldable(entry.spec, width=50), Text(rate))
    images = simple_table("Image", "Prediction when clean", "Confidence, %", "Changes under")
    images.columns[1].justify = "left"
    for image in result.images[:_LISTED]:
        _, name, confidence = _cells(result, image.clean)
        cells = (one_line(name, width=_CLASS_WIDTH), confidence, counted(len(image.changed), "transform"))
        images.add_row(Text(image.name), *map(Text, cells))
    return [table, "", images]


def _cells(result: UnlabeledPredictions, one: ImagePrediction) -> list[str]:
    return [one.spec, result.class_name(one.prediction), percent(one.confidence, decimals=1)]


def _mark(one: ImagePrediction, image: UnlabeledImage) -> str:
    return "" if one.prediction == image.clean.prediction else "changed"
