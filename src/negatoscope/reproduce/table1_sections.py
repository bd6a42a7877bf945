"""A result document, cut into what makes one table or one panel, and the words and number formats of all reports."""

from collections.abc import Sequence
from dataclasses import dataclass

from negatoscope.documents import Document

SMOKE = ", smoke run"
"""What a title ends in where a few images were used only."""

_NAMES = {"mnist": "MNIST", "mnist_sample": "MNIST sample", "fashion_mnist": "Fashion-MNIST", "gtsrb": "GTSRB"}


@dataclass(frozen=True)
class Section:
    """One dataset under one recipe.

    Args:
        dataset: Its name in the document.
        title: How people call it, with the recipe where the document has several for this dataset.
        rows: Its summary rows, by epsilon.
        runs: For each row, the runs that it sums up, by seed.
        fast: Whether they are a smoke run's; the title says so, too.
    """

    dataset: str
    title: str
    rows: list[Document]
    runs: list[list[Document]]
    fast: bool


def sections(result: Document) -> list[Section]:
    """The sections of a table1 document, in the order in which its summary names them."""
    keys = list(dict.fromkeys((row["dataset"], row["recipe"]) for row in result["summary"]))
    found = []
    fast = bool(result["provenance"]["settings"].get("fast"))
    for dataset, recipe in keys:
        rows = [row for row in result["summary"] if (row["dataset"], row["recipe"]) == (dataset, recipe)]
        rows.sort(key=lambda row: float(row["epsilon"]))
        several = sum(name == dataset for name, _ in keys) > 1
        title = dataset_name(dataset) + (f", recipe {recipe}" if several else "") + (SMOKE if fast else "")
        found.append(Section(dataset, title, rows, [_runs(result["cells"], row) for row in rows], fast))
    return found


def dataset_name(dataset: str) -> str:
    """How people call a dataset, with the arguments of its spec if it has some."""
    name, bracket, arguments = dataset.partition("(")
    return _NAMES.get(name, name) + (f" ({arguments}" if bracket else "")


def classifier_name(epsilon: float) -> str:
    """The paper's name for the classifier trained at `epsilon`."""
    return f"Robust DNN (ε = {epsilon:.3g})" if epsilon else "DNN"


def short_classifier_name(epsilon: float) -> str:
    """The same for narrow places: axes and terminals."""
    return f"ε = {epsilon:.3g}" if epsilon else "DNN"


def _runs(cells: Sequence[Document], row: Document) -> list[Document]:
    wanted = [cell for cell in cells if all(cell[key] == row[key] for key in ("dataset", "epsilon", "recipe"))]
    return sorted(wanted, key=lambda cell: int(cell["seed"]))
