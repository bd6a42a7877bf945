"""The authors' sequel again: for each image, random shifts of hue and saturation until one is misclassified."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from negatoscope.auditing.arguments import Named
from negatoscope.documents import read_document, write_document
from negatoscope.errors import expect
from negatoscope.executors import LOCAL, Execution
from negatoscope.executors.jobs import run_jobs
from negatoscope.files import locked, remove_leftovers, write_whole
from negatoscope.hardware import Hardware
from negatoscope.reports.figures import save_figure
from negatoscope.reproduce.checks import expect_seeds
from negatoscope.reproduce.runs import RunSpec, run_folder
from negatoscope.searching.strip import draw_strip
from negatoscope.studies.jobs import data_of
from negatoscope.studies.sequel_figure import draw_sequel
from negatoscope.studies.sequel_page import sequel_page
from negatoscope.studies.sequel_result import Sequel, group_models
from negatoscope.studies.sequel_run import FINISHED, SPACE, OwnNetwork, SequelJob, SequelWork, ShiftSearch
from negatoscope.training.recipe import Recipe, named_recipe
from negatoscope.transforms.spaces import resolve_space

COLOR = "color"
"""The recipe that runs where none is given."""

_MOST = 999_999  # trials: a search takes a million queries at most
_SHOWN = 6  # images of a picture

Moved = Callable[[str, str, float], None]
"""Called with a classifier, with what is being done, and with which share of its job is done."""


@dataclass(frozen=True)
class SequelRequest:
    """What is searched, and how.

    Args:
        seeds: How many networks are trained by the recipe, seeds 0, 1, ...
        trials: For each image at most.
        limit: At most this many test images, each class in proportion; None is all.
        seed: Of which images those are, and of every draw.
        recipe: What networks are trained by; by default `color`, on GTSRB.
        named: A user's model and data in place of networks that are trained here.
        no_self_check: Whether to search it where the self-check would stop.
        data_dir: A folder to look for data in first.
        execution: Where classifiers are trained and searched.
        command: Recorded with the results.

    Raises:
        InputError: A number is out of range.
    """

    seeds: int = 3
    trials: int = 1000
    limit: int | None = 2000
    seed: int = 0
    recipe: Recipe | None = None
    named: Named | None = None
    no_self_check: bool = False
    data_dir: Path | None = None
    execution: Execution = LOCAL
    command: str = "negatoscope reproduce sequel"

    def __post_init__(self) -> None:
        expect_seeds(self.seeds)
        expect(1 <= self.trials <= _MOST, f"--trials from 1 to {_MOST:,}", self.trials)
        expect(self.limit is None or self.limit >= 1, "--limit of at least 1", self.limit)
        expect(0 <= self.seed < 2**63, "--seed from 0 to 2**63 - 1", self.seed)


def reproduce_sequel(
    request: SequelRequest, *, out: Path, hardware: Hardware, moved: Moved = lambda name, text, share: None
) -> Sequel:
    """Search what is asked for, and write as `write_sequel` does, keeping the other classifiers that `out` holds.

    Stopped, the same call resumes: in training after the last epoch, in a search after its last part.

    Raises:
        DataError: The data are not at hand or damaged.
        InputError: A model cannot be opened or fails the self-check, or training diverges.
        OutputError: `out` cannot be written, or another run writes to it.
    """
    with locked(out):
        remove_leftovers([out, *out.glob("runs/*")])
        earlier = read_sequel(out).models if (out / FINISHED).is_file() else ()
        jobs = plan_jobs(request, out=out, hardware=hardware)

        def show(job: SequelJob, what: Any) -> None:
            moved(str(job), *what)

        for job in run_jobs(SequelWork(), jobs, execution=request.execution, opened=True, moved=show):
            moved(str(job), "searched", 1.0)
        made = [model for job in jobs for model in read_sequel(job.folder).models]
        again = {(model.kind, model.training_seed) for model in made}
        others = [model for model in earlier if (model.kind, model.training_seed) not in again]
        result = Sequel(models=(*others, *made))
        write_sequel(result, out)
        return result


def plan_jobs(request: SequelRequest, *, out: Path, hardware: Hardware) -> list[SequelJob]:
    """A job for each classifier.

    Raises:
        DataError: The data of the recipe are not at hand or damaged.
        InputError: They do not fit it, or are not in color.
    """
    threads = request.execution.threads
    search = ShiftSearch(
        request.trials, request.limit, request.seed, request.command, threads, no_self_check=request.no_self_check
    )
    if request.named is not None:
        job = SequelJob(out, search, request.named)
        return [replace(job, folder=out / "runs" / re.sub(r"[^\w.-]+", "_", str(job)).strip("."))]
    recipe = request.recipe or named_recipe(COLOR, "gtsrb")
    data, jobs = data_of(recipe, request.data_dir, fast=False), []
    resolve_space(SPACE, channels=np.shape(data.train.images)[1])
    for seed in range(request.seeds):
        spec = RunSpec(data.train.spec.partition("(")[0], 0.0, seed, recipe)
        network = OwnNetwork(recipe, seed, request.data_dir, hardware)
        folder = run_folder(spec, data, hardware=hardware, out=out, threads=threads)
        jobs.append(SequelJob(folder, search, network))
    return jobs


def write_sequel(result: Sequel, out: Path) -> None:
    """Write the page, the figures and, last, `sequel.json`.

    Raises:
        OutputError: `out` cannot be written.
    """
    write_whole(out / "sequel.md", sequel_page(result).encode())
    save_figure(draw_sequel(result), out, "sequel")
    for place, group in enumerate(group_models(result.models), start=1):
        if cases := group.cases[:_SHOWN]:
            save_figure(
                draw_strip(cases, heading="misread after shifts of hue and saturation"), out, f"pictures-{place}"
            )
    write_document(out / FINISHED, result)


def report_sequel(out: Path) -> None:
    """Write as `write_sequel` does, from the `sequel.json` of `out` alone.

    Raises:
        DataError: It is missing or damaged.
        OutputError: `out` cannot be written, or another run writes to it.
    """
    with locked(out):
        write_sequel(read_sequel(out), out)


def read_sequel(folder: Path) -> Sequel:
    """What `reproduce sequel` wrote to a folder.

    Raises:
        DataError: It is missing, damaged or of an earlier schema.
    """
    return read_document(folder / FINISHED, Sequel, what="searched classifiers", make="run `reproduce sequel` first")
