"""What Table I would run: the classifiers that are not there yet, timed by a few steps of each kind."""

from pathlib import Path

import torch

from negatoscope.executors import LOCAL, Execution
from negatoscope.hardware import Hardware
from negatoscope.reports.dry_run import DryRun
from negatoscope.reports.formatting import joined
from negatoscope.reproduce.estimate import count_passes
from negatoscope.reproduce.run_data import RunData
from negatoscope.reproduce.runs import read_run
from negatoscope.reproduce.table1 import Table1Request, estimate_runs, plan_table1, table1_folders
from negatoscope.reproduce.table1_run import Table1Run
from negatoscope.rows import estimate_size
from negatoscope.training.recipe import Recipe
from negatoscope.training.step import make_network

TIMED_STEPS = "a few steps of training and predicting timed here"


def dry_run_table1(request: Table1Request, *, out: Path, hardware: Hardware, execution: Execution = LOCAL) -> DryRun:
    """What `reproduce_table1` would do, without writing anything to `out`.

    Raises:
        InputError: As `plan_table1` says.
    """
    plan = plan_table1(request)
    folders = table1_folders(plan, out=out, hardware=hardware, threads=execution.threads)
    left = [spec for spec, folder in folders.items() if read_run(folder, Table1Run) is None]
    counts = [count_passes(spec, plan.data[spec.dataset]) for spec in left]
    workers = execution.count(len(left))
    weights = sum(weights_bytes(spec.recipe, plan.data[spec.dataset]) for spec in left)
    return DryRun(
        title=f"Table I with {joined(list(plan.data))}",
        noun="run",
        jobs=len(plan.specs),
        done=len(plan.specs) - len(left),
        images=sum(len(plan.data[spec.dataset].train) + len(plan.data[spec.dataset].test) for spec in left),
        passes=sum(count.total for count in counts),
        size_bytes=weights + 2 * estimate_size(sum(count.rows for count in counts)),  # the table has all rows again
        seconds=None if request.fast else sum(estimate_runs(plan, left, hardware).values()) / workers,
        basis="a smoke run is not timed" if request.fast else TIMED_STEPS,
        workers=workers,
        notes=tuple(f"{entry.dataset} is not run: {entry.reason}" for entry in plan.not_run),
    )


def weights_bytes(recipe: Recipe, data: RunData) -> int:
    """How many bytes the weights of the paper's network take, trained by a recipe."""
    network = make_network(data.train, recipe, seed=0, device=torch.device("cpu"))
    return sum(tensor.nbytes for tensor in network.state_dict().values())
