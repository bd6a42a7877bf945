"""The runs of the discussion's experiments as jobs of an executor."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from negatoscope.hardware import Hardware
from negatoscope.studies.discussion_plan import DiscussionPlan, DiscussionRunSpec, Variant
from negatoscope.studies.discussion_run import DiscussionRun, make_discussion_run
from negatoscope.studies.jobs import NamedProgress, data_of, made_or_failed, silent
from negatoscope.training.recipe import Recipe


def plan_variants(
    plan: DiscussionPlan, *, experiments: Sequence[str], datasets: Sequence[str], seeds: int, fast: bool = False
) -> list[DiscussionRunSpec]:
    """Every run of some experiments, seed by seed, each once; the plain one, which all need, first."""
    chosen = [each for each in plan.variants if set(each.experiments) & set(experiments) and not each.is_plain]
    runs = []
    for seed in range(seeds):
        for dataset in datasets:
            for variant in (plan.plain, *chosen):
                if seed < (variant.seeds or seeds):
                    transforms = plan.transforms_of(variant, dataset)
                    recipe = _recipe(plan, variant, dataset, fast=fast)
                    start = _recipe(plan, plan.plain, dataset, fast=fast).digest if variant.fine_tuned else ""
                    runs.append(DiscussionRunSpec(dataset, 0.0, seed, recipe, fast, variant, transforms, start))
    return runs


def _recipe(plan: DiscussionPlan, variant: Variant, dataset: str, *, fast: bool) -> Recipe:
    recipe = plan.recipe_of(variant, dataset)
    return replace(recipe, epochs=1) if fast else recipe


@dataclass(frozen=True)
class DiscussionJob:
    """A run that is to be made.

    Args:
        spec: What is trained.
        folder: Where it is kept.
        start: The folder of the plain run that a fine-tuned one starts from.
        data_dir: A folder to look for data in first.
        hardware: Where it is trained.
    """

    spec: DiscussionRunSpec
    folder: Path
    start: Path | None
    data_dir: Path | None
    hardware: Hardware

    def __str__(self) -> str:
        return self.spec.name

    def run(self, progress: NamedProgress = silent) -> DiscussionRun | None:
        """Make the run; None if it cannot be trained, which `failed.json` then says."""
        data = data_of(self.spec.recipe, self.data_dir, self.spec.fast)
        make = partial(
            make_discussion_run,
            self.spec,
            data,
            hardware=self.hardware,
            folder=self.folder,
            start=self.start,
            progress=partial(progress, str(self)),
        )
        return made_or_failed(self.folder, make)
