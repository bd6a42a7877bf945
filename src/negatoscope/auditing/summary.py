"""From rows to `summary.json`: every number that a report of an audit shows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from negatoscope.auditing.measure import measure_answers, measure_change, rate_interval
from negatoscope.auditing.predictions import CLEAN, PredictionSet, read_predictions
from negatoscope.auditing.verdict import verdict_sentence
from negatoscope.registry import parse_spec
from negatoscope.rows import OpenRows, open_rows
from negatoscope.statistics import holm

SCHEMA = 1
"""The version of what `summarize` makes."""


def summarize(rows: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Count everything that `summary.json` holds; memory is bounded by the rows of two transforms.

    Args:
        rows: The rows of one audit, with those of unchanged images under "clean".
        facts: What rows do not say: "model", "dataset", "suite", "self_check", "provenance" as they are to stand there,
            "unreadable" and "unreadable_named", "steps" with "spec", "kind", "parameters" and "kept" (a truth value for
            each class) of each transform, and by spec "reached_l2".

    Raises:
        DataError: The rows cannot be read, or lack images of a transform.
    """
    classes = _classes(facts)
    names = list(facts["dataset"]["class_names"])
    with open_rows(rows) as opened:
        clean = read_predictions(opened, CLEAN)
        right, transforms = _transforms(opened, clean, facts, classes=classes)
    summary = {
        "schema": SCHEMA,
        "model": dict(facts["model"]),
        "dataset": dict(facts["dataset"]),
        "suite": dict(facts["suite"]),
        "n": len(clean),
        "unreadable": facts["unreadable"],
        "unreadable_named": list(facts["unreadable_named"]),
        "self_check": dict(facts["self_check"]),
        "clean": measure_answers(clean, names=names, classes=classes),
        "chance": 1 / classes,
        "majority": float(np.bincount(clean.labels).max() / len(clean)),
        "transforms": transforms,
        **_over_the_suite(transforms, right, clean),
    }
    return {
        **summary,
        "verdict": verdict_sentence(summary),
        "gate": {"passed": None, "rules": []},
        "provenance": dict(facts["provenance"]),
    }


def kept_mask(kept: Sequence[int] | None, *, classes: int) -> Bool[np.ndarray, " classes"]:
    """For each class whether it is among `kept`; None is all."""
    mask = np.full(classes, kept is None)
    mask[list(kept or ())] = True
    return mask


def _classes(facts: Mapping[str, Any]) -> int:
    """How many classes the classifier chooses from once its outputs are put in the order of the data's."""
    mapped = facts["model"]["input_spec"].get("class_map") or ()
    return len(mapped) or int(facts["model"]["classes"])


def _transforms(
    opened: OpenRows, clean: PredictionSet, facts: Mapping[str, Any], *, classes: int
) -> tuple[Bool[np.ndarray, " n"], list[dict[str, Any]]]:
    """Each transform's numbers, and whether each image is right unchanged and under all that keep its meaning."""
    right = clean.correct.copy()
    entries = []
    for step in facts["steps"]:
        after = read_predictions(opened, step["spec"], like=clean)
        mask = np.ones(int(clean.labels.max()) + 1, dtype=bool)
        mask[: len(step["kept"])] = step["kept"][: len(mask)]
        if step["kind"] == "label_preserving":
            right &= after.correct | ~mask[clean.labels]
        entries.append({**_described(step, facts), **_measured(clean, after, mask, facts, classes=classes)})
    corrected = iter(holm([entry["p_value"] for entry in entries if entry["n"]]))
    return right, [{**entry, "p_holm": next(corrected) if entry["n"] else None} for entry in entries]


def _described(step: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "spec": step["spec"],
        "name": parse_spec(step["spec"]).name,
        "kind": step["kind"],
        "parameters": dict(step["parameters"]),
        "kept": None if all(step["kept"]) else [int(index) for index in np.flatnonzero(step["kept"])],
        "reached_l2": facts["reached_l2"].get(step["spec"]),
    }


def _measured(
    clean: PredictionSet,
    after: PredictionSet,
    mask: Bool[np.ndarray, " classes"],
    facts: Mapping[str, Any],
    *,
    classes: int,
) -> dict[str, Any]:
    names = list(facts["dataset"]["class_names"])
    return measure_change(clean.of_classes(mask), after.of_classes(mask), names=names, classes=classes)


def _over_the_suite(
    transforms: Sequence[Mapping[str, Any]], right: Bool[np.ndarray, " n"], clean: PredictionSet
) -> dict[str, Any]:
    """Mean and worst case over the transforms that keep the meaning; None where there is none.

    The mean of the intervals' ends is an interval of the mean that holds at least as often, however transforms depend.
    """
    meaning = [entry for entry in transforms if entry["kind"] == "label_preserving" and entry["n"]]
    mean, worst = ("mean_accuracy", "mean_low", "mean_high"), ("worst_case_accuracy", "worst_case_low")
    if not meaning:
        return dict.fromkeys((*mean, *worst, "worst_case_high", "worst_case_n"))
    ends = rate_interval(right, clean.tracks)
    return {
        **{
            name: float(np.mean([entry[key] for entry in meaning]))
            for name, key in zip(mean, ("accuracy", "low", "high"), strict=True)
        },
        "worst_case_accuracy": float(right.mean()),
        "worst_case_low": ends.low,
        "worst_case_high": ends.high,
        "worst_case_n": len(right),
    }
