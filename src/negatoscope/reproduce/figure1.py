"""The paper's Figure 1: a digit and a sign beside their negatives, each with a trained classifier's prediction."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from negatoscope.copies import local_file
from negatoscope.data import Dataset
from negatoscope.documents import write_document
from negatoscope.errors import DataError, InputError
from negatoscope.files import sha256_of
from negatoscope.hardware import pick_hardware
from negatoscope.models.checkpoint import load_network
from negatoscope.models.networks import PaperNetwork
from negatoscope.models.predict import predict
from negatoscope.provenance import Provenance, record_provenance
from negatoscope.reports.figures import save_figure
from negatoscope.reproduce.checks import expect_epsilons
from negatoscope.reproduce.figure1_drawing import Panel, PanelPrediction, draw_figure1
from negatoscope.reproduce.paper import SMOKE, classifier_name, dataset_name
from negatoscope.reproduce.run_data import load_split, split_training
from negatoscope.reproduce.table1_document import Table1, read_table1
from negatoscope.reproduce.table1_report import FAST
from negatoscope.reproduce.table1_run import Table1Run
from negatoscope.stores import AnyPath
from negatoscope.transforms.tone import negative

_SHOWN = {"gtsrb": 14}
"""The class whose picture is shown, the stop sign; of other datasets, the first image's."""


@dataclass(frozen=True, kw_only=True)
class Figure1:
    """`figure1.json`: a row of panels for each classifier, each picture before its negative.

    `recipe` is the one that the classifiers were trained by.

    Args:
        provenance: What made it.
        fast: Whether it is a smoke run, whose numbers are no results.
        recipe: The recipe that the classifiers were trained by.
        panels: A row for each classifier.
    """

    schema: Literal[2] = 2
    provenance: Provenance
    fast: bool
    recipe: str = ""
    panels: tuple[tuple[PanelPrediction, ...], ...]


def reproduce_figure1(
    table1: AnyPath,
    *,
    out: Path,
    epsilons: Sequence[float] = (0.0,),
    recipe: str = "",
    data_dir: Path | None = None,
    command: str = "negatoscope reproduce figure1",
) -> list[Path]:
    """Draw the figure for the classifiers of a finished table, one row for each epsilon; lowest seed.

    They are those of `recipe`, and where none is named of the table's first: the plain reading, if the table has it.

    The pictures are fixed by a rule, not picked: the first training image, and of the signs the nearest view (the
    last frame) of the first stop sign that the classifier was trained on.

    Returns:
        The files written.

    Raises:
        DataError: There is no finished table in `table1`, or its data are not at hand.
        InputError: There is no epsilon, or the table has no classifier of one of them.
        OutputError: `out` cannot be written.
    """
    expect_epsilons(epsilons)
    table = read_table1(table1)
    names = list(dict.fromkeys(run.dataset for run in table.runs))
    by = f"{recipe.removesuffix(FAST)}{FAST if table.fast else ''}" if recipe else table.runs[0].recipe.name
    chosen = [[_first_run(table, name, by, epsilon, table1) for name in names] for epsilon in epsilons]
    datasets = {
        run.dataset: load_split(run.recipe.data, "train", data_dir=data_dir, fast=table.fast) for run in chosen[0]
    }
    panels = [
        [panel for run in row for panel in _pair(_network(table1, run), _shown(datasets[run.dataset], run, table.fast))]
        for row in chosen
    ]
    groups = [f"{dataset_name(name)}, recipe {by.removesuffix(FAST)}{SMOKE if table.fast else ''}" for name in names]
    classifiers = [classifier_name(epsilon) for epsilon in epsilons] if len(epsilons) > 1 else []
    paths = save_figure(draw_figure1(panels, groups=groups, classifiers=classifiers), out, "figure1")
    provenance = record_provenance(
        command=command,
        hardware=pick_hardware("cpu", "float32").description,
        data=[dataset.provenance for dataset in datasets.values()],
    )
    predictions = tuple(tuple(panel.caption for panel in row) for row in panels)
    write_document(out / "figure1.json", Figure1(provenance=provenance, fast=table.fast, recipe=by, panels=predictions))
    return [*paths, out / "figure1.json"]


def _first_run(table: Table1, dataset: str, recipe: str, epsilon: float, folder: AnyPath) -> Table1Run:
    place = dataset, recipe, epsilon
    runs = [run for run in table.runs if (run.dataset, run.recipe.name, run.epsilon) == place]
    if not runs:
        raise InputError(
            f"expected a classifier of {dataset} by recipe {recipe} with epsilon {epsilon} in {folder}, there is none"
        )
    return min(runs, key=lambda run: run.seed)


def _network(table1: AnyPath, run: Table1Run) -> PaperNetwork:
    with suppress(FileNotFoundError):
        for folder in (table1 / "runs").iterdir():
            path = folder / "weights.safetensors"
            if path.is_file() and sha256_of(path) == run.weights_sha256:
                return load_network(local_file(path))[0]
    raise DataError(f"expected the weights of a classifier under {table1 / 'runs'}, they are gone; run table1 again")


def _shown(dataset: Dataset, run: Table1Run, fast: bool) -> Dataset:
    """The one image that is shown, out of those that the classifier was trained on."""
    training, _ = split_training(dataset, run.recipe, seed=run.seed, fast=fast)
    chosen = np.arange(len(training))
    if dataset.name in _SHOWN:
        chosen = chosen[training.labels == _SHOWN[dataset.name]]
    if training.tracks is not None:
        chosen = chosen[training.tracks[chosen] == training.tracks[chosen[0]]][-1:]
    return training.take(chosen[:1], split="train")


def _pair(network: PaperNetwork, shown: Dataset) -> list[Panel]:
    assert isinstance(shown.images, np.ndarray), "a classifier was trained on them"
    pixels = np.asarray(shown.images)
    panels = []
    for stored, transform in ((pixels, None), (255 - pixels, lambda images, labels: negative(images))):
        result = predict(network, pixels, shown.labels, device=torch.device("cpu"), batch_transform=transform)
        truth, prediction = (shown.class_names[int(index[0])] for index in (shown.labels, result.predictions))
        panels.append(Panel(stored[0], PanelPrediction(truth, prediction, float(result.confidences[0]))))
    return panels
