"""One classifier of the sequel as a job: trained where it is ours, searched, and counted."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from negatoscope.auditing.arguments import Named, provenance_of
from negatoscope.auditing.measure import measure_classes
from negatoscope.data.sources import sources
from negatoscope.documents import write_document
from negatoscope.executors import Tell
from negatoscope.files import remove_all
from negatoscope.hardware import Hardware
from negatoscope.models.checkpoint import save_network
from negatoscope.reproduce.run_data import split_training
from negatoscope.searching.measure import accuracy_interval, measure_curve, measure_first_errors
from negatoscope.searching.pictures import draw_cases
from negatoscope.searching.plan import SearchConfig, SearchPlan, make_search_plan
from negatoscope.searching.result import DOCUMENT, read_search
from negatoscope.searching.run import run_search
from negatoscope.searching.searched import SearchedImages, read_searched
from negatoscope.statistics.measured import widened_rate
from negatoscope.studies.jobs import data_of
from negatoscope.studies.sequel_result import Sequel, SequelModel, ShiftedClass, ShiftedRates
from negatoscope.training.recipe import Recipe
from negatoscope.training.train import train
from negatoscope.transforms.space_labels import annotate_space

FINISHED = "sequel.json"
"""What a job leaves in its folder, last."""

WEIGHTS = "weights.safetensors"
"""The file of a network that was trained here."""

KEEPS = ("runs/", FINISHED)
"""How the names of files begin that later calls go on from."""

SPACE = "color_shift"
"""What is searched."""

_TRAINING = 0.4  # of the time that a classifier takes which is trained first

Share = Callable[[str, float], None]
"""Called with what is being done, and which share of the job is done."""


@dataclass(frozen=True)
class ShiftSearch:
    """How every classifier is searched.

    Args:
        trials: For each image at most.
        limit: At most this many images, each class in proportion; None is all.
        seed: Of which images those are, and of every draw.
        command: Recorded with the results.
        threads: Of each job, which may decide last bits; None is as many as torch takes.
        no_self_check: Whether to search where the self-check would stop.
    """

    trials: int
    limit: int | None
    seed: int
    command: str
    threads: int | None = None
    no_self_check: bool = False

    def plan(self, named: Named) -> SearchPlan:
        """The authors' search of a model: from its answers' classes alone, and on images of all classes."""
        config = SearchConfig(
            space=(SPACE,),
            strategy="widening",
            budget=1 + self.trials,
            feedback="labels",
            limit=self.limit,
            seed=self.seed,
            threads=self.threads,
            no_self_check=self.no_self_check,
        )
        plan = make_search_plan(*named.open(), config, named=named)
        return replace(plan, spaces=tuple(replace(planned, preserved=None) for planned in plan.spaces))


@dataclass(frozen=True)
class OwnNetwork:
    """A network that is trained here.

    Args:
        recipe: What it is trained by.
        seed: Of its training.
        data_dir: A folder to look for data in first.
        hardware: Where it is trained, and searched in float32.
    """

    recipe: Recipe
    seed: int
    data_dir: Path | None
    hardware: Hardware

    @property
    def name(self) -> str:
        """What reports call it."""
        return f"{self.recipe.name}, seed {self.seed}"

    def named(self, folder: Path) -> Named:
        """Its file in a folder, and its test images."""
        device, options = str(self.hardware.device), {"name": self.name}
        test = f"{self.recipe.data}:test"
        return Named(str(folder / WEIGHTS), test, options, data_dir=self.data_dir, device=device)

    def train(self, folder: Path, share: Share) -> None:
        """Leave its file in the folder, where training resumes; one that is there stays.

        Raises:
            InputError: Training diverges.
            OutputError: The folder cannot be written or the disk is full.
        """
        file = folder / WEIGHTS
        if not file.is_file():
            data = data_of(self.recipe, self.data_dir, fast=False)
            training, validation = split_training(data.train, self.recipe, seed=self.seed, fast=False)
            trained = train(
                self.recipe,
                training,
                validation=validation,
                seed=self.seed,
                hardware=self.hardware,
                folder=folder,
                progress=lambda moment: share(f"training, step {moment.step:,}", moment.step / moment.steps),
            )
            facts = {"data": training.spec, "recipe": self.recipe.to_dict(), "seed": self.seed}
            save_network(file, trained.network, facts={**facts, "class_names": training.class_names})
            remove_all([folder / "training.safetensors"])


@dataclass(frozen=True)
class SequelJob:
    """A classifier that is to be searched.

    Args:
        folder: Where all of it is kept.
        search: How it is searched.
        model: A user's model and data, or a network that is trained first.
    """

    folder: Path
    search: ShiftSearch
    model: Named | OwnNetwork

    def __str__(self) -> str:
        if isinstance(self.model, OwnNetwork):
            return self.model.name
        return str(self.model.options.get("name", Path(self.model.model).stem))

    @property
    def named(self) -> Named:
        """The model, once it is trained, and the images."""
        return self.model.named(self.folder) if isinstance(self.model, OwnNetwork) else self.model

    def search_folder(self, plan: SearchPlan) -> Path:
        """Where a search is kept."""
        return self.folder / f"search-{sha256(repr(plan.identity).encode()).hexdigest()[:8]}"

    def run(self, share: Share) -> None:
        """Leave a `sequel.json` of this classifier in the folder; what an earlier call finished is taken over.

        Raises:
            InputError: Training diverges, or the classifier fails the self-check.
            OutputError: The folder cannot be written or the disk is full.
        """
        if isinstance(self.model, OwnNetwork):
            own, before = self.model, _TRAINING
            own.train(self.folder, lambda text, done: share(text, _TRAINING * done))
        else:
            own, before = None, 0.0
        plan = self.search.plan(self.named)
        folder = self.search_folder(plan)
        if not (folder / DOCUMENT).is_file():
            provenance = provenance_of(plan.classifier, plan.dataset, command=self.search.command)
            run_search(
                plan,
                out=folder,
                provenance=provenance,
                progress=lambda moment: share(moment.text, before + (1 - before) * moment.share),
            )
        write_document(self.folder / FINISHED, Sequel(models=(measure_model(plan, folder, own),)))


@dataclass(frozen=True)
class SequelWork:
    """The classifiers of the sequel as work of an executor."""

    def open(self) -> bool:
        """Nothing: each job opens its own model."""
        return True

    def run(self, opened: bool, job: SequelJob, tell: Tell) -> None:
        """Search a classifier, and leave what was found in its folder."""
        job.run(lambda text, share: tell((text, share)))


def measure_model(plan: SearchPlan, folder: Path, own: OwnNetwork | None) -> SequelModel:
    """Count what a finished search found.

    Args:
        plan: The search, of one space and of images of all classes.
        folder: Where it is.
        own: What was searched, where it was trained here.

    Raises:
        DataError: Its rows are missing or damaged.
    """
    space, dataset, budget = plan.spaces[0].space, plan.dataset, plan.config.budget
    summary, searched = read_search(folder).summary, read_searched(folder, space.text)
    known = {name: source.class_names for name, source in sources().items()}
    annotation = annotate_space(dataset.spec, dataset.class_names, space, known=known)
    preserved = None if annotation.basis == "nothing" else annotation.preserved
    kept = searched if preserved is None else searched.only(np.array(preserved)[searched.labels])
    return SequelModel(
        name=plan.classifier.name,
        sha256=plan.classifier.sha256,
        recipe=None if own is None else own.recipe,
        training_seed=None if own is None else own.seed,
        dataset=dataset.spec,
        split=dataset.split,
        trials=budget - 1,
        seed=plan.config.seed,
        images=measure_shifted(searched, budget=budget),
        preserved=None if preserved is None or not len(kept) else measure_shifted(kept, budget=budget),
        per_class=measure_shifted_classes(searched, dataset.class_names, preserved),
        cases=tuple(draw_cases(plan.classifier, dataset, space, kept, None)),
        warnings=tuple(filter(None, (summary.self_check.suggestion, *summary.warnings))),
        provenance=summary.provenance,
    )


def measure_shifted(searched: SearchedImages, *, budget: int) -> ShiftedRates:
    """What is left of some images, at least one, after so many queries."""
    right, tracks = searched.clean_correct, searched.tracks
    success = widened_rate(searched.fooled[right], None if tracks is None else tracks[right]) if right.any() else None
    return ShiftedRates(
        n=len(searched),
        clean=accuracy_interval(right, tracks),
        under_attack=accuracy_interval(searched.correct_after(budget), tracks),
        correct=int(right.sum()),
        attack_success_rate=None if success is None else success.accuracy,
        attack_success_low=None if success is None else success.low,
        attack_success_high=None if success is None else success.high,
        first_errors=measure_first_errors(searched),
        curve=measure_curve(searched.first_errors, tracks, budget=budget),
    )


def measure_shifted_classes(
    searched: SearchedImages, names: tuple[str, ...], preserved: tuple[bool, ...] | None
) -> tuple[ShiftedClass, ...]:
    """Every class that has images.

    Args:
        searched: What was found for each image.
        names: What the classes are called.
        preserved: Which keep their label; None where nobody said so.
    """
    clean = measure_classes(searched.labels, searched.clean_correct, names)
    after = measure_classes(searched.labels, searched.correct, names)
    return tuple(
        ShiftedClass(
            label=before.label,
            name=before.name,
            n=before.n,
            clean_accuracy=before.accuracy,
            accuracy_under_attack=end.accuracy,
            attack_success_rate=1 - end.accuracy / before.accuracy if before.accuracy else None,
            preserved=None if preserved is None else preserved[before.label],
        )
        for before, end in zip(clean, after, strict=True)
    )
