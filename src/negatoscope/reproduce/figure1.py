"""The paper's Figure 1: a digit and a sign beside their negatives, with what a trained classifier says of each."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from negatoscope.data import Dataset
from negatoscope.documents import to_plain
from negatoscope.errors import DataError, InputError
from negatoscope.files import sha256_of, write_whole
from negatoscope.hardware import pick_hardware
from negatoscope.models.networks import PaperNetwork
from negatoscope.models.predict import predict
from negatoscope.models.trained import load_network
from negatoscope.provenance import command_line, record_provenance
from negatoscope.reports.figures import save_figure
from negatoscope.reproduce.checks import expect_epsilons
from negatoscope.reproduce.figure1_drawing import Panel, draw_figure1
from negatoscope.reproduce.run_data import load_split, split_training
from negatoscope.reproduce.table1_sections import SMOKE, classifier_name, dataset_name
from negatoscope.training.recipe import Recipe
from negatoscope.transforms.tone import negative

_SHOWN = {"gtsrb": 14}
"""The class whose picture is shown, the stop sign; of other datasets, the first image's."""


class _Classifier(NamedTuple):
    """One that a table has."""

    dataset: str
    epsilon: float
    seed: int
    weights_sha256: str


class _Table(NamedTuple):
    """What the figure needs of a finished table, and where that is."""

    folder: Path
    classifiers: list[_Classifier]
    fast: bool


def reproduce_figure1(
    table1: Path, *, out: Path, epsilons: Sequence[float] = (0.0,), data_dir: Path | None = None
) -> list[Path]:
    """Draw the figure for the classifiers of a finished table, one row for each epsilon; lowest seed.

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
    table = _read_table(table1)
    names = list(dict.fromkeys(classifier.dataset for classifier in table.classifiers))
    datasets: dict[str, Dataset] = {}
    panels = [_row(table, names, epsilon, datasets, data_dir) for epsilon in epsilons]
    figure = draw_figure1(
        panels,
        groups=[dataset_name(name) + (SMOKE if table.fast else "") for name in names],
        classifiers=[classifier_name(epsilon) for epsilon in epsilons] if len(epsilons) > 1 else [],
    )
    document = {
        "schema": 1,
        "provenance": {
            **to_plain(
                record_provenance(
                    command=command_line("reproduce figure1", {"epsilons": ",".join(map(str, epsilons))}),
                    hardware=pick_hardware("cpu", "float32").description,
                    data=[dataset.provenance for dataset in datasets.values()],
                )
            ),
            "settings": {"fast": table.fast},
        },
        "panels": [[_said(panel) for panel in row] for row in panels],
    }
    content = json.dumps(document, indent=1) + "\n"
    paths = save_figure(figure, out, "figure1")
    write_whole(out / "figure1.json", content.encode())
    return [*paths, out / "figure1.json"]


def _read_table(folder: Path) -> _Table:
    file = folder / "table1.json"
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
        found = [
            _Classifier(str(cell["dataset"]), float(cell["epsilon"]), int(cell["seed"]), str(cell["weights_sha256"]))
            for cell in result["cells"]
        ]
        if not found:
            raise ValueError("no classifiers")
        return _Table(folder, found, bool(result["provenance"]["settings"]["fast"]))
    except FileNotFoundError as error:
        raise DataError(f"expected a finished table in {file}, there is none; run `reproduce table1` first") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"expected a finished table in {file}, got a damaged file; make it again") from error


def _row(
    table: _Table, names: Sequence[str], epsilon: float, datasets: dict[str, Dataset], data_dir: Path | None
) -> list[Panel]:
    panels = []
    for name in names:
        found = [each for each in table.classifiers if each.dataset == name and each.epsilon == epsilon]
        if not found:
            raise InputError(f"expected a classifier of {name} with epsilon {epsilon} in {table.folder}, there is none")
        lowest = min(found, key=lambda classifier: classifier.seed)
        network, facts = load_network(_weights(table.folder, lowest.weights_sha256))
        if name not in datasets:
            datasets[name] = load_split(str(facts["data"]), "train", data_dir=data_dir, fast=table.fast)
        panels += _pair(network, _shown(datasets[name], facts, table.fast))
    return panels


def _weights(table1: Path, digest: str) -> Path:
    for path in sorted((table1 / "runs").glob("*/weights.safetensors")):
        if sha256_of(path) == digest:
            return path
    raise DataError(f"expected the weights of a classifier under {table1 / 'runs'}, they are gone; run table1 again")


def _shown(dataset: Dataset, facts: dict[str, Any], fast: bool) -> Dataset:
    """The one image that is shown, out of those that the classifier was trained on."""
    recipe = Recipe.from_dict(facts["recipe"], where="the classifier's recipe")
    training, _ = split_training(dataset, recipe, seed=facts["seed"], fast=fast)
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
    for stored, change in ((pixels, None), (255 - pixels, lambda images, labels: negative(images))):
        found = predict(network, pixels, shown.labels, device=torch.device("cpu"), batch_transform=change)
        panels.append(
            Panel(
                image=stored[0],
                truth=shown.class_names[int(shown.labels[0])],
                said=shown.class_names[int(found.predictions[0])],
                confidence=float(found.confidences[0]),
            )
        )
    return panels


def _said(panel: Panel) -> dict[str, Any]:
    return {key: value for key, value in asdict(panel).items() if key != "image"}
