"""The paper's Table I, from data to verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from negatoscope.data import DATASETS
from negatoscope.documents import read_settings
from negatoscope.errors import DataNotFoundError, InputError, MissingExtraError, RecipeError, expect, suggest
from negatoscope.executors import LOCAL, Execution, Tell
from negatoscope.executors.jobs import run_jobs
from negatoscope.files import locked, remove_leftovers
from negatoscope.hardware import Hardware
from negatoscope.provenance import record_provenance
from negatoscope.reproduce.checks import expect_epsilons, expect_no_repetition, expect_seeds
from negatoscope.reproduce.estimate import count_passes, measure_pace
from negatoscope.reproduce.paper import DATASETS as PAPER_DATASETS
from negatoscope.reproduce.paper import EPSILONS, dataset_label
from negatoscope.reproduce.run_data import RunData, load_run_data
from negatoscope.reproduce.runs import RunSpec, plain_progress, read_run, run_folder
from negatoscope.reproduce.table1_document import SkippedDataset, SummaryRow, Table1, summarize
from negatoscope.reproduce.table1_report import FAST, in_table_order, write_report
from negatoscope.reproduce.table1_run import Table1Run, run_table1_classifier
from negatoscope.rows import read_rows, write_rows
from negatoscope.training.loop import TrainingProgress
from negatoscope.training.recipe import PLAIN, Recipe, named_recipe, recipe_names

WHOLE_PANEL = ("panel",)
"""What stands for the recipes, classifiers and numbers of runs of panel.toml."""


@dataclass(frozen=True)
class Table1Request:
    """What is to be reproduced.

    Args:
        datasets: Names or specs; none at all means the recipe's own, or without one the paper's two or what stands in
            for them here.
        epsilons: The rows; 0 is the plain DNN.
        seeds: How many runs of each classifier, seeds 0, 1, ...; None is one, and of the panel as many as it says.
        recipes: Names of recipes, or `WHOLE_PANEL` alone.
        recipe: Takes the place of those.
        data_dir: A folder to look for data in first.
        fast: A smoke run on a few hundred images.
        command: Of provenance.

    Raises:
        InputError: An epsilon is not in [0, 1] or comes twice, the panel has none of them, `seeds` is below 1, there is
            no recipe, two datasets have one name, or one is not that which the recipe is for.
        RecipeError: A recipe is unknown.
        SpecError: A dataset is unknown.
    """

    datasets: tuple[str, ...] = ()
    epsilons: tuple[float, ...] = EPSILONS
    seeds: int | None = None
    recipes: tuple[str, ...] = (PLAIN,)
    recipe: Recipe | None = None
    data_dir: Path | None = None
    fast: bool = False
    command: str = "negatoscope reproduce table1"

    def __post_init__(self) -> None:
        expect_epsilons(self.epsilons)
        expect_seeds(1 if self.seeds is None else self.seeds)
        expect_no_repetition("--datasets", self.datasets)
        expect_no_repetition("names of folders in --datasets", [dataset_label(spec) for spec in self.datasets])
        expect(self.recipe or self.recipes, "at least one --recipe", "none")
        expect_no_repetition("--recipes", self.recipes)
        for name in self.recipes if self.recipes != WHOLE_PANEL else ():
            expect(name in recipe_names(), "a --recipe", f"{name!r:.80}; {suggest(name, recipe_names())}", RecipeError)
        known, asked = (", ".join(f"{epsilon:g}" for epsilon in each) for each in (EPSILONS, self.epsilons))
        expect(self.rows, f"--epsilons of the panel, {known}", asked)
        own = self.recipe.data if self.recipe else ""
        for dataset in self.datasets:
            if not dataset.startswith("folder:"):
                DATASETS.resolve(dataset)
            if own and _base(dataset) != _base(own):
                raise InputError(
                    f"expected --datasets of {own}, which the recipe is for, got {dataset}; leave --datasets out"
                )

    @property
    def rows(self) -> tuple["PanelRow", ...]:
        """Which classifiers by which recipes, and how many runs of each."""
        if self.recipe is not None or self.recipes != WHOLE_PANEL:
            return (PanelRow((self.recipe.name,) if self.recipe else self.recipes, self.epsilons, self.seeds or 1),)
        with as_file(files("negatoscope.reproduce").joinpath("panel.toml")) as path:
            panel = read_settings(path, _Panel, what="the panel").rows
        return tuple(
            replace(row, epsilons=epsilons, seeds=min(row.seeds, self.seeds or row.seeds))
            for row in panel
            if (epsilons := tuple(epsilon for epsilon in row.epsilons if epsilon in self.epsilons))
        )


@dataclass(frozen=True)
class PanelRow:
    """So many runs of some classifiers by some recipes."""

    recipes: tuple[str, ...]
    epsilons: tuple[float, ...]
    seeds: int


@dataclass(frozen=True)
class _Panel:
    rows: tuple[PanelRow, ...]


@dataclass(frozen=True)
class Table1Plan:
    """The classifiers to make, their images, and what cannot be run here and why."""

    specs: tuple[RunSpec, ...]
    data: Mapping[str, RunData]
    not_run: tuple[SkippedDataset, ...] = ()


@runtime_checkable
class Table1Progress(Protocol):
    """Shows how far a table is."""

    def planned(self, plan: Table1Plan) -> None:
        """Once it is known what is run, and what is not and why."""

    def estimated(self, seconds: Mapping[RunSpec, float]) -> None:
        """Before the first run: of the seconds that the unfinished ones take, the part of each; of a smoke run any."""

    def moved(self, spec: RunSpec, progress: TrainingProgress | str) -> None:
        """After each training step, and before each pass that measures."""

    def finished(self, spec: RunSpec, run: Table1Run, summary: Sequence[SummaryRow]) -> None:
        """After each run, also one that was finished earlier."""


def plan_table1(request: Table1Request) -> Table1Plan:
    """Load the images and list the classifiers, the first seed of all before the second of any.

    Where neither the request nor its recipe names a dataset, MNIST gives way to the sample of it that a package brings,
    and GTSRB is left out, when they are nowhere to be had.

    Raises:
        DataError: A dataset that was named is not at hand or damaged.
        RecipeError: A dataset has no default recipe and none was given.
    """
    own = request.recipe.data if request.recipe and not request.datasets else ""
    named = request.datasets or ((_base(own) if _base(own) in PAPER_DATASETS else own,) if own else ())
    loaded: dict[str, tuple[Mapping[str, Recipe], RunData]] = {}
    not_run: list[SkippedDataset] = []
    for name in named or PAPER_DATASETS:
        label = dataset_label(name)
        try:
            loaded[label] = _load(request, name)
        except DataNotFoundError:
            if named:
                raise
            not_run.append(SkippedDataset(name, "no copy of its files was found and none could be downloaded"))
    if not named and "mnist" not in loaded:
        try:
            loaded = {"mnist_sample": _load(request, "mnist_sample"), **loaded}
        except MissingExtraError as error:
            raise DataNotFoundError(f"expected MNIST or the sample of it, found neither: {error}") from error
    specs = (
        RunSpec(label, epsilon, seed, recipes[name], request.fast)
        for seed in range(max(row.seeds for row in request.rows))
        for row in request.rows
        if seed < row.seeds
        for name in row.recipes
        for epsilon in row.epsilons
        for label, (recipes, _) in loaded.items()
    )
    return Table1Plan(tuple(specs), {label: data for label, (_, data) in loaded.items()}, tuple(not_run))


def _load(request: Table1Request, dataset: str) -> tuple[Mapping[str, Recipe], RunData]:
    """The recipes as they are run on a dataset, and its images, which are the same for all."""
    recipes = {}
    for name in dict.fromkeys(name for row in request.rows for name in row.recipes):
        recipe = request.recipe or named_recipe(name, _base(dataset))
        spec = recipe.data if dataset == _base(recipe.data) else dataset
        recipe = replace(recipe, data="gtsrb(prepare='paper')" if spec == "gtsrb" else spec)
        recipes[name] = replace(recipe, epochs=1, name=f"{recipe.name}{FAST}") if request.fast else recipe
    first, *others = recipes.values()
    for other in others:
        got = f"{first.data} for {first.name}, {other.data} for {other.name}; run them one by one"
        expect(other.data == first.data, f"--recipes of the same images of {dataset}", got)
    data = load_run_data(first, data_dir=request.data_dir, fast=request.fast, both_negatives=True)
    return {name: replace(recipe, data=data.train.spec) for name, recipe in recipes.items()}, data


def _base(spec: str) -> str:
    """A dataset's spec without its arguments; of a folder, all of it."""
    return spec if spec.startswith("folder:") else spec.partition("(")[0].strip()


@dataclass(frozen=True)
class Table1Job:
    """A classifier that is to be made.

    Args:
        spec: What is trained.
        folder: Where it is kept.
    """

    spec: RunSpec
    folder: Path

    def __str__(self) -> str:
        spec = self.spec
        return f"{spec.dataset}, {spec.recipe.name}, epsilon {spec.epsilon:g}, seed {spec.seed}"


@dataclass(frozen=True)
class Table1Work:
    """What the classifiers of a table have in common, as plain data.

    Args:
        request: What is to be reproduced, from which each worker loads the images.
        hardware: Where classifiers are trained.
        here: Whether they are made in this process, whose progress needs not be plain data.
    """

    request: Table1Request
    hardware: Hardware
    here: bool

    def open(self) -> Mapping[str, RunData]:
        """The images of each dataset.

        Raises:
            DataError: They are not at hand on this machine, or damaged.
        """
        return plan_table1(self.request).data

    def run(self, opened: Mapping[str, RunData], job: Table1Job, tell: Tell) -> None:
        """Train and measure a classifier."""

        def moved(progress: TrainingProgress | str) -> None:
            tell(progress if self.here else plain_progress(progress))

        data = opened[job.spec.dataset]
        run_table1_classifier(job.spec, data, hardware=self.hardware, folder=job.folder, progress=moved)


def reproduce_table1(
    request: Table1Request,
    *,
    out: Path,
    hardware: Hardware,
    progress: Table1Progress,
    execution: Execution = LOCAL,
) -> Table1:
    """Train and measure every classifier of a table, and write `table1.json` and all that is made from it to `out`.

    Every finished classifier is kept under `out`; one that was stopped resumes from its last epoch. The table holds all
    classifiers that `out` has of the recipes asked for, also those of other seeds and epsilons than asked for now.

    Args:
        request: What is to be reproduced.
        out: The folder.
        hardware: Where classifiers are trained.
        progress: Shows how far the table is.
        execution: Where they are made; several at once come in the order in which they end.

    Raises:
        OutputError: `out` cannot be written, the disk is full, or another run writes to it.
        InputError: As `plan_table1` and `run_table1_classifier` say.
    """
    with locked(out):
        remove_leftovers([out, *out.glob("runs/*")])
        plan = plan_table1(request)
        folders = table1_folders(plan, out=out, hardware=hardware, threads=execution.threads)
        done = {spec: run for spec, folder in folders.items() if (run := read_run(folder, Table1Run))}
        progress.planned(plan)
        left = [spec for spec in plan.specs if spec not in done]
        workers = execution.count(len(left))
        progress.estimated({spec: alone / workers for spec, alone in estimate_runs(plan, left, hardware).items()})
        shown: list[Table1Run] = []

        def show(spec: RunSpec, run: Table1Run) -> None:
            shown.append(run)
            progress.finished(spec, run, summarize(shown, comparable=not request.fast))

        for spec, run in done.items():
            show(spec, run)
        work = Table1Work(request, hardware, here=execution.executor == "local")
        jobs = [Table1Job(spec, folder) for spec, folder in folders.items() if spec not in done]

        def moved(job: Table1Job, what: TrainingProgress | str) -> None:
            progress.moved(job.spec, what)

        for job in run_jobs(work, jobs, execution=execution, opened=plan.data, moved=moved):
            made = read_run(job.folder, Table1Run)
            assert made is not None, "a job that has ended has left its run"
            show(job.spec, made)
        paths, found = zip(*_all_runs(folders), strict=True)
        runs = tuple(in_table_order(found))
        result = Table1(
            provenance=record_provenance(
                command=request.command,
                hardware=hardware.description,
                data=[dataset.provenance for data in plan.data.values() for dataset in data.datasets],
            ),
            fast=request.fast,
            not_run=plan.not_run,
            runs=runs,
            summary=summarize(runs, comparable=not request.fast),
        )
        kept = [rows for folder in sorted(paths) if (rows := folder / "rows.parquet").exists()]  # copied runs have none
        write_rows(out / "rows.parquet", map(read_rows, kept))
        write_report(result, out)
        return result


def table1_folders(plan: Table1Plan, *, out: Path, hardware: Hardware, threads: int | None) -> dict[RunSpec, Path]:
    """Where each classifier is kept."""
    how: dict[str, Any] = {"hardware": hardware, "out": out, "threads": threads}
    return {spec: run_folder(spec, plan.data[spec.dataset], **how) for spec in plan.specs}


def estimate_runs(plan: Table1Plan, specs: Sequence[RunSpec], hardware: Hardware) -> dict[RunSpec, float]:
    """Seconds that each of some classifiers will take, from a few timed steps on each dataset; of a smoke run, 1."""
    if any(spec.fast for spec in specs):  # timing takes as long as the run
        return dict.fromkeys(specs, 1.0)
    recipes = {spec.dataset: spec.recipe for spec in specs}
    counts = {spec: count_passes(spec, plan.data[spec.dataset]) for spec in specs}
    paces = {
        name: measure_pace(
            *(recipe, plan.data[name]),
            hardware=hardware,
            counts=[count for spec, count in counts.items() if spec.dataset == name],
        )
        for name, recipe in recipes.items()
    }
    return {spec: count.seconds(paces[spec.dataset]) for spec, count in counts.items()}


def _all_runs(folders: Mapping[RunSpec, Path]) -> list[tuple[Path, Table1Run]]:
    """The runs of these folders, and every other one beside them that only its seed or epsilon sets apart."""
    runs = []
    for folder in {(spec.dataset, spec.recipe): folder for spec, folder in folders.items()}.values():
        name, digest = folder.name.partition("-")[0], folder.name.rpartition("-")[2]
        paths = sorted(folder.parent.glob(f"{name}-epsilon*-{digest}"))
        runs += [(path, run) for path in paths if (run := read_run(path, Table1Run))]
    return runs
