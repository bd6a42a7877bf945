"""What the paper printed, and how it calls datasets and classifiers."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import PurePath

from negatoscope.documents import read_settings

EPSILONS = (0.0, 0.05, 0.1, 0.2, 0.5)
"""The rows of Table I; 0 is the plain DNN.

Source: Hosseini and Poovendran 2017, arXiv 1703.06857v1, Table I.
"""

DATASETS = ("mnist", "gtsrb")
"""The columns of Table I."""

SMOKE = ", smoke run"
"""What a title ends in where few images were used."""

_NAMES = {"mnist": "MNIST", "mnist_sample": "MNIST sample", "fashion_mnist": "Fashion-MNIST", "gtsrb": "GTSRB"}


@dataclass(frozen=True)
class Printed:
    """Accuracies in [0, 1] that Table I prints for one classifier; None where it has no such classifier."""

    epsilon: float
    test: float | None
    negative: float | None


@dataclass(frozen=True)
class _Table:
    mnist: tuple[Printed, ...]
    gtsrb: tuple[Printed, ...]


@cache
def _expected() -> dict[str, tuple[Printed, ...]]:
    with as_file(files("negatoscope.reproduce").joinpath("expected.toml")) as path:
        return vars(read_settings(path, _Table, what="Table I"))


def printed(dataset: str, epsilon: float) -> Printed:
    """What Table I says of the classifier trained on `dataset` with `epsilon`.

    Source: Hosseini and Poovendran 2017, arXiv 1703.06857v1, Table I.
    """
    rows = (row for row in _expected().get(dataset, ()) if row.epsilon == epsilon)
    return next(rows, Printed(epsilon, None, None))


def dataset_name(dataset: str) -> str:
    """A dataset as people call it, with the arguments of its spec if it has some."""
    name, bracket, arguments = dataset.partition("(")
    return _NAMES.get(name, name) + (f" ({arguments}" if bracket else "")


def dataset_label(spec: str) -> str:
    """What results call a dataset: they hold no paths."""
    return f"folder:{PurePath(spec).name}" if spec.startswith("folder:") else spec


def classifier_name(epsilon: float) -> str:
    """The paper's name for the classifier trained at `epsilon`."""
    return f"Robust DNN (ε = {epsilon:.3g})" if epsilon else "DNN"


def short_classifier_name(epsilon: float) -> str:
    """The same for narrow places: axes and terminals."""
    return f"ε = {epsilon:.3g}" if epsilon else "DNN"
