"""Table I from finished runs alone: no image is read, nothing is trained, no weights are needed."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from negatoscope.documents import write_document
from negatoscope.errors import DataError, DataNotFoundError
from negatoscope.files import locked, write_whole
from negatoscope.provenance import DataProvenance, Provenance, record_provenance
from negatoscope.reports.figures import save_figure
from negatoscope.reproduce.paper import DATASETS, dataset_label
from negatoscope.reproduce.runs import finished_runs
from negatoscope.reproduce.table1_columns import table1_csv
from negatoscope.reproduce.table1_document import Table1, read_table1, summarize
from negatoscope.reproduce.table1_figure import draw_epochs, draw_table1
from negatoscope.reproduce.table1_page import table1_markdown
from negatoscope.reproduce.table1_run import Table1Run
from negatoscope.training.recipe import PANEL

KEEPS = ("runs/", "table1.json")
"""How the names of files begin that a table goes on from."""

FAST = ", fast"
"""What the name of a smoke run's recipe ends in."""


def report_table1(
    out: Path, *, command: str, recipes: Sequence[str] = PANEL, datasets: Sequence[str] = (), fast: bool = False
) -> Table1:
    """Write `table1.json` and all that is made from it anew, from the `runs/*/run.json` of `out` alone.

    What made the runs is the runs' own; of runs that do not record it, what an earlier `table1.json` in `out` says.

    Args:
        out: The folder.
        command: Of provenance.
        recipes: Names of those that the table is to have.
        datasets: Names or specs of those; all if none is named.
        fast: Whether smoke runs are reported, or the others.

    Raises:
        DataError: A run or an earlier `table1.json` is damaged, two runs have one place, or nothing says which data
            they were made on.
        DataNotFoundError: There are no such runs.
        OutputError: `out` cannot be written, or another run writes to it.
    """
    names = [f"{name}{FAST}" if fast else name for name in recipes]
    found = [run for run in table1_runs(out) if run.recipe.name in names]
    runs = [run for run in found if not datasets or run.dataset in map(dataset_label, datasets)]
    if not runs:
        raise DataNotFoundError(f"expected finished runs of {', '.join(names)} in {out / 'runs'}, found none")
    with locked(out):
        earlier = read_table1(out) if (out / "table1.json").is_file() else None
        made = {run.dataset for run in runs}
        result = Table1(
            provenance=_provenance(runs, earlier.provenance if earlier else None, command),
            fast=fast,
            not_run=tuple(entry for entry in earlier.not_run if entry.dataset not in made) if earlier else (),
            runs=tuple(runs),
            summary=summarize(runs, comparable=not fast),
        )
        write_report(result, out)
        return result


def table1_runs(out: Path) -> list[Table1Run]:
    """Every finished run of a folder, in table order.

    Raises:
        DataError: One is damaged, or two have the same place in the table.
    """
    runs = finished_runs(out, Table1Run, lambda run: (run.dataset, run.recipe.name, run.epsilon, run.seed))
    return in_table_order(runs.values())


def in_table_order(runs: Iterable[Table1Run]) -> list[Table1Run]:
    """By dataset and recipe as the paper and the panel have them, then by epsilon and seed; others come last."""

    def place(names: Sequence[str], name: str) -> tuple[int, str]:
        return names.index(name) if name in names else len(names), name

    return sorted(
        runs,
        key=lambda run: (
            place(DATASETS, run.dataset),
            place(PANEL, run.recipe.name.removesuffix(FAST)),
            run.epsilon,
            run.seed,
        ),
    )


def write_report(result: Table1, out: Path) -> None:
    """Everything that is made from a table but its rows, and the table itself, whose presence means complete, last."""
    write_whole(out / "table1.md", table1_markdown(result).encode())
    write_whole(out / "table1.csv", table1_csv(result).encode())
    save_figure(draw_table1(result), out, "table1")
    save_figure(draw_epochs(result), out, "epochs")
    write_document(out / "table1.json", result)


def _provenance(runs: Sequence[Table1Run], earlier: Provenance | None, command: str) -> Provenance:
    own = {entry.spec: entry for run in runs for entry in run.data}
    if earlier is None and not all(run.data and run.made_by for run in runs):
        raise DataError(
            "expected table1.json beside runs that do not record their data and hardware, found none; copy it, too"
        )
    data: dict[str, DataProvenance] = {entry.spec: entry for entry in earlier.data} if earlier else {}
    hardware = earlier.hardware.split("; ") if earlier and not all(run.made_by for run in runs) else []
    hardware += [run.made_by.hardware for run in runs if run.made_by]
    return record_provenance(command=command, hardware="; ".join(dict.fromkeys(hardware)), data=(data | own).values())
