"""What the paper printed."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

from negatoscope.documents import from_plain, read_toml

EPSILONS = (0.0, 0.05, 0.1, 0.2, 0.5)
"""The rows of Table I; 0 is the plain DNN.

Source: Hosseini and Poovendran 2017, arXiv 1703.06857v1, Table I.
"""

DATASETS = ("mnist", "gtsrb")
"""The columns of Table I."""


@dataclass(frozen=True)
class Printed:
    """Accuracies in [0, 1] that Table I prints for one classifier; None where it has no such classifier."""

    test: float | None
    negative: float | None


@dataclass(frozen=True)
class _ExpectedRow:
    epsilon: float
    test: float
    negative: float


@dataclass(frozen=True)
class _Expected:
    mnist: tuple[_ExpectedRow, ...]
    gtsrb: tuple[_ExpectedRow, ...]


@cache
def _expected() -> dict[tuple[str, float], Printed]:
    with as_file(files("negatoscope.reproduce").joinpath("expected.toml")) as path:
        columns = vars(from_plain(read_toml(path, what="Table I"), _Expected))
    return {(name, row.epsilon): Printed(row.test, row.negative) for name, rows in columns.items() for row in rows}


def printed(dataset: str, epsilon: float) -> Printed:
    """What Table I says of the classifier trained on `dataset` with `epsilon`.

    Source: Hosseini and Poovendran 2017, arXiv 1703.06857v1, Table I.
    """
    return _expected().get((dataset, epsilon), Printed(None, None))
