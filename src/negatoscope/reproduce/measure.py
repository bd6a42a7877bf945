"""From rows to the numbers of one classifier: every number in Table I comes from here."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from negatoscope.registry import parse_spec
from negatoscope.statistics import (
    Rate,
    cluster_bootstrap,
    contingency,
    entropy_bits,
    mutual_information_bits,
    mutual_information_null,
)

_RATES = {
    "train": ("train", "clean"),
    "validation": ("validation", "clean"),
    "test": ("test", "clean"),
    "negative_train": ("train", "negative"),
    "negative_test": ("test", "negative"),
}

PLAIN_ATTACK_EPSILON = 0.1
"""Of the epsilons that the plain DNN is attacked with, the one that its columns show."""


def measure(rows: pa.Table, *, classes: int) -> dict[str, Any]:
    """Everything that `table1.json` says of one classifier but how it was trained.

    Args:
        rows: Those of one classifier: on training, validation and test images, on negatives, and under attacks.
        classes: How many there are.
    """
    passes = passes_of(rows)
    measured: dict[str, Any] = {name: rate_of(passes[key]) for name, key in _RATES.items()}
    attacks = _attacks(passes)
    shown = next((attack for attack in attacks if attack["epsilon"] == PLAIN_ATTACK_EPSILON), attacks[-1])
    labels = passes[_RATES["train"]]["label"]
    return {
        **measured,
        "fgsm": shown["fgsm"],
        "pgd": shown["pgd"],
        "attack_epsilon": shown["epsilon"],
        "attacks": attacks,
        "confidence": {name: float(passes[key]["confidence"].mean()) for name, key in _RATES.items()},
        "destinations": destinations_of(passes[_RATES["negative_train"]], classes),
        "chance": 1 / classes,
        "majority": float(np.bincount(labels).max() / len(labels)),
    }


def passes_of(rows: pa.Table) -> dict[tuple[str, str], dict[str, np.ndarray]]:
    """The columns of each pass over images, by split and transform."""
    pairs = {
        (row["split"], row["transform"])
        for row in rows.select(["split", "transform"]).group_by(["split", "transform"]).aggregate([]).to_pylist()
    }
    return {pair: _columns(rows, *pair) for pair in sorted(pairs)}


def _columns(rows: pa.Table, split: str, transform: str) -> dict[str, np.ndarray]:
    chosen = rows.filter((pc.field("split") == split) & (pc.field("transform") == transform))
    columns = {name: chosen[name].to_numpy() for name in ("label", "prediction", "confidence")}
    columns["correct"] = columns["label"] == columns["prediction"]
    if chosen["track"].null_count == 0:
        columns["track"] = chosen["track"].to_numpy()
    return {name: values.astype(np.int64) if values.dtype == np.int16 else values for name, values in columns.items()}


def rate_of(columns: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The share that is right, with its interval; where there are tracks also the one resampled by track."""
    rate = Rate.of(columns["correct"]).to_dict()
    if "track" in columns:
        by_track = cluster_bootstrap(columns["correct"], columns["track"])
        rate |= {"track_low": by_track.low, "track_high": by_track.high}
    return rate


def _attacks(passes: Mapping[tuple[str, str], Mapping[str, np.ndarray]]) -> list[dict[str, Any]]:
    found: dict[float, dict[str, Any]] = {}
    for (_, transform), columns in passes.items():
        spec = parse_spec(transform)
        if spec.name in ("fgsm", "pgd"):
            epsilon = float(str(spec.arguments["epsilon"]))
            found.setdefault(epsilon, {"epsilon": epsilon})[spec.name] = rate_of(columns)
    return [found[epsilon] for epsilon in sorted(found)]


def destinations_of(columns: Mapping[str, np.ndarray], classes: int) -> dict[str, Any]:
    """Where predictions on negatives go, and whether they still say anything of the label."""
    labels, predictions = columns["label"], columns["prediction"]
    table = contingency(labels, predictions, classes=classes)
    return {
        "shares": (table.sum(axis=0) / len(labels)).tolist(),
        "entropy_bits": entropy_bits(table.sum(axis=0)),
        "label_entropy_bits": entropy_bits(table.sum(axis=1)),
        "mutual_information_bits": mutual_information_bits(table),
        "mutual_information_null_bits": mutual_information_null(labels, predictions, classes=classes),
    }
