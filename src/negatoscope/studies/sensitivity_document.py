"""Everything that the runs of a sensitivity study say, as one document."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from negatoscope.statistics import mean_and_deviation
from negatoscope.studies.design import Study
from negatoscope.studies.effects import DEFAULT, LevelRuns, closest_to_paper, level_key, progress, study_effects

Document = dict[str, Any]


def study_document(
    studies: Sequence[Study],
    runs: Mapping[str, LevelRuns],
    *,
    source: Document,
    not_run: Sequence[Mapping[str, str]] = (),
    failed: Sequence[Document] = (),
) -> Document:
    """What is written to `sensitivity.json`; a study without a run of its default is left out.

    Args:
        studies: What was to be run.
        runs: Of each study by name, what has been run.
        source: The document's provenance.
        not_run: The studies that could not be run, and why.
        failed: The runs that could not be trained, and why.
    """
    told = [study for study in studies if DEFAULT in runs[study.name]]
    closest = {study.name: closest_to_paper(study, runs[study.name]) for study in told}
    return {
        "schema": 1,
        "provenance": source,
        "not_run": list(not_run),
        "failed": list(failed),
        "missing": {study.name: keys for study in studies if (keys := _missing(study, runs[study.name]))},
        "studies": [_facts(study, runs[study.name]) for study in told],
        "factors": [factor for study in told for factor in study_effects(study, runs[study.name])],
        "curves": [curve for study in told for curve in _curves(study, runs[study.name])],
        "closest_to_paper": {name: found for name, found in closest.items() if found is not None},
        "looking": [look for study in told for look in _looking(study, runs[study.name])],
    }


def _missing(study: Study, runs: LevelRuns) -> list[str]:
    """The recipes of a study that have not been run with any seed."""
    keys = (level_key(factor, level.value) for factor, level in study.levels)
    return [key for key in keys if key not in runs]


def _facts(study: Study, runs: LevelRuns) -> Document:
    first = next(iter(runs[DEFAULT].values()))
    also = {level.value: level_key("also", level.value) for level in study.also}
    return {
        "name": study.name,
        "dataset": study.dataset,
        "epsilon": study.epsilon,
        "decisive_accuracy": study.decisive_accuracy,
        "equal_accuracies": list(study.equal_accuracies),
        "recipe": study.default.recipe.to_dict(),
        "default_negative_accuracy": mean_and_deviation(
            [run["negative"]["accuracy"] for run in runs[DEFAULT].values()]
        )[0],
        "chance": first["chance"],
        "negative_n": first["negative"]["n"],
        "test_n": first["test"]["n"],
        "progress": progress(runs),
        "also": [_also(value, list(runs[key].values())) for value, key in also.items() if key in runs],
    }


def _also(value: str, runs: Sequence[Document]) -> Document:
    def mean(*path: str) -> float:
        return sum(float(run[path[0]][path[1]]) for run in runs) / len(runs)

    rates = {f"{name}_accuracy": mean(name, "accuracy") for name in ("train", "test", "negative")}
    sure = {f"confidence_{name}": mean("confidence", name) for name in ("train", "negative")}
    return {"value": value, "seeds": len(runs), **rates, **sure, "epochs": runs[0]["recipe"]["epochs"]}


def _curves(study: Study, runs: LevelRuns) -> Iterator[Document]:
    for key, seeds in runs.items():
        for seed, run in sorted(seeds.items()):
            rates = {f"{name}_accuracy": run[name]["accuracy"] for name in ("train", "test", "negative")}
            share = run["recipe"]["negative_share"]
            named = {"study": study.name, "recipe": key, "seed": seed, "negative_share": share}
            yield {**named, **rates, "points": run["curve"]}


def _looking(study: Study, runs: LevelRuns) -> Iterator[Document]:
    for key, seeds in runs.items():
        for seed, run in sorted(seeds.items()):
            if "looking" in run:
                facts = {name: run[name] for name in ("destinations", "confidence", "class_names")}
                yield {"study": study.name, "recipe": key, "seed": seed, **facts, **run["looking"]}
